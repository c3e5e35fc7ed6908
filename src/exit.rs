//! Exit codes, as sysexits.h names them.
//!
//! Under Prosody `run` ends with 0 whatever happens, because Prosody never again starts a child that
//! ended with anything else.

use std::process::ExitCode;

/// How a process ended, for whoever started it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code(u8);

impl Code {
    /// Everything is as asked; for `login`: the password was accepted.
    pub const OK: Self = Self(0);
    /// The command line is wrong.
    pub const USAGE: Self = Self(64);
    /// The directory could not tell.
    pub const UNAVAILABLE: Self = Self(69);
    /// An internal error, or a reply that could not be given in time.
    pub const SOFTWARE: Self = Self(70);
    /// Reading or writing failed.
    pub const IO: Self = Self(74);
    /// The password was not accepted.
    pub const NOPERM: Self = Self(77);
    /// The configuration is wrong.
    pub const CONFIG: Self = Self(78);

    /// Every one.
    pub const ALL: [Self; 7] = [
        Self::OK,
        Self::USAGE,
        Self::UNAVAILABLE,
        Self::SOFTWARE,
        Self::IO,
        Self::NOPERM,
        Self::CONFIG,
    ];

    /// Its number.
    pub fn number(self) -> u8 {
        self.0
    }
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code.0)
    }
}
