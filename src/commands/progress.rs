//! What a person sees while a command waits, who has to know at once what it waits for: a line that is
//! gone afterwards. Whoever is no terminal sees nothing.

use std::io::{self, IsTerminal, Write};

use super::screen::{FAINT, width_of};
use crate::printable::printable;

/// Back to the begin of the line, and what stood there is gone (ECMA-48, EL).
const ANEW: &str = "\r\u{1b}[K";

/// How wide a terminal is that does not say so.
const USUAL: usize = 80;

/// Shows what is waited for.
pub(super) fn show(what: &str) {
    let text: String =
        printable(what).chars().take(width_of(io::stderr(), USUAL).saturating_sub(12)).collect();
    write(&format!("{ANEW}{FAINT}waiting: {text}{FAINT:#}"));
}

/// Nothing is waited for any more.
pub(super) fn clear() {
    write(ANEW);
}

fn write(text: &str) {
    let mut terminal = io::stderr();
    if terminal.is_terminal() {
        // Who cannot see it can wait all the same.
        let _ = terminal.write_all(text.as_bytes()).and_then(|()| terminal.flush());
    }
}
