//! How a command ends, whether it did its work or not.

use std::io;
use std::path::Path;

use serde::Serialize;

use super::finding::{Finding, Severity};
use super::print::print_json;
use super::screen::Screen;
use crate::config::problem::Problems;
use crate::exit::Code;
use crate::observe::logger::Logger;
use crate::observe::target::Log;
use crate::peer::process::{Process, ProcessEnd};

/// Why a command could not do its work.
#[derive(Debug)]
pub struct Failure {
    code: Code,
    findings: Vec<Finding>,
}

/// The same, for scripts.
#[derive(Serialize)]
struct Failed<'a> {
    findings: &'a [Finding],
}

impl Failure {
    fn new(code: Code, text: impl Into<String>) -> Self {
        Self { code, findings: vec![Finding::new(Severity::Error, "", text)] }
    }

    /// It was not called as it should be.
    pub(super) fn usage(text: impl Into<String>) -> Self {
        Self::new(Code::USAGE, text)
    }

    /// The configuration in this file is wrong.
    pub(super) fn config(file: &Path, problems: &Problems) -> Self {
        let finding = |problem| Finding::of_problem(Severity::Error, file, problem);
        Self { code: Code::CONFIG, findings: problems.iter().map(finding).collect() }
    }

    /// The configuration is right, but cannot be used on this machine as it is.
    pub(super) fn setup(text: impl Into<String>) -> Self {
        Self::new(Code::CONFIG, text)
    }

    /// Nobody is there who could.
    pub(super) fn unavailable(text: impl Into<String>) -> Self {
        Self::new(Code::UNAVAILABLE, text)
    }

    /// The system did not let it.
    pub(super) fn io(text: impl Into<String>) -> Self {
        Self::new(Code::IO, text)
    }

    /// Tells people, or scripts.
    fn print(&self, is_json: bool) -> io::Result<()> {
        if is_json {
            return print_json(false, Failed { findings: &self.findings });
        }
        let mut screen = Screen::new();
        screen.findings(&self.findings);
        screen.print_beside()
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::io(error.to_string())
    }
}

/// Ends a command that told something, or could not.
pub fn conclude(is_json: bool, done: Result<Code, Failure>) -> ProcessEnd {
    ProcessEnd::Told(done.unwrap_or_else(|failure| {
        // Whoever reads no further knows the code.
        let _ = failure.print(is_json);
        failure.code
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
