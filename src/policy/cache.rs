//! What was granted before, for a directory that need not, or cannot, be asked. Off by default.
//!
//! Only a directory's yes is remembered, and its next no forgets it, whatever the password was. A
//! password that differs from the remembered one is always the directory's to judge.

use std::num::NonZeroUsize;
use std::time::Duration;

use tokio::time::Instant;

use super::digest::{Attempt, Digest, Id};
use super::ttl_cache::TtlCache;

/// When what is remembered counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// As long as it is young, without asking the directory to prove the password again.
    Ttl,
    /// While the directory cannot answer.
    StaleIfUnavailable,
}

impl Mode {
    /// Each with its name.
    pub const ALL: [(&'static str, Self); 2] =
        [("ttl", Self::Ttl), ("stale-if-unavailable", Self::StaleIfUnavailable)];
}

/// What the cache keeps to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheSettings {
    /// When it counts.
    pub mode: Mode,
    /// For how long.
    pub good_for: Duration,
    /// How many accounts are remembered.
    pub accounts: NonZeroUsize,
}

/// A password that was right.
#[derive(Clone, Copy, Debug)]
struct Proof {
    /// The entry that it was right for.
    entry: Id,
    digest: Digest,
}

/// Remembers who signed in with which password, and who exists. An account is the name that was
/// typed, because in an outage nobody can say which entry it has.
#[derive(Debug)]
pub struct Cache {
    mode: Mode,
    proofs: TtlCache<Id, Proof>,
    existing: TtlCache<Id, ()>,
}

impl Cache {
    /// An empty cache.
    pub fn new(settings: CacheSettings) -> Self {
        let CacheSettings { mode, good_for, accounts } = settings;
        Self {
            mode,
            proofs: TtlCache::new(accounts, good_for),
            existing: TtlCache::new(accounts, good_for),
        }
    }

    fn proof(&self, mode: Mode, account: Id, now: Instant) -> Option<Proof> {
        (self.mode == mode).then(|| self.proofs.get(&account, now)).flatten()
    }

    /// Whether the directory need not be asked to prove the password of this attempt, made on the
    /// entry that the account has now.
    pub fn spares(&self, account: Id, attempt: &Attempt, now: Instant) -> bool {
        let proof = self.proof(Mode::Ttl, account, now);
        proof.is_some_and(|Proof { entry, digest }| {
            entry == attempt.entry && digest == attempt.digest
        })
    }

    /// Whether a password counts as right while the directory cannot answer; `digest` makes it one of
    /// the entry that the account had.
    pub fn vouches_for(
        &self,
        account: Id,
        digest: impl FnOnce(Id) -> Digest,
        now: Instant,
    ) -> bool {
        let proof = self.proof(Mode::StaleIfUnavailable, account, now);
        proof.is_some_and(|proof| proof.digest == digest(proof.entry))
    }

    /// Whether the account counts as existing while the directory cannot answer.
    pub fn knows(&self, account: Id, now: Instant) -> bool {
        self.mode == Mode::StaleIfUnavailable && self.existing.get(&account, now).is_some()
    }

    /// The directory has accepted the password.
    pub fn record_proof(&self, account: Id, attempt: &Attempt, now: Instant) {
        let Attempt { entry, digest, .. } = *attempt;
        self.proofs.put(account, Proof { entry, digest }, now);
    }

    /// The directory has said no to a sign-in.
    pub fn forget_proof(&self, account: Id) {
        self.proofs.forget(&account);
    }

    /// The directory has said that the account exists.
    pub fn record_existence(&self, account: Id, now: Instant) {
        if self.mode == Mode::StaleIfUnavailable {
            self.existing.put(account, (), now);
        }
    }

    /// The directory has said that nobody has this name, or nobody who counts.
    pub fn forget_account(&self, account: Id) {
        self.proofs.forget(&account);
        self.existing.forget(&account);
    }

