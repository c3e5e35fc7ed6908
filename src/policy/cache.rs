//! What was granted before, for a directory that need not, or cannot, be asked. Off by default.
//!
//! Only a directory's yes is remembered, and its next no forgets it, whatever the password was. A
//! password that differs from the remembered one is always the directory's to judge. What began
//! before that no, or before the password was changed, is not remembered.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::attempt::SignInAttempt;
use super::changes::{Changes, Moment};
use super::digest::HashedId;
use super::lookups::Lookups;
use super::ttl_cache::TtlCache;
use crate::named::named;

named! {
    /// When what is remembered counts.
    pub enum CacheMode {
        /// As long as it is young, without asking the directory to prove the password again.
        Ttl = "ttl",
        /// While the directory cannot answer.
        StaleIfUnavailable = "stale-if-unavailable",
    }
}

/// What the cache keeps to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheSettings {
    /// When it counts.
    pub mode: CacheMode,
    /// For how long.
    pub good_for: Duration,
    /// How many accounts are remembered.
    pub accounts: NonZeroUsize,
}

/// Remembers who signed in with which password, and who exists. An account is the name that was
/// typed, because in an outage nobody can say which entry it has.
#[derive(Debug)]
pub struct Cache {
    mode: CacheMode,
    /// The entries that accounts had, and the sign-ins that were granted as these entries.
    entries: TtlCache<HashedId, HashedId>,
    proofs: TtlCache<HashedId, SignInAttempt>,
    existing: TtlCache<HashedId, ()>,
    changes: Arc<Changes>,
    /// How often a proof was looked for.
    pub lookups: Lookups,
}

impl Cache {
    /// An empty cache, which takes these changes into account.
    pub fn new(settings: CacheSettings, changes: &Arc<Changes>) -> Self {
        let CacheSettings { mode, good_for, accounts } = settings;
        Self {
            mode,
            entries: TtlCache::new(accounts, good_for),
            proofs: TtlCache::new(accounts, good_for),
            existing: TtlCache::new(accounts, good_for),
            changes: Arc::clone(changes),
            lookups: Lookups::default(),
        }
    }

    /// How many passwords are remembered, those that do not count any more included.
    pub fn proofs(&self) -> usize {
        self.proofs.len()
    }

    fn proof(&self, mode: CacheMode, account: HashedId, now: Instant) -> Option<SignInAttempt> {
        let entry = (self.mode == mode).then(|| self.entries.get(&account, now)).flatten()?;
        let proof = self.proofs.get(&entry, now)?;
        (self.changes.last_password(proof.counted_as) <= proof.began).then_some(proof)
    }

    /// Whether the directory need not be asked to prove the password of this attempt, made on the
    /// entry that the account has now.
    pub fn spares(&self, account: HashedId, attempt: &SignInAttempt, now: Instant) -> bool {
        let proof = self.proof(CacheMode::Ttl, account, now);
        let is_hit = proof
            .is_some_and(|proof| proof.entry == attempt.entry && proof.digest == attempt.digest);
        if self.mode == CacheMode::Ttl {
            self.lookups.add(is_hit);
        }
        is_hit
    }

    /// The sign-in of the account that was granted last, if that counts while the directory cannot
    /// answer.
    pub fn stands_in(&self, account: HashedId, now: Instant) -> Option<SignInAttempt> {
        let proof = self.proof(CacheMode::StaleIfUnavailable, account, now);
        match proof {
            Some(_) => self.lookups.add_stale(),
            None if self.mode == CacheMode::StaleIfUnavailable => self.lookups.add(false),
            None => {}
        }
        proof
    }

    /// Whether the account counts as existing while the directory cannot answer.
    pub fn knows(&self, account: HashedId, now: Instant) -> bool {
        self.mode == CacheMode::StaleIfUnavailable && self.existing.get(&account, now).is_some()
    }

