//! How a command ends, whether it did its work or not.

use std::io::{self, Write};

use super::print::{BAD, print_problems};
use crate::config::problem::Problems;
use crate::exit::Code;
use crate::observe::logger::Logger;
use crate::observe::target::Log;
use crate::peer::process::{Process, ProcessEnd};

/// Why a command could not do its work.
#[derive(Debug)]
pub enum Failure {
    /// It was not called as it should be.
    Usage(String),
    /// The configuration is wrong.
    Config(Problems),
    /// The configuration is right, but cannot be used on this machine as it is.
    Setup(String),
    /// Nobody is there who could.
    Unavailable(String),
    /// The system did not let it.
    Io(String),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error.to_string())
    }
}

impl Failure {
    /// Tells people.
    fn print(&self, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Config(problems) => print_problems(out, problems),
            Self::Usage(text) | Self::Setup(text) | Self::Unavailable(text) | Self::Io(text) => {
                writeln!(out, "{BAD}error:{BAD:#} {text}")
            }
        }
    }

    fn code(&self) -> Code {
        match self {
            Self::Usage(_) => Code::USAGE,
            Self::Config(_) | Self::Setup(_) => Code::CONFIG,
            Self::Unavailable(_) => Code::UNAVAILABLE,
            Self::Io(_) => Code::IO,
        }
    }
}

/// Ends a command that told something, or could not.
pub fn conclude(done: Result<Code, Failure>) -> ProcessEnd {
    ProcessEnd::Told(done.unwrap_or_else(|failure| {
        // Whoever reads no further knows the code.
        let _ = failure.print(&mut anstream::stderr());
        failure.code()
    }))
}

/// Ends a process whose command line asks for help or the version, or is wrong.
pub fn refuse(process: &Process, error: &clap::Error) -> ProcessEnd {
    if !error.use_stderr() {
        let _ = error.print();
        return ProcessEnd::Told(Code::OK);
    }
    if process.peer().leaves_stderr() {
        let _ = error.print();
    } else {
        process.take_over();
        let _ = Logger::start(&Log::default(), process.peer());
        tracing::error!(problem = error.to_string(), "the command line is wrong");
    }
    ProcessEnd::Usage
}
