//! The logins of service accounts that were refused. A reload makes pools and sessions anew, but a
//! directory counts on, so this outlives them.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::lock::locked;
use crate::verdict::Outcome;

/// Refusals that are older count no more: directories count failures for less.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(3600);

/// Which logins were refused, by digests that say nothing to whoever does not know the key.
#[derive(Debug, Default)]
pub struct RefusedLogins {
    key: RandomState,
    refused: Mutex<HashMap<LoginDigest, (Outcome, Instant)>>,
}

/// A name and a secret at some servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct LoginDigest(u64);

impl RefusedLogins {
    pub(super) fn login(&self, servers: &[&str], name: &str, secret: &str) -> LoginDigest {
        LoginDigest(self.key.hash_one((servers, name, secret)))
    }

    /// This login was refused now, and that was what became of it.
    pub(super) fn add(&self, login: LoginDigest, outcome: &Outcome) {
        let mut refused = locked(&self.refused);
        refused.retain(|_, (_, at)| at.elapsed() < FORGOTTEN_AFTER);
        refused.insert(login, (outcome.clone(), Instant::now()));
    }

    /// This login was accepted.
    pub(super) fn remove(&self, login: LoginDigest) {
        locked(&self.refused).remove(&login);
    }

    /// What became of a login that was refused a moment ago, or `within` the time.
    pub(super) fn refused_within(&self, login: LoginDigest, within: Duration) -> Option<Outcome> {
        let refused = locked(&self.refused);
        let (outcome, at) = refused.get(&login)?;
        (at.elapsed() < within).then(|| outcome.clone())
    }

    /// What became of a login that was refused and may still count against its account.
    pub(super) fn refused_lately(&self, login: LoginDigest) -> Option<Outcome> {
        self.refused_within(login, FORGOTTEN_AFTER)
    }
}
