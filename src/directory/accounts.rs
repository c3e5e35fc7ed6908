//! What is asked of a directory about the accounts of an XMPP domain.

use std::future::Future;
use std::sync::Arc;

use secrecy::SecretString;

use crate::deadline::Deadline;
use crate::jid::Account;
use crate::policy::admission::Admission;
use crate::verdict::Outcome;

/// The entry of an account that may sign in, as far as the directory tells before the password is
/// tried.
#[derive(Clone, Debug)]
pub struct Candidate {
    bind_name: String,
    entry: String,
    basis: Basis,
}

/// What an entry is a candidate by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Basis {
    Found,
    FoundDoubtful,
    Remembered,
}

impl Candidate {
    /// An entry to bind to with this name. `entry` is what it is counted by: the same for each name
    /// that its user has, and for no other entry of any directory.
    pub fn new(bind_name: String, entry: String) -> Self {
        Self { bind_name, entry, basis: Basis::Found }
    }

    /// The candidate as remembered and not looked up, which may have another name now.
    pub fn remembered(self) -> Self {
        Self { basis: Basis::Remembered, ..self }
    }

    /// The candidate with something in its attributes that may keep it from signing in, so that the
    /// directory must be asked whatever was proved before.
    pub fn doubtful(self) -> Self {
        Self { basis: Basis::FoundDoubtful, ..self }
    }

    /// The name to bind with.
    pub fn bind_name(&self) -> &str {
        &self.bind_name
    }

    /// What the entry is counted by.
    pub fn entry(&self) -> &str {
        &self.entry
    }

    /// Whether it was remembered rather than looked up.
    pub fn is_remembered(&self) -> bool {
        self.basis == Basis::Remembered
    }

    /// Whether something may keep it from signing in.
    pub fn is_doubtful(&self) -> bool {
        self.basis == Basis::FoundDoubtful
    }
}

/// The entry of an account whose password may be set.
#[derive(Clone, Debug)]
pub struct PasswordTarget {
    /// Its DN.
    pub dn: String,
    /// What it is counted by, as a [`Candidate`] is.
    pub entry: String,
}

/// Answers questions about accounts.
///
/// Implementations answer by the deadline where they can; the caller drops the future at the
/// deadline, and an implementation must leave nothing behind that would serve a later request
/// wrongly when that happens.
pub trait Accounts: Send + Sync + 'static {
    /// How fast it answers sign-ins.
    fn admission(&self) -> &Arc<Admission>;

    /// The domain that an account belongs to, by whatever name it is called.
    fn domainpart<'a>(&'a self, account: &'a Account) -> &'a str;

    /// Finds the one entry of an account and whether it may sign in; the outcome says why not.
    fn find(
        &self,
        account: &Account,
        by: Deadline,
    ) -> impl Future<Output = Result<Candidate, Outcome>> + Send;

    /// Finds it, and not by what was remembered.
    fn find_afresh(
        &self,
        account: &Account,
        by: Deadline,
    ) -> impl Future<Output = Result<Candidate, Outcome>> + Send;

    /// Is this the candidate's password? It is never empty.
    fn prove(
        &self,
        candidate: &Candidate,
        password: &SecretString,
        by: Deadline,
    ) -> impl Future<Output = Outcome> + Send;

    /// Does the account exist?
    fn exists(&self, account: &Account, by: Deadline) -> impl Future<Output = Outcome> + Send;

    /// Finds the one entry of an account and whether its password may be set; the outcome says why
    /// not.
    fn find_to_change(
        &self,
        account: &Account,
        by: Deadline,
    ) -> impl Future<Output = Result<PasswordTarget, Outcome>> + Send;

    /// Sets the password, which is never empty.
    fn set_password(
        &self,
        target: &PasswordTarget,
        password: &SecretString,
        by: Deadline,
    ) -> impl Future<Output = Outcome> + Send;
}
