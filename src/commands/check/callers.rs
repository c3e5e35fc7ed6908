//! The configurations of XMPP servers, as they are given on the command line.

use std::path::Path;

use super::ejabberd::Ejabberd;
use super::findings::{FileLine, Findings};
use super::own_configuration::{OwnConfiguration, judge_socket};
use super::prosody::Prosody;
use super::{ejabberd_advice, prosody_advice};
use crate::commands::finding::Finding;
use crate::protocol::dialect::Dialect;

/// What was read, before anything is judged: root can read what the user cannot for whom it checks.
#[derive(Debug)]
pub(super) struct Callers {
    ejabberd: Option<Ejabberd>,
    prosody: Option<Prosody>,
    found: Findings,
}

impl Callers {
    /// Reads the files.
    pub(super) fn read(ejabberd: Option<&Path>, prosody: Option<&Path>) -> Self {
        let mut found = Findings::default();
        let ejabberd = ejabberd.map(|path| Ejabberd::read(path, &mut found));
        let prosody = prosody.map(|path| Prosody::read(path, &mut found));
        Self { ejabberd, prosody, found }
    }

    /// Whose configuration it is, where only one was given.
    pub(super) fn dialect(&self) -> Option<Dialect> {
        match (&self.ejabberd, &self.prosody) {
            (Some(_), None) => Some(Dialect::Ejabberd),
            (None, Some(_)) => Some(Dialect::Prosody),
            _ => None,
        }
    }

    /// Whether any was given.
    pub(super) fn are_given(&self) -> bool {
        self.ejabberd.is_some() || self.prosody.is_some()
    }

    /// Everything that hurts, and a daemon's socket that cannot be reached.
    pub(super) fn judge(self, own: OwnConfiguration<'_>) -> Vec<Finding> {
        let mut found = self.found;
        // What could not be read would seem to be missing.
        let is_read = found.is_empty();
        if let Some(socket) = &own.reading.startup.daemon {
            let place = FileLine { file: own.path.into(), line: None };
            judge_socket(socket, None, &place, "daemon", &mut found);
        }
        if let Some(ejabberd) = self.ejabberd.filter(|_| is_read) {
            ejabberd_advice::judge(&ejabberd, own, &mut found);
        }
        if let Some(prosody) = self.prosody.filter(|_| is_read) {
            prosody_advice::judge(&prosody, own, &mut found);
        }
        found.into_sorted()
    }
}
