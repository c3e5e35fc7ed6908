//! Exit codes, as sysexits.h names them.
//!
//! Under Prosody `run` ends with 0 whatever happens, because Prosody never again starts a child that
//! ended with anything else.

use std::process::ExitCode;

/// Everything is as asked; for `login`: the password was accepted.
pub const OK: u8 = 0;
/// The command line is wrong.
pub const USAGE: u8 = 64;
/// The directory could not tell.
pub const UNAVAILABLE: u8 = 69;
/// An internal error, or a reply that could not be given in time.
pub const SOFTWARE: u8 = 70;
/// Reading or writing failed.
pub const IO: u8 = 74;
/// The password was not accepted.
pub const NOPERM: u8 = 77;
/// The configuration is wrong.
pub const CONFIG: u8 = 78;

/// As the operating system wants it.
pub fn code(code: u8) -> ExitCode {
    ExitCode::from(code)
}