    /// The directory has accepted the password.
    pub fn record_proof(&self, account: HashedId, attempt: SignInAttempt, now: Instant) {
        if self.changes.last_denial(attempt.entry) > attempt.began {
            return;
        }
        self.entries.put(account, attempt.entry, now);
        self.proofs.put(attempt.entry, attempt, now);
    }

    /// The directory has said no to a sign-in of an account, or as one of these entries: under all
    /// their names.
    pub fn forget_proof(
        &self,
        account: HashedId,
        entries: impl IntoIterator<Item = HashedId>,
        now: Instant,
    ) {
        let before = self.entries.get(&account, now);
        before.into_iter().chain(entries).for_each(|entry| self.forget_entry(entry));
    }

    /// The directory has said that the account exists, when it was asked at some moment.
    pub fn record_existence(&self, account: HashedId, asked: Moment, now: Instant) {
        let is_current = self.changes.last_denial(account) <= asked;
        if self.mode == CacheMode::StaleIfUnavailable && is_current {
            self.existing.put(account, (), now);
        }
    }

    /// The directory has said that nobody counts who has this name.
    pub fn forget_existence(&self, account: HashedId) {
        self.changes.denied(account);
        self.existing.forget(&account);
    }

    fn forget_entry(&self, entry: HashedId) {
        self.changes.denied(entry);
        self.proofs.forget(&entry);
    }
}

#[cfg(test)]
mod tests {

    use secrecy::SecretString;

    use super::super::digest::ProcessKey;
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    struct CacheBed {
        cache: Cache,
        changes: Arc<Changes>,
        key: ProcessKey,
        now: Instant,
    }

    impl CacheBed {
        fn new(mode: CacheMode) -> Self {
            let accounts = NonZeroUsize::new(10).unwrap();
            let settings = CacheSettings { mode, good_for: 10 * MINUTE, accounts };
            let changes = Arc::default();
            let cache = Cache::new(settings, &changes);
            Self { cache, changes, key: ProcessKey::new().unwrap(), now: Instant::now() }
        }

        fn attempt(&self, entry: &str, password: &str) -> SignInAttempt {
            let (began, password) = (self.changes.now(), SecretString::from(password));
            SignInAttempt::new(&self.key, began, "example.com", entry, entry, &password)
        }

        fn prove(&self, account: &str, entry: &str, password: &str) {
            let attempt = self.attempt(entry, password);
            self.cache.record_proof(self.key.id(account), attempt, self.now);
        }

        fn spares(&self, account: &str, entry: &str, password: &str, after: Duration) -> bool {
            let attempt = self.attempt(entry, password);
            self.cache.spares(self.key.id(account), &attempt, self.now + after)
        }

        fn vouches(&self, account: &str, password: &str, after: Duration) -> bool {
            let proof = self.cache.stands_in(self.key.id(account), self.now + after);
            proof.is_some_and(|proof| {
                proof.digest == proof.with_password(&self.key, &SecretString::from(password)).digest
            })
        }
    }

    #[test]
    fn a_young_proof_spares_the_directory_for_the_same_password_and_entry() {
        let bed = CacheBed::new(CacheMode::Ttl);
        assert!(!bed.spares("alice", "cn=a", "secret", MINUTE));
        bed.prove("alice", "cn=a", "secret");
        assert!(bed.spares("alice", "cn=a", "secret", 9 * MINUTE));
        assert!(!bed.spares("alice", "cn=a", "other", MINUTE));
        assert!(!bed.spares("alice", "cn=b", "secret", MINUTE));
        assert!(!bed.spares("bob", "cn=a", "secret", MINUTE));
        assert!(!bed.vouches("alice", "secret", MINUTE));
        assert!(!bed.spares("alice", "cn=a", "secret", 10 * MINUTE));
        assert_eq!(bed.cache.lookups.counts(), [("hit", 1), ("miss", 5), ("stale", 0)]);
    }

