//! What a command found: what is wrong, what deserves a look, and what to mind.

use std::path::Path;

use serde::Serialize;

use crate::config::problem::Problem;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Severity {
    /// It is so, and may be.
    Good,
    /// To be minded elsewhere, which this program does not see.
    Hint,
    /// It works, but deserves a look.
    Remark,
    /// It does not work.
    Error,
}

impl Severity {
    /// Its word.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Hint => "hint",
            Self::Remark => "remark",
            Self::Error => "error",
        }
    }
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) severity: Severity,
    /// The file in which it stands, if it does in one, and where there, counted from 1.
    pub(super) file: Option<String>,
    pub(super) line: Option<usize>,
    pub(super) column: Option<usize>,
    /// What it is about, such as a key.
    pub(super) key: Option<String>,
    /// What it is, and what to do instead.
    pub(super) text: String,
    /// The line of the file, without anything that may be a secret.
    #[serde(skip)]
    pub(super) shown: Option<String>,
}

impl Finding {
    /// A finding about something that has no place in a file.
    pub(super) fn new(severity: Severity, key: &str, text: impl Into<String>) -> Self {
        let key = (!key.is_empty()).then(|| key.to_owned());
        let (file, line, column, shown) = (None, None, None, None);
        Self { severity, file, line, column, key, text: text.into(), shown }
    }

    /// The same, about a file as a whole.
    pub(super) fn in_file(self, file: &Path) -> Self {
        Self { file: Some(file.display().to_string()), ..self }
    }

    /// The same, at a place of its file; `shown` is the line, without anything that may be a secret.
    pub(super) fn at(self, line: usize, column: usize, shown: Option<String>) -> Self {
        Self { line: Some(line), column: Some(column), shown, ..self }
    }

    /// What was found in the configuration in this file.
    pub(super) fn of_problem(severity: Severity, file: &Path, problem: &Problem) -> Self {
        let finding = Self::new(severity, &problem.key, problem.text.clone());
        match problem.place.clone() {
            Some(place) => finding.in_file(file).at(place.line, place.column, place.shown),
            // That one names the file, which may be none.
            None if problem.key.is_empty() => finding,
            None => finding.in_file(file),
        }
    }
}

/// How many there are of those that somebody has to look at: `: 2 errors, 1 remark`.
pub(super) fn counted(findings: &[Finding]) -> String {
    let counts = [Severity::Error, Severity::Remark].map(|severity| {
        let count = findings.iter().filter(|finding| finding.severity == severity).count();
        (count > 0).then(|| number(count, severity.name()))
    });
    let counts = counts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    if counts.is_empty() { counts } else { format!(": {counts}") }
}

/// So many of something.
pub(super) fn number(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
