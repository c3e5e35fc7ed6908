//! The policy of an answer: which directory is asked, and what is refused without asking.

use std::collections::HashMap;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use crate::deadline::Deadline;
use crate::directory::Directory;
use crate::jid::Account;
use crate::request::Request;
use crate::verdict::{Denial, Outage, Outcome};

/// Answers requests for the XMPP domains served.
#[derive(Debug)]
pub struct Authenticator<D> {
    domains: Option<HashMap<String, Arc<D>>>,
}

impl<D: Directory> Authenticator<D> {
    /// Serves each domain, in lower case, from its directory. Several may share one.
    pub fn new(domains: HashMap<String, Arc<D>>) -> Self {
        Self { domains: Some(domains) }
    }

    /// Answers everything with "cannot tell", for a process that must stay alive although its
    /// configuration is unusable: ejabberd and Prosody both give up on one that ends.
    pub fn misconfigured() -> Self {
        Self { domains: None }
    }

    /// The outcome for one request, by the deadline.
    ///
    /// In this order: the configuration is usable, the domain is served, the password is not empty,
    /// the directory answers.
    pub async fn answer(&self, request: &Request, by: Deadline) -> Outcome {
        match request {
            Request::Refused { denial, .. } => (*denial).into(),
            Request::IsUser { account } => match self.directory(account) {
                Ok(directory) => directory.exists(account, by).await,
                Err(outcome) => outcome,
            },
            Request::Auth { account, password } => match self.admit(account, password) {
                Ok(directory) => directory.authenticate(account, password, by).await,
                Err(outcome) => outcome,
            },
            Request::SetPass { account, password } => match self.admit(account, password) {
                Ok(directory) => directory.set_password(account, password, by).await,
                Err(outcome) => outcome,
            },
        }
    }

    fn directory(&self, account: &Account) -> Result<&D, Outcome> {
        let domains = self.domains.as_ref().ok_or(Outage::Misconfigured)?;
        let directory = domains.get(account.domainpart()).ok_or(Denial::UnknownDomain)?;
        Ok(directory)
    }

    fn admit(&self, account: &Account, password: &SecretString) -> Result<&D, Outcome> {
        let directory = self.directory(account)?;
        if password.expose_secret().is_empty() {
            return Err(Denial::EmptyPassword.into());
        }
        Ok(directory)
    }
}
