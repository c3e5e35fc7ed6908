//! What the commands print for scripts.

use std::io::{self, Write};

use serde::Serialize;

use crate::printable::pretty_printable_json;

/// How the objects are made that `--json` prints: it grows when a field changes its meaning or goes.
const SCHEMA: u32 = 1;

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Document<T> {
    schema: u32,
    /// Whether the exit status is 0.
    ok: bool,
    #[serde(flatten)]
    about: T,
}

/// Prints what a command found out as JSON.
pub(super) fn print_json(ok: bool, about: impl Serialize) -> io::Result<()> {
    let text = pretty_printable_json(&Document { schema: SCHEMA, ok, about })?;
    print_text(format!("{text}\n").as_bytes())
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
