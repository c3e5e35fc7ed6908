//! What was found on a server.

use std::sync::Arc;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grade {
    /// As it should be.
    Good,
    /// Deserves a look.
    Odd,
    /// Something configured cannot work.
    Bad,
}

/// One thing found.
#[derive(Clone, Debug)]
pub struct ProbeFinding {
    /// What was looked at.
    pub what: &'static str,
    /// What was found, for people.
    pub text: String,
    /// How much that matters.
    pub grade: Grade,
}

/// What was found on one server.
#[derive(Clone, Debug)]
pub struct Report {
    /// The server, as the configuration writes it.
    pub server: Arc<str>,
    /// In the order in which it was looked at.
    pub findings: Vec<ProbeFinding>,
    /// The groups that it does not have, about which a global catalog is asked.
    pub left_to_catalog: Vec<String>,
}

impl Report {
    /// A report on a server that was not looked at yet.
    pub(super) fn new(server: Arc<str>) -> Self {
        Self { server, findings: Vec::new(), left_to_catalog: Vec::new() }
    }

    /// A report that no server could be asked.
    pub fn no_server(fault: String) -> Self {
        let mut report = Self::new("discover".into());
        report.note(Grade::Bad, "servers", fault);
        report
    }

    pub(super) fn note(&mut self, grade: Grade, what: &'static str, text: impl Into<String>) {
        self.findings.push(ProbeFinding { what, text: text.into(), grade });
    }

    pub(super) fn judge(&mut self, what: &'static str, text: &str, problem: Option<&str>) {
        match problem {
            None => self.note(Grade::Good, what, text),
            Some(problem) => self.note(Grade::Bad, what, format!("{text}: {problem}")),
        }
    }

    /// Whether something configured cannot work there.
    pub fn is_bad(&self) -> bool {
        self.findings.iter().any(|finding| finding.grade == Grade::Bad)
    }
}
