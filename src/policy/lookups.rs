//! How often something was looked for where it may be remembered.

use std::sync::atomic::{AtomicU64, Ordering};

/// What became of look-ups.
#[derive(Debug, Default)]
pub struct Lookups {
    hits: AtomicU64,
    misses: AtomicU64,
    stale: AtomicU64,
}

impl Lookups {
    /// It was there, or not.
    pub fn add(&self, is_hit: bool) {
        let count = if is_hit { &self.hits } else { &self.misses };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// It was there, and no longer true, or stood in for what nobody could tell.
    pub fn add_stale(&self) {
        self.stale.fetch_add(1, Ordering::Relaxed);
    }

    /// Each result, and how often there was it.
    pub fn counts(&self) -> [(&'static str, u64); 3] {
        [("hit", &self.hits), ("miss", &self.misses), ("stale", &self.stale)]
            .map(|(result, count)| (result, count.load(Ordering::Relaxed)))
    }
}
