//! What is answered: which directory is asked what, and when it need not or must not be asked.

mod sign_in;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use crate::answer::Answer;
use crate::deadline::Deadline;
use crate::directory::accounts::{Accounts, Purpose};
use crate::jid::Account;
use crate::policy::Policies;
use crate::policy::cache::Cache;
use crate::policy::digest::Id;
use crate::request::Request;
use crate::verdict::{Denial, Outage, Outcome, Verdict};

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

impl<D: Accounts> Authenticator<D> {
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
        *self.served.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(served));
    }

    async fn try_answer(&self, request: &Request, by: Deadline) -> Result<Outcome, Outcome> {
        let account = request.account();
        let served = self.served().ok_or(Outage::Misconfigured)?;
        let inquiry = served.inquiry(account, by)?;
        Ok(match request {
            Request::Auth { password, .. } => {
                check_empty(password)?;
                inquiry.sign_in(password).await
            }
            Request::SetPass { password, .. } => {
                check_empty(password)?;
                inquiry.set_password(password).await?
            }
            Request::IsUser { .. } => inquiry.exists().await,
        })
    }

    fn served(&self) -> Option<Arc<ServedDomains<D>>> {
        self.served.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<D: Accounts> Answer for Authenticator<D> {
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

/// What is asked about one account, of the directory that serves it and of what is remembered.
struct Inquiry<'a, D> {
    directory: &'a D,
    policies: &'a Policies,
    /// The credential cache, if it is on, and as whom it knows the account.
    cached: Option<(&'a Cache, Id)>,
    account: &'a Account,
    by: Deadline,
}

impl<D: Accounts> ServedDomains<D> {
    fn inquiry<'a>(&'a self, account: &'a Account, by: Deadline) -> Result<Inquiry<'a, D>, Denial> {
        let directory = self.domains.get(account.domainpart()).ok_or(Denial::UnknownDomain)?;
        let policies = &*self.policies;
        let cache = policies.cache.as_ref();
        let cached = cache.map(|cache| (cache, policies.key.id(&account.to_string())));
        Ok(Inquiry { directory, policies, cached, account, by })
    }
}

impl<D: Accounts> Inquiry<'_, D> {
    async fn exists(&self) -> Outcome {
        let outcome = self.directory.exists(self.account, self.by).await;
        let Some((cache, account)) = self.cached else { return outcome };
        match outcome.verdict {
            Verdict::Granted => cache.record_existence(account, Instant::now()),
            Verdict::Denied(_) => cache.forget_account(account),
            Verdict::Unavailable(outage) => {
                if outage.is_absence() && cache.knows(account, Instant::now()) {
                    return remembered(&outcome);
                }
            }
        }
        outcome
    }

    async fn set_password(&self, password: &SecretString) -> Result<Outcome, Outcome> {
        let Self { directory, policies, account, by, .. } = *self;
        let candidate = directory.find(account, Purpose::SetPassword, by).await?;
        let entry = policies.key.id(&candidate.entry);
        // Before, because this may be given up half-way; and after, because a sign-in with the old
        // password may have ended meanwhile.
        policies.forget(entry);
        let outcome = directory.set_password(&candidate, password, by).await;
        if !matches!(outcome.verdict, Verdict::Denied(_)) {
            policies.forget(entry);
        }
        Ok(outcome)
    }
}

/// The yes that stands in for an outage.
fn remembered(outage: &Outcome) -> Outcome {
    Outcome::from(Verdict::Granted).with_detail(&format!("remembered, because {}", outage.verdict))
}
