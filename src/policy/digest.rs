//! Names and passwords in a form that says nothing to whoever reads this process's memory
//! without its key: HMAC-SHA-256 with a key that is made at the start and never leaves.

use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::io;

use ring::hmac::{Context, HMAC_SHA256, Key, Tag};
use ring::rand::SystemRandom;
use secrecy::{ExposeSecret, SecretString};

/// A domain, an account, an entry: whatever has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashedId([u8; 16]);

impl Hash for HashedId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [first, ..] = self.0.as_chunks::<8>().0 else { return };
        state.write_u64(u64::from_ne_bytes(*first));
    }
}

/// For tables of [`HashedId`]s: nobody who does not know the key can tell one from chance, so a part of it
/// is its hash.
#[derive(Clone, Copy, Debug, Default)]
pub struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Makes tables of [`HashedId`]s.
pub type ById = BuildHasherDefault<IdHasher>;

/// A password of an entry: the same password of another entry has another digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest([u8; 16]);

/// The key of a process, which has begun a digest with it: each goes on with a copy.
#[derive(Clone, Debug)]
pub struct ProcessKey(Context);

impl ProcessKey {
    /// A new key. The error says that the system has no random numbers.
    pub fn new() -> io::Result<Self> {
        Key::generate(HMAC_SHA256, &SystemRandom::new())
            .map(|key| Self(Context::with_key(&key)))
            .map_err(|_| io::Error::other("the system gives no random numbers"))
    }

    /// The identity of a name.
    pub fn id(&self, name: &str) -> HashedId {
        let mut context = self.0.clone();
        context.update(name.as_bytes());
        HashedId(half(&context.sign()))
    }

    /// The digest of an entry's password.
    pub fn digest(&self, entry: HashedId, password: &SecretString) -> Digest {
        let digest = self.computed(entry, password);
        overwrite_stack();
        digest
    }

    /// Not inlined, so that what it leaves behind lies below its caller.
    #[inline(never)]
    fn computed(&self, entry: HashedId, password: &SecretString) -> Digest {
        let mut context = self.0.clone();
        context.update(&entry.0);
        context.update(password.expose_secret().as_bytes());
        Digest(half(&context.sign()))
    }
}

/// Overwrites what a call has left on the stack: ring keeps the block that it works on there, and with
/// it a part of the password.
#[inline(never)]
fn overwrite_stack() {
    std::hint::black_box(&mut [0_u8; 4096]);
}

/// 128 bits are enough where nobody can search for collisions.
fn half(tag: &Tag) -> [u8; 16] {
    tag.as_ref().first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_depend_on_the_password_the_entry_and_the_process() {
        let key = ProcessKey::new().unwrap();
        let [alice, bob] = ["alice", "bob"].map(|name| key.id(name));
        let [secret, other] = ["secret", "other"].map(SecretString::from);
        assert_eq!(key.digest(alice, &secret), key.digest(alice, &secret));
        assert_ne!(key.digest(alice, &secret), key.digest(alice, &other));
        assert_ne!(key.digest(alice, &secret), key.digest(bob, &secret));
        assert_ne!(key.id("alice"), ProcessKey::new().unwrap().id("alice"));
    }
}