    #[test]
    fn a_stale_proof_counts_only_in_its_mode() {
        let bed = CacheBed::new(CacheMode::StaleIfUnavailable);
        bed.prove("alice", "cn=a", "secret");
        assert!(!bed.spares("alice", "cn=a", "secret", MINUTE));
        assert!(bed.vouches("alice", "secret", 9 * MINUTE));
        assert!(!bed.vouches("alice", "other", MINUTE));
        assert!(!bed.vouches("alice", "secret", 10 * MINUTE));
        assert_eq!(bed.cache.lookups.counts(), [("hit", 0), ("miss", 1), ("stale", 2)]);
    }

    #[test]
    fn a_no_and_a_change_are_remembered_by_forgetting() {
        let bed = CacheBed::new(CacheMode::Ttl);
        for forgetful in ["alice", "alice@example.com"] {
            for name in ["alice", "alice@example.com"] {
                bed.prove(name, "cn=a", "secret");
            }
            bed.cache.forget_proof(bed.key.id(forgetful), None, bed.now);
            assert!(!bed.spares("alice", "cn=a", "secret", MINUTE), "{forgetful}");
        }
        for name in ["alice", "alice@example.com"] {
            bed.prove(name, "cn=a", "secret");
        }
        bed.prove("bob", "cn=b", "secret");
        bed.changes.password_changed(bed.key.id("cn=a"));
        for name in ["alice", "alice@example.com"] {
            assert!(!bed.spares(name, "cn=a", "secret", MINUTE));
        }
        assert!(bed.spares("bob", "cn=b", "secret", MINUTE));
    }

    #[test]
    fn what_began_before_a_no_or_a_change_proves_nothing_after_it() {
        for mode in [CacheMode::Ttl, CacheMode::StaleIfUnavailable] {
            let bed = CacheBed::new(mode);
            let (alice, entry) = (bed.key.id("alice"), bed.key.id("cn=a"));
            let counts = || {
                bed.spares("alice", "cn=a", "old", MINUTE) || bed.vouches("alice", "old", MINUTE)
            };
            let slow = bed.attempt("cn=a", "old");
            bed.cache.forget_proof(alice, [entry], bed.now);
            bed.cache.record_proof(alice, slow, bed.now);
            assert!(!counts(), "{mode:?}");
            let slow = bed.attempt("cn=a", "old");
            bed.changes.password_changed(entry);
            bed.cache.record_proof(alice, slow, bed.now);
            assert!(!counts(), "{mode:?}");
            bed.prove("alice", "cn=a", "old");
            assert!(counts(), "{mode:?}");
        }
    }

    #[test]
    fn who_existed_is_known_while_nobody_can_say() {
        for (mode, known) in [(CacheMode::StaleIfUnavailable, true), (CacheMode::Ttl, false)] {
            let bed = CacheBed::new(mode);
            let alice = bed.key.id("alice");
            assert!(!bed.cache.knows(alice, bed.now));
            let asked = bed.changes.now();
            bed.cache.record_existence(alice, asked, bed.now);
            assert_eq!(bed.cache.knows(alice, bed.now), known);
            bed.cache.forget_existence(alice);
            assert!(!bed.cache.knows(alice, bed.now));
            bed.cache.record_existence(alice, asked, bed.now);
            assert!(!bed.cache.knows(alice, bed.now), "that was before");
        }
    }

    #[test]
    fn a_no_about_an_entry_counts_for_a_name_that_had_another_one() {
        let bed = CacheBed::new(CacheMode::StaleIfUnavailable);
        bed.prove("alice", "cn=a", "secret");
        bed.prove("bob", "cn=b", "secret");
        bed.cache.forget_proof(bed.key.id("alice"), Some(bed.key.id("cn=b")), bed.now);
        assert!(!bed.vouches("alice", "secret", MINUTE));
        assert!(!bed.vouches("bob", "secret", MINUTE));
    }
}
