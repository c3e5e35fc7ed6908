//! What is answered: which directory is asked what, and when it need not or must not be asked.

mod inquiry;
mod proof;
mod sign_in;

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use secrecy::{ExposeSecret, SecretString};

use self::inquiry::Inquiry;
use crate::answer::Answer;
use crate::deadline::Deadline;
use crate::directory::backend::Backend;
use crate::jid::Account;
use crate::lock;
use crate::policy::Policies;
use crate::request::Request;
use crate::verdict::{Denial, Outage, Outcome};

/// Answers requests for the XMPP domains served.
#[derive(Debug)]
pub struct Authenticator<D> {
    served: RwLock<Option<Arc<ServedDomains<D>>>>,
}

/// What is served, and how. Several domains may share one directory.
#[derive(Debug)]
pub struct ServedDomains<D> {
    /// The directories by their domains, in lower case.
    pub domains: HashMap<String, D>,
    /// What stands before them.
    pub policies: Arc<Policies>,
}

impl<D: Backend> Authenticator<D> {
    /// Serves these domains.
    pub fn new(served: ServedDomains<D>) -> Self {
        Self { served: RwLock::new(Some(Arc::new(served))) }
    }

    /// Answers everything with "cannot tell", for a process that must stay alive although its
    /// configuration is unusable: ejabberd and Prosody both give up on one that ends.
    pub fn misconfigured() -> Self {
        Self { served: RwLock::new(None) }
    }

    /// Serves these domains from now on; requests that are under way end as they began.
    pub fn serve(&self, served: ServedDomains<D>) {
        *lock::write(&self.served) = Some(Arc::new(served));
    }

    async fn try_answer(&self, request: &Request, by: Deadline) -> Result<Outcome, Outcome> {
        let account = request.account();
        let served = self.served().ok_or(Outage::Misconfigured)?;
        let directory = served.domains.get(account.domainpart()).ok_or(Denial::UnknownDomain)?;
        let inquiry = Inquiry::new(directory, &served.policies, account, by);
        Ok(match request {
            Request::Auth { password, .. } => {
                check_empty(password)?;
                // On the heap, so that what calls this stays small, for the compiler too.
                Box::pin(inquiry.sign_in(password)).await
            }
            Request::SetPass { password, .. } => {
                check_empty(password)?;
                inquiry.set_password(password).await?
            }
            Request::IsUser { .. } => inquiry.exists().await,
        })
    }

    /// Forgets what the lock-out guard holds against an account: whether there was anything. The error
    /// says why nobody can tell which entry is counted.
    pub async fn forgive(&self, account: &Account, by: Deadline) -> Result<bool, Outcome> {
        let served = self.served().ok_or(Outage::Misconfigured)?;
        let directory = served.domains.get(account.domainpart()).ok_or(Denial::UnknownDomain)?;
        let found = by.bound(directory.find_afresh(account, by)).await?;
        Ok(served.policies.forgive(&found?.key().counted_as))
    }

    fn served(&self) -> Option<Arc<ServedDomains<D>>> {
        lock::read(&self.served).clone()
    }
}

impl<D: Backend> Answer for Authenticator<D> {
    /// In this order: the configuration is usable, the domain is served, the password is not empty,
    /// the directory knows the account, the policies let it through, the directory answers.
    async fn answer(&self, request: &Request, by: Deadline) -> Outcome {
        let (Ok(outcome) | Err(outcome)) = self.try_answer(request, by).await;
        outcome
    }
}

/// An empty password would make an unauthenticated bind, which succeeds (RFC 4513, section 5.1.2).
fn check_empty(password: &SecretString) -> Result<(), Outcome> {
    if password.expose_secret().is_empty() { Err(Denial::EmptyPassword.into()) } else { Ok(()) }
}
