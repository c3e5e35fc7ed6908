//! A directory that does what a script says, for tests of what stands before it.

#![allow(unreachable_pub, missing_docs, reason = "helpers of tests are nobody's API")]

use std::future::{Future, ready};
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use xmpp_ldap_auth::deadline::Deadline;
use xmpp_ldap_auth::directory::backend::{Backend, Candidate, EntryKey, PasswordTarget};
use xmpp_ldap_auth::jid::Account;
use xmpp_ldap_auth::policy::admission::{Admission, PersonalWait};
use xmpp_ldap_auth::policy::guard::Permit;
use xmpp_ldap_auth::verdict::{Outcome, Verdict};

/// What a directory says of its accounts; unless a script says otherwise, each has an entry of its
/// localpart's name, exists, and takes any password.
pub trait Script: Send + Sync + 'static {
    /// The entry of an account, as it is looked up.
    fn entry(&self, account: &Account) -> Result<Candidate, Outcome> {
        Ok(entry(account.localpart()))
    }

    /// The entry that is remembered, and not looked up to sign in.
    fn remembered(&self) -> Option<Candidate> {
        None
    }

    /// What becomes of a bind.
    fn bind(
        &self,
        entry: &str,
        password: &str,
        permit: &Permit,
        wait: &PersonalWait,
        by: Deadline,
    ) -> impl Future<Output = Outcome> + Send;

    /// Whether an account exists for `isuser`.
    fn exists(&self, _: &Account) -> impl Future<Output = Outcome> + Send {
        ready(Verdict::Granted.into())
    }

    /// What becomes of a change of an entry's password.
    fn change(&self, _: &str) -> impl Future<Output = Outcome> + Send {
        ready(Verdict::Granted.into())
    }
}

/// The entry of this name, which is bound to by it.
pub fn entry(name: &str) -> Candidate {
    Candidate::new(name.to_owned(), EntryKey::of(name))
}

/// A directory that does what its script says.
pub struct Scripted<S> {
    pub script: Arc<S>,
    admission: Arc<Admission>,
}

impl<S> Scripted<S> {
    pub fn new(script: S) -> Self {
        Self { script: Arc::new(script), admission: Arc::default() }
    }
}

impl<S> Clone for Scripted<S> {
    fn clone(&self) -> Self {
        Self { script: Arc::clone(&self.script), admission: Arc::clone(&self.admission) }
    }
}

impl<S: Script> Backend for Scripted<S> {
    fn admission(&self) -> &Arc<Admission> {
        &self.admission
    }

    fn domainpart<'a>(&'a self, account: &'a Account) -> &'a str {
        account.domainpart()
    }

    async fn find(&self, account: &Account, _: Deadline) -> Result<Candidate, Outcome> {
        match self.script.remembered() {
            Some(entry) => Ok(entry.remembered()),
            None => self.script.entry(account),
        }
    }

    async fn find_afresh(&self, account: &Account, _: Deadline) -> Result<Candidate, Outcome> {
        self.script.entry(account)
    }

    async fn prove(
        &self,
        candidate: &Candidate,
        password: &SecretString,
        permit: &Permit,
        wait: &PersonalWait,
        by: Deadline,
    ) -> Outcome {
        self.script.bind(candidate.bind_name(), password.expose_secret(), permit, wait, by).await
    }

    async fn exists(&self, account: &Account, _: Deadline) -> Outcome {
        self.script.exists(account).await
    }

    async fn find_to_change(
        &self,
        account: &Account,
        _: Deadline,
    ) -> Result<PasswordTarget, Outcome> {
        let entry = self.script.entry(account)?;
        Ok(PasswordTarget { dn: entry.bind_name().to_owned(), key: entry.key().clone() })
    }

    async fn set_password(
        &self,
        target: &PasswordTarget,
        _: &SecretString,
        _: Deadline,
    ) -> Outcome {
        self.script.change(&target.dn).await
    }
}
