//! An attempt to sign in, as it is remembered.

use secrecy::SecretString;

use super::changes::Moment;
use super::digest::{Digest, HashedId, ProcessKey};

/// An attempt to sign in, as it is remembered.
#[derive(Clone, Copy, Debug)]
pub struct SignInAttempt {
    /// When it began: what was changed after that may have made another of what it proves.
    pub began: Moment,
    /// The domain.
    pub domain: HashedId,
    /// What failures are counted by: one for all the names by which the directory may know an account,
    /// and perhaps for several accounts.
    pub counted_as: HashedId,
    /// The entry, by whatever name its user was called.
    pub entry: HashedId,
    /// The password, as one of this entry.
    pub digest: Digest,
}

impl SignInAttempt {
    /// The attempt as an entry of a domain, whose failures are counted by some name.
    pub fn new(
        key: &ProcessKey,
        began: Moment,
        domain: &str,
        counted_as: &str,
        entry: &str,
        password: &SecretString,
    ) -> Self {
        let entry = key.id(entry);
        Self {
            began,
            domain: key.id(domain),
            counted_as: key.id(counted_as),
            entry,
            digest: key.digest(entry, password),
        }
    }

    /// The same attempt with another password.
    pub fn with_password(self, key: &ProcessKey, password: &SecretString) -> Self {
        Self { digest: key.digest(self.entry, password), ..self }
    }
}
