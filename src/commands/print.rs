//! What the commands print, for people and for scripts.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use crate::config::problem::Problems;
use crate::printable::printable;

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

/// Prints a value as JSON, for scripts, in which no character is left that a terminal would obey.
pub(super) fn print_json(value: &serde_json::Value) {
    let _ = writeln!(io::stdout(), "{}", json_text(value));
}

fn json_text(value: &serde_json::Value) -> String {
    let mut text = String::new();
    for character in format!("{value:#}").chars() {
        // Besides its own line breaks, controls stand in strings alone.
        if character == '\n'
            || printable(character.encode_utf8(&mut [0; 4])).len() == character.len_utf8()
        {
            text.push(character);
        } else {
            let mut units = [0; 2];
            let units = character.encode_utf16(&mut units).iter();
            text.extend(units.map(|unit| format!("\\u{unit:04x}")));
        }
    }
    text
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_means_the_same_and_holds_nothing_that_a_terminal_obeys() {
        let value = serde_json::json!({ "a\u{9b}31m": ["\u{1b}[2J\u{202e}\u{e0041}\n", "Zoë"] });
        let text = json_text(&value);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
        assert!(
            text.chars()
                .all(|c| c == '\n' || printable(c.encode_utf8(&mut [0; 4])).len() == c.len_utf8())
        );
        assert!(text.contains("Zoë"));
    }
}
