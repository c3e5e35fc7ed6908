//! LDAP directories: everything that knows LDAP is in here, and nothing that knows a wire.
//!
//! From the top: [`domain`] finds an entry, with the filters and names that [`template`] makes of a
//! user's, and [`ldap`] proves a password; [`tries`] says how often that is tried. [`pool`] and
//! [`service`] hand out connections; [`connector`] opens them, to the server that [`servers`] chooses
//! by its [`health`], protected as [`tls`] says. What is done on a [`connection`] is in [`message`],
//! and how it goes to and fro in [`channel`]; [`diagnosis`] says what a result code means.

pub mod account;
mod ber;
mod channel;
pub mod connection;
pub mod connector;
pub mod control;
pub mod diagnosis;
pub mod dial;
pub mod discovery;
pub mod dn;
pub mod dns;
pub mod domain;
pub mod entry;
pub mod explain;
pub mod groups;
#[cfg_attr(not(feature = "gssapi"), path = "gssapi/absent.rs")]
pub mod gssapi;
pub mod health;
pub mod ldap;
mod message;
pub mod password;
pub mod pool;
pub mod preset;
pub mod probe;
pub mod root_dse;
pub mod search;
pub mod servers;
pub mod service;
pub mod template;
mod time;
pub mod tls;
mod tries;

use std::future::Future;
use std::sync::Arc;

use secrecy::SecretString;

use crate::deadline::Deadline;
use crate::jid::Account;
use crate::policy::admission::Admission;
use crate::verdict::Outcome;

/// The response at the start of what a server sent, if it is as the protocol says, and the result
/// code in it, if there is one; for tests that know nothing of connections.
pub fn read_response(sent: &[u8]) -> Option<(&[u8], Option<u32>)> {
    let bytes = sent.get(..ber::message_length(sent).ok()??)?;
    let code = match message::Envelope::open(bytes).ok()?.response().ok()? {
        message::Response::End(answer) => Some(answer.code),
        message::Response::Entry(_) | message::Response::Reference => None,
    };
    Some((bytes, code))
}

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
pub trait Directory: Send + Sync + 'static {
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
