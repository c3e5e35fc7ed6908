//! LDAP directories: everything that knows LDAP is in here, and nothing that knows a wire.
//!
//! From the top: [`ldap`] finds an entry and proves a password; [`template`] makes filters and
//! names from a user's; [`pool`] hands out connections; [`connection`] opens them, to the server
//! that [`servers`] chooses, protected as [`tls`] says, watched by [`guard`]; [`diagnosis`] says
//! what a result code means.

pub mod account;
mod ber;
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
pub mod guard;
pub mod ldap;
pub mod password;
pub mod pool;
pub mod preset;
pub mod probe;
pub mod root_dse;
pub mod search;
pub mod servers;
pub mod template;
mod time;
pub mod tls;

use std::future::Future;

use secrecy::SecretString;

use crate::deadline::Deadline;
use crate::jid::Account;
use crate::verdict::Outcome;

/// Answers questions about accounts.
///
/// Implementations answer by the deadline where they can; the caller drops the future at the
/// deadline, and an implementation must leave nothing behind that would serve a later request
/// wrongly when that happens.
pub trait Directory: Send + Sync + 'static {
    /// Is this the account's password? It is never empty.
    fn authenticate(
        &self,
        account: &Account,
        password: &SecretString,
        by: Deadline,
    ) -> impl Future<Output = Outcome> + Send;

    /// Does the account exist?
    fn exists(&self, account: &Account, by: Deadline) -> impl Future<Output = Outcome> + Send;

    /// Set the account's password, which is never empty.
    fn set_password(
        &self,
        account: &Account,
        password: &SecretString,
        by: Deadline,
    ) -> impl Future<Output = Outcome> + Send;
}
