//! What is asked of a directory about the accounts of an XMPP domain.

use std::future::Future;
use std::sync::Arc;

use secrecy::SecretString;

use crate::deadline::Deadline;
use crate::jid::Account;
use crate::policy::admission::{Admission, PersonalWait};
use crate::policy::guard::Permit;
use crate::verdict::Outcome;

/// The entry of an account that may sign in, as far as the directory tells before the password is
/// tried.
#[derive(Clone, Debug)]
pub struct Candidate {
    bind_name: String,
    key: EntryKey,
    basis: Basis,
}

/// What an entry is told apart by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryKey {
    /// The same for each name that the entry's user has, and for no other entry of any directory.
    pub entry: String,
    /// What failures to sign in are counted by: the same for all names by which the directory may know
    /// the entry, and perhaps for several entries.
    pub counted_as: String,
}

impl EntryKey {
    /// The key of an entry that nothing else is counted with.
    pub fn of(entry: impl Into<String>) -> Self {
        let entry = entry.into();
        Self { counted_as: entry.clone(), entry }
    }
}

/// What an entry is a candidate by.
#[derive(Clone, Debug)]
enum Basis {
    Found,
    FoundDoubtful,
    Refused(Outcome),
    Remembered,
    Unasked,
}

impl Candidate {
    /// An entry to bind to with this name.
    pub fn new(bind_name: String, key: EntryKey) -> Self {
        Self { bind_name, key, basis: Basis::Found }
    }

    /// The candidate as remembered and not looked up, which may have another name now.
    pub fn remembered(self) -> Self {
        Self { basis: Basis::Remembered, ..self }
    }

    /// The candidate as its name follows from the account's, so that the directory was not asked.
    pub fn unasked(self) -> Self {
        Self { basis: Basis::Unasked, ..self }
    }

    /// The candidate with something in its attributes that may keep it from signing in, so that the
    /// directory must be asked whatever was proved before.
    pub fn doubtful(self) -> Self {
        Self { basis: Basis::FoundDoubtful, ..self }
    }

    /// The candidate, which is denied whatever its password is.
    pub fn refused(self, denial: Outcome) -> Self {
        Self { basis: Basis::Refused(denial), ..self }
    }

    /// The name to bind with.
    pub fn bind_name(&self) -> &str {
        &self.bind_name
    }

    /// What the entry is told apart by.
    pub fn key(&self) -> &EntryKey {
        &self.key
    }

    /// Why it is denied, if it is.
    pub fn refusal(&self) -> Option<&Outcome> {
        match &self.basis {
            Basis::Refused(denial) => Some(denial),
            Basis::Found | Basis::FoundDoubtful | Basis::Remembered | Basis::Unasked => None,
        }
    }

    /// Whether it was remembered rather than looked up.
    pub fn is_remembered(&self) -> bool {
        matches!(self.basis, Basis::Remembered)
    }

    /// Whether the directory was asked for it.
    pub fn is_looked_up(&self) -> bool {
        !matches!(self.basis, Basis::Remembered | Basis::Unasked)
    }

    /// Whether its entry was read, now or when it was looked up last.
    pub fn was_read(&self) -> bool {
        !matches!(self.basis, Basis::Unasked)
    }

    /// Whether something keeps it from signing in, or may.
    pub fn is_doubtful(&self) -> bool {
        matches!(self.basis, Basis::FoundDoubtful | Basis::Refused(_))
    }
}

/// The entry of an account whose password may be set.
#[derive(Clone, Debug)]
pub struct PasswordTarget {
    /// Its DN.
    pub dn: String,
    /// What it is told apart by.
    pub key: EntryKey,
}

/// Answers questions about accounts.
///
/// Implementations answer by the deadline where they can; the caller drops the future at the
/// deadline, and an implementation must leave nothing behind that would serve a later request
/// wrongly when that happens.
pub trait Backend: Send + Sync + 'static {
    /// How fast it answers sign-ins.
    fn admission(&self) -> &Arc<Admission>;

    /// The domain that an account belongs to, by whatever name it is called.
    fn domainpart<'a>(&'a self, account: &'a Account) -> &'a str;

    /// Finds the one entry of an account and whether it may sign in; the outcome says why there is
    /// none.
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

    /// Is this the candidate's password? It is never empty. Each bind is sent by the permit, which is
    /// told of its answer; one for which a person is waited begins the wait. Where the directory
    /// answers other questions and leaves the bind unanswered, that is
    /// [`Outage::BindUnanswered`](crate::verdict::Outage::BindUnanswered).
    fn prove(
        &self,
        candidate: &Candidate,
        password: &SecretString,
        permit: &Permit,
        wait: &PersonalWait,
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
