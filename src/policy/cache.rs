//! What was granted before, for a directory that need not, or cannot, be asked. Off by default.
//!
//! Only a directory's yes is remembered, and its next no forgets it, whatever the password was. A
//! password that differs from the remembered one is always the directory's to judge.

use std::num::NonZeroUsize;
use std::time::Duration;

use tokio::time::Instant;

use super::digest::{Digest, Id};
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

/// What the configuration says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
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

/// Remembers who signed in with which password, and who exists.
#[derive(Debug)]
pub struct Cache {
    mode: Mode,
    proofs: TtlCache<Id, Proof>,
    existing: TtlCache<Id, ()>,
}

impl Cache {
    /// An empty cache.
    pub fn new(settings: Settings) -> Self {
        let Settings { mode, good_for, accounts } = settings;
        Self {
            mode,
            proofs: TtlCache::new(accounts, good_for),
            existing: TtlCache::new(accounts, good_for),
        }
    }

    /// Whether the directory need not be asked to prove this password of this account, which has
    /// this entry now.
    pub fn spares(&self, account: Id, entry: Id, digest: Digest, now: Instant) -> bool {
        let proof = (self.mode == Mode::Ttl).then(|| self.proofs.get(&account, now)).flatten();
        proof.is_some_and(|proof| proof.entry == entry && proof.digest == digest)
    }

    /// Whether the password counts as right while the directory cannot answer.
    pub fn vouches_for(&self, account: Id, digest: Digest, now: Instant) -> bool {
        let is_stale = self.mode == Mode::StaleIfUnavailable;
        let proof = is_stale.then(|| self.proofs.get(&account, now)).flatten();
        proof.is_some_and(|proof| proof.digest == digest)
    }

    /// Whether the account counts as existing while the directory cannot answer.
    pub fn knows(&self, account: Id, now: Instant) -> bool {
        self.mode == Mode::StaleIfUnavailable && self.existing.get(&account, now).is_some()
    }

    /// The directory has accepted the password.
    pub fn proved(&self, account: Id, entry: Id, digest: Digest, now: Instant) {
        self.proofs.put(account, Proof { entry, digest }, now);
    }

    /// The directory has said no to a sign-in.
    pub fn refused(&self, account: Id) {
        self.proofs.forget(&account);
    }

    /// The directory has said that the account exists.
    pub fn exists(&self, account: Id, now: Instant) {
        if self.mode == Mode::StaleIfUnavailable {
            self.existing.put(account, (), now);
        }
    }

    /// The directory has said that nobody has this name, or nobody who counts.
    pub fn is_gone(&self, account: Id) {
        self.proofs.forget(&account);
        self.existing.forget(&account);
    }

    /// The password of an entry was changed: by whatever name its user signs in.
    pub fn changed(&self, entry: Id) {
        self.proofs.forget_where(|proof| proof.entry == entry);
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::super::digest::Keys;
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    struct Bed {
        cache: Cache,
        keys: Keys,
        now: Instant,
    }

    impl Bed {
        fn new(mode: Mode) -> Self {
            let accounts = NonZeroUsize::new(10).unwrap();
            let cache = Cache::new(Settings { mode, good_for: 10 * MINUTE, accounts });
            Self { cache, keys: Keys::new().unwrap(), now: Instant::now() }
        }

        fn digest(&self, account: &str, password: &str) -> Digest {
            self.keys.digest(self.keys.id(account), &SecretString::from(password))
        }

        fn prove(&self, account: &str, entry: &str, password: &str) {
            let digest = self.digest(account, password);
            self.cache.proved(self.keys.id(account), self.keys.id(entry), digest, self.now);
        }

        fn spares(&self, account: &str, entry: &str, password: &str, after: Duration) -> bool {
            let digest = self.digest(account, password);
            let (account, entry) = (self.keys.id(account), self.keys.id(entry));
            self.cache.spares(account, entry, digest, self.now + after)
        }

        fn vouches(&self, account: &str, password: &str, after: Duration) -> bool {
            let digest = self.digest(account, password);
            self.cache.vouches_for(self.keys.id(account), digest, self.now + after)
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
        bed.cache.refused(bed.keys.id("alice"));
        assert!(!bed.spares("alice", "cn=a", "secret", MINUTE));
        for name in ["alice", "alice@example.com"] {
            bed.prove(name, "cn=a", "secret");
        }
        bed.prove("bob", "cn=b", "secret");
        bed.cache.changed(bed.keys.id("cn=a"));
        for name in ["alice", "alice@example.com"] {
            assert!(!bed.spares(name, "cn=a", "secret", MINUTE));
        }
        assert!(bed.spares("bob", "cn=b", "secret", MINUTE));
    }

    #[test]
    fn who_existed_is_known_while_nobody_can_say() {
        for (mode, known) in [(Mode::StaleIfUnavailable, true), (Mode::Ttl, false)] {
            let bed = Bed::new(mode);
            let alice = bed.keys.id("alice");
            assert!(!bed.cache.knows(alice, bed.now));
            bed.cache.exists(alice, bed.now);
            assert_eq!(bed.cache.knows(alice, bed.now), known);
            bed.cache.is_gone(alice);
            assert!(!bed.cache.knows(alice, bed.now));
        }
    }

    #[test]
    fn who_is_gone_does_not_sign_in() {
        let bed = Bed::new(Mode::StaleIfUnavailable);
        bed.prove("alice", "cn=a", "secret");
        bed.cache.is_gone(bed.keys.id("alice"));
        assert!(!bed.vouches("alice", "secret", MINUTE));
    }
}
