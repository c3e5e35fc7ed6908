//! How often the guard stepped in.

use std::sync::atomic::{AtomicU64, Ordering};

/// How often the guard stepped in.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    same_wrong: AtomicU64,
    account: AtomicU64,
    domain: AtomicU64,
}

impl Refusals {
    /// An attempt was held back because of a password that was refused before.
    pub(super) fn add_same_wrong(&self) {
        self.same_wrong.fetch_add(1, Ordering::Relaxed);
    }

    /// An attempt, or one more bind of it, was held back because its account had so many failures.
    pub(super) fn add_account(&self) {
        self.account.fetch_add(1, Ordering::Relaxed);
    }

    /// A domain had so many wrong passwords that this was said.
    pub(super) fn add_domain(&self) {
        self.domain.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn counts(&self) -> [(&'static str, u64); 3] {
        [("same-wrong", &self.same_wrong), ("account", &self.account), ("domain", &self.domain)]
            .map(|(kind, count)| (kind, count.load(Ordering::Relaxed)))
    }
}
