//! What is remembered between requests, to spare the directory and to protect its users: nothing
//! here knows LDAP, a wire, or a clock. Time is an argument.
//!
//! [`digest`] makes of names and passwords what can be kept; [`guard`] keeps wrong passwords from the
//! directory; [`cache`] answers for a directory that cannot, or need not, be asked; [`admission`]
//! tells early who would be answered too late; [`ttl_cache`] is a bounded cache; [`lookups`] counts.

pub mod admission;
pub mod cache;
pub mod digest;
pub mod guard;
pub mod lookups;
pub mod ttl_cache;

use std::io;
use std::sync::Arc;

use self::cache::{Cache, CacheSettings};
use self::digest::ProcessKey;
use self::guard::{Guard, GuardSettings};

/// What stands between requests and directories.
#[derive(Debug)]
pub struct Policies {
    /// Under which everything is remembered.
    pub key: ProcessKey,
    /// The lock-out guard, if it is on.
    pub guard: Option<Arc<Guard>>,
    /// The credential cache, if it is on.
    pub cache: Option<Cache>,
}

impl Policies {
    /// Policies that remember nothing yet. The error says that the system has no random numbers.
    pub fn new(guard: Option<GuardSettings>, cache: Option<CacheSettings>) -> io::Result<Self> {
        Ok(Self {
            key: ProcessKey::new()?,
            guard: guard.map(Guard::new),
            cache: cache.map(Cache::new),
        })
    }

    /// The policies of another configuration. What was wrong stays wrong, and counts; whom other rules
    /// let in may have no right to it any more.
    pub fn renewed(&self, guard: Option<GuardSettings>, cache: Option<CacheSettings>) -> Self {
        let guard = guard.map(|settings| match &self.guard {
            None => Guard::new(settings),
            Some(guard) => guard.adjusted(settings),
        });
        Self { key: self.key.clone(), guard, cache: cache.map(Cache::new) }
    }

    /// Forgets what the guard holds against an account: whether there was anything.
    pub fn forgive(&self, counted_as: &str) -> bool {
        self.guard.as_ref().is_some_and(|guard| guard.forgive(self.key.id(counted_as)))
    }

    /// What is known about the passwords of an entry may be true no more.
    pub fn forget_passwords(&self, counted_as: &str, entry: &str) {
        self.guard.iter().for_each(|guard| guard.forget_passwords(self.key.id(counted_as)));
        self.cache.iter().for_each(|cache| cache.forget_entry(self.key.id(entry)));
    }
}
