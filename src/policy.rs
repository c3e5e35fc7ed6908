//! What is remembered between requests, to spare the directory and to protect its users: nothing
//! here knows LDAP, a wire, or a clock. Time is an argument.
//!
//! [`digest`] makes of names and passwords what can be kept; [`attempt`] is a sign-in made of that, and
//! [`changes`] says what it outlived; [`guard`] keeps wrong passwords from the directory; [`cache`]
//! answers for a directory that cannot, or need not, be asked; [`admission`] tells early who would be
//! answered too late; [`ttl_cache`] is a bounded cache; [`lookups`] counts.

pub mod admission;
pub mod attempt;
pub mod cache;
pub mod changes;
pub mod digest;
pub mod guard;
pub mod lookups;
pub mod ttl_cache;

use std::io;
use std::sync::Arc;

use secrecy::SecretString;

use self::attempt::SignInAttempt;
use self::cache::{Cache, CacheSettings};
use self::changes::{Changes, Moment};
use self::digest::ProcessKey;
use self::guard::{Guard, GuardSettings};

/// What stands between requests and directories.
#[derive(Debug)]
pub struct Policies {
    /// Under which everything is remembered.
    pub key: ProcessKey,
    /// The lock-out guard, if it is on.
    pub guard: Option<Arc<Guard>>,
    /// The guard that is on, or was on last: what it knows is not forgotten while it is off.
    last_guard: Option<Arc<Guard>>,
    /// The credential cache, if it is on.
    pub cache: Option<Cache>,
    /// What both take into account.
    pub changes: Arc<Changes>,
}

impl Policies {
    /// Policies that remember nothing yet. The error says that the system has no random numbers.
    pub fn new(guard: Option<GuardSettings>, cache: Option<CacheSettings>) -> io::Result<Self> {
        let changes = Arc::default();
        let guard = guard.map(|settings| Guard::new(settings, &changes));
        Ok(Self {
            key: ProcessKey::new()?,
            last_guard: guard.clone(),
            guard,
            cache: cache.map(|settings| Cache::new(settings, &changes)),
            changes,
        })
    }

    /// The policies of another configuration. What was wrong stays wrong, and counts; whom other rules
    /// let in may have no right to it any more.
    pub fn renewed(&self, guard: Option<GuardSettings>, cache: Option<CacheSettings>) -> Self {
        let guard = guard.map(|settings| match &self.last_guard {
            None => Guard::new(settings, &self.changes),
            Some(guard) => guard.adjusted(settings),
        });
        let cache = cache.map(|settings| Cache::new(settings, &self.changes));
        let last_guard = guard.clone().or_else(|| self.last_guard.clone());
        let (key, changes) = (self.key.clone(), Arc::clone(&self.changes));
        Self { key, guard, last_guard, cache, changes }
    }

    /// Forgets what the guard holds against an account: whether there was anything.
    pub fn forgive(&self, counted_as: &str) -> bool {
        self.guard.as_ref().is_some_and(|guard| guard.forgive(self.key.id(counted_as)))
    }

    /// An attempt, which begins now, to sign in as an entry of a domain, whose failures are counted by
    /// some name.
    pub fn attempt(
        &self,
        domain: &str,
        counted_as: &str,
        entry: &str,
        password: &SecretString,
    ) -> SignInAttempt {
        SignInAttempt::new(&self.key, self.changes.now(), domain, counted_as, entry, password)
    }

    /// The password of an account may be another now: nothing that was learned of it is true any more,
    /// nor what attempts learn that are under way. Whether it was changed by nobody else since the
    /// change began.
    pub fn password_changed(&self, counted_as: &str, began: Moment) -> bool {
        let account = self.key.id(counted_as);
        let is_alone = self.changes.last_password(account) <= began;
        self.changes.password_changed(account);
        is_alone
    }
}