    /// The password of an entry was changed: by whatever name its user signs in.
    pub fn forget_entry(&self, entry: Id) {
        self.proofs.forget_where(|proof| proof.entry == entry);
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::super::digest::ProcessKey;
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    struct Bed {
        cache: Cache,
        key: ProcessKey,
        now: Instant,
    }

    impl Bed {
        fn new(mode: Mode) -> Self {
            let accounts = NonZeroUsize::new(10).unwrap();
            let cache = Cache::new(CacheSettings { mode, good_for: 10 * MINUTE, accounts });
            Self { cache, key: ProcessKey::new().unwrap(), now: Instant::now() }
        }

        fn attempt(&self, entry: &str, password: &str) -> Attempt {
            self.key.attempt("example.com", entry, &SecretString::from(password))
        }

        fn prove(&self, account: &str, entry: &str, password: &str) {
            let attempt = self.attempt(entry, password);
            self.cache.record_proof(self.key.id(account), &attempt, self.now);
        }

        fn spares(&self, account: &str, entry: &str, password: &str, after: Duration) -> bool {
            let attempt = self.attempt(entry, password);
            self.cache.spares(self.key.id(account), &attempt, self.now + after)
        }

        fn vouches(&self, account: &str, password: &str, after: Duration) -> bool {
            let digest = |entry| self.key.digest(entry, &SecretString::from(password));
            self.cache.vouches_for(self.key.id(account), digest, self.now + after)
        }
    }

    #[test]
    fn a_young_proof_spares_the_directory_for_the_same_password_and_entry() {
        let bed = Bed::new(Mode::Ttl);
        assert!(!bed.spares("alice", "cn=a", "secret", MINUTE));
        bed.prove("alice", "cn=a", "secret");
        assert!(bed.spares("alice", "cn=a", "secret", 9 * MINUTE));
        assert!(!bed.spares("alice", "cn=a", "other", MINUTE));
        assert!(!bed.spares("alice", "cn=b", "secret", MINUTE));
        assert!(!bed.spares("bob", "cn=a", "secret", MINUTE));
        assert!(!bed.vouches("alice", "secret", MINUTE));
        assert!(!bed.spares("alice", "cn=a", "secret", 10 * MINUTE));
    }

    #[test]
    fn a_stale_proof_counts_only_in_its_mode() {
        let bed = Bed::new(Mode::StaleIfUnavailable);
        bed.prove("alice", "cn=a", "secret");
        assert!(!bed.spares("alice", "cn=a", "secret", MINUTE));
        assert!(bed.vouches("alice", "secret", 9 * MINUTE));
        assert!(!bed.vouches("alice", "other", MINUTE));
        assert!(!bed.vouches("alice", "secret", 10 * MINUTE));
    }

    #[test]
    fn a_no_and_a_change_are_remembered_by_forgetting() {
        let bed = Bed::new(Mode::Ttl);
        bed.prove("alice", "cn=a", "secret");
        bed.cache.forget_proof(bed.key.id("alice"));
        assert!(!bed.spares("alice", "cn=a", "secret", MINUTE));
        for name in ["alice", "alice@example.com"] {
            bed.prove(name, "cn=a", "secret");
        }
        bed.prove("bob", "cn=b", "secret");
        bed.cache.forget_entry(bed.key.id("cn=a"));
        for name in ["alice", "alice@example.com"] {
            assert!(!bed.spares(name, "cn=a", "secret", MINUTE));
        }
        assert!(bed.spares("bob", "cn=b", "secret", MINUTE));
    }

    #[test]
    fn who_existed_is_known_while_nobody_can_say() {
        for (mode, known) in [(Mode::StaleIfUnavailable, true), (Mode::Ttl, false)] {
            let bed = Bed::new(mode);
            let alice = bed.key.id("alice");
            assert!(!bed.cache.knows(alice, bed.now));
            bed.cache.record_existence(alice, bed.now);
            assert_eq!(bed.cache.knows(alice, bed.now), known);
            bed.cache.forget_account(alice);
            assert!(!bed.cache.knows(alice, bed.now));
        }
    }

    #[test]
    fn who_is_gone_does_not_sign_in() {
        let bed = Bed::new(Mode::StaleIfUnavailable);
        bed.prove("alice", "cn=a", "secret");
        bed.cache.forget_account(bed.key.id("alice"));
        assert!(!bed.vouches("alice", "secret", MINUTE));
    }
}
