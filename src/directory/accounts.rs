//! What is asked of a directory about the accounts of an XMPP domain.

use std::future::Future;
use std::sync::Arc;

use secrecy::SecretString;

use crate::deadline::Deadline;
use crate::jid::Account;
use crate::policy::admission::Admission;
use crate::verdict::Outcome;

/// The entry of an account, which may sign in or be changed as far as the directory tells before
/// it is tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The name to bind with, or the DN of the entry to change.
    pub name: String,
    /// What the entry is counted by: the same for each name that its user has, and for no other
    /// entry of any directory.
    pub entry: String,
    /// Whether it was remembered rather than looked up, and may have another name now.
    pub is_remembered: bool,
    /// Whether something in its attributes may keep it from signing in, so that the directory must
    /// be asked whatever was proved before.
    pub is_doubtful: bool,
}

/// What an entry is looked up for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To sign in as it.
    SignIn,
    /// To sign in as it, and not by what was remembered.
    SignInAfresh,
    /// To set its password.
    SetPassword,
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

    /// Finds the one entry of an account and whether it may do that; the outcome says why not.
    fn find(
        &self,
        account: &Account,
        purpose: Purpose,
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

    /// Set the candidate's password, which is never empty.
    fn set_password(
        &self,
        candidate: &Candidate,
        password: &SecretString,
        by: Deadline,
    ) -> impl Future<Output = Outcome> + Send;
}
