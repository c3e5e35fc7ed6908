//! What is found in the configuration of an XMPP server.

use std::path::Path;
use std::rc::Rc;

use crate::commands::finding::{Finding, Severity};

/// Where something is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileLine {
    /// The file.
    pub(super) file: Rc<Path>,
    /// The line, from 1; `None` for the file as a whole.
    pub(super) line: Option<usize>,
}

/// Collects what is found, each once.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    /// Something that keeps users out, or lets others in.
    pub(super) fn error(&mut self, place: &FileLine, key: &str, text: impl Into<String>) {
        self.add(Severity::Error, place, key, text.into());
    }

    /// Something that deserves a second look.
    pub(super) fn remark(&mut self, place: &FileLine, key: &str, text: impl Into<String>) {
        self.add(Severity::Remark, place, key, text.into());
    }

    fn add(&mut self, severity: Severity, place: &FileLine, key: &str, text: String) {
        let finding = Finding::new(severity, key, text).in_file(&place.file);
        let finding = Finding { line: place.line, ..finding };
        if !self.0.contains(&finding) {
            self.0.push(finding);
        }
    }

    /// Whether nothing was found.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What was found, in the order of the files.
    pub(super) fn into_sorted(mut self) -> Vec<Finding> {
        self.0.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
        self.0
    }
}
