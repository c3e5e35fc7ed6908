//! What the commands print, for people and for scripts.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use crate::config::problem::Problems;
use crate::printable::pretty_printable_json;

/// For what is as it should be.
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
/// For what deserves a look.
pub(super) const ODD: Style = AnsiColor::Yellow.on_default();
/// For what is wrong.
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
/// For what is beside the matter.
pub(super) const FAINT: Style = Style::new().dimmed();

/// Prints what is wrong with a configuration.
pub(super) fn print_problems(out: &mut impl Write, problems: &Problems) -> io::Result<()> {
    problems.iter().try_for_each(|problem| writeln!(out, "{BAD}problem:{BAD:#} {problem}"))
}

/// Prints a value as JSON, for scripts.
pub(super) fn print_json(value: &serde_json::Value) {
    let _ = writeln!(io::stdout(), "{}", pretty_printable_json(value));
}

/// Prints a text for another program, as it is.
pub(super) fn print_text(text: &[u8]) -> io::Result<()> {
    unless_closed(io::stdout().write_all(text))
}

/// What became of printing; that nobody reads on is the reader's choice.
pub(super) fn unless_closed(printed: io::Result<()>) -> io::Result<()> {
    printed.or_else(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(error),
    })
}
