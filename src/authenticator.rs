//! The policy of an answer: which directory is asked, when it is not, and what is remembered.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use crate::answer::Answer;
use crate::deadline::Deadline;
use crate::directory::accounts::{Accounts, Candidate, Purpose};
use crate::jid::Account;
use crate::policy::cache::Cache;
use crate::policy::digest::{Id, Keys};
use crate::policy::throttle::{Attempt, Entrance, Throttle};
use crate::request::Request;
use crate::verdict::{Denial, Outage, Outcome, Verdict};

/// What stands between requests and directories.
#[derive(Debug)]
pub struct Policies {
    /// What makes of accounts and passwords something that can be remembered.
    pub keys: Keys,
    /// The lock-out guard, if it is on.
    pub throttle: Option<Arc<Throttle>>,
    /// The credential cache, if it is on.
    pub cache: Option<Cache>,
}

/// Answers requests for the XMPP domains served.
#[derive(Debug)]
pub struct Authenticator<D> {
    served: RwLock<Option<Arc<Served<D>>>>,
}

/// What is served, and how. Several domains may share one directory.
#[derive(Debug)]
pub struct Served<D> {
    /// The directories by their domains, in lower case.
    pub domains: HashMap<String, D>,
    /// What stands before them.
    pub policies: Arc<Policies>,
}

impl<D: Accounts> Authenticator<D> {
    /// Serves these domains.
    pub fn new(served: Served<D>) -> Self {
        Self { served: RwLock::new(Some(Arc::new(served))) }
    }

    /// Answers everything with "cannot tell", for a process that must stay alive although its
    /// configuration is unusable: ejabberd and Prosody both give up on one that ends.
    pub fn misconfigured() -> Self {
        Self { served: RwLock::new(None) }
    }

    /// Serves these domains from now on; requests that are under way end as they began.
    pub fn serve(&self, served: Served<D>) {
        *self.served.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(served));
    }

    async fn try_answer(&self, request: &Request, by: Deadline) -> Result<Outcome, Outcome> {
        let account = match request {
            Request::Refused { denial, .. } => return Err((*denial).into()),
            Request::Auth { account, .. }
            | Request::IsUser { account }
            | Request::SetPass { account, .. } => account,
        };
        let served = self.served().ok_or(Outage::Misconfigured)?;
        let directory = served.domains.get(account.domainpart()).ok_or(Denial::UnknownDomain)?;
        let policies = &served.policies;
        Ok(match request {
            Request::Auth { password, .. } => {
                check_empty(password)?;
                policies.authenticate(directory, account, password, by).await
            }
            Request::SetPass { password, .. } => {
                check_empty(password)?;
                policies.set_password(directory, account, password, by).await
            }
            Request::IsUser { .. } | Request::Refused { .. } => {
                policies.exists(directory, account, by).await
            }
        })
    }

    fn served(&self) -> Option<Arc<Served<D>>> {
        self.served.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<D: Accounts> Answer for Authenticator<D> {
    /// In this order: the configuration is usable, the domain is served, the password is not empty,
    /// the directory knows the account, the policies let it through, the directory answers.
    async fn answer(&self, request: &Request, by: Deadline) -> Outcome {
        match self.try_answer(request, by).await {
            Ok(outcome) | Err(outcome) => outcome,
        }
    }
}

/// An empty password would make an unauthenticated bind, which succeeds (RFC 4513, section 5.1.2).
fn check_empty(password: &SecretString) -> Result<(), Outcome> {
    if password.expose_secret().is_empty() { Err(Denial::EmptyPassword.into()) } else { Ok(()) }
}

impl Policies {
    /// Policies that let everything through and remember nothing.
    pub fn none(keys: Keys) -> Self {
        Self { keys, throttle: None, cache: None }
    }

    async fn exists<D: Accounts>(&self, directory: &D, account: &Account, by: Deadline) -> Outcome {
        let outcome = directory.exists(account, by).await;
        let Some(cache) = &self.cache else { return outcome };
        let id = self.keys.id(&account.to_string());
        match outcome.verdict {
            Verdict::Granted => cache.exists(id, Instant::now()),
            Verdict::Denied(_) => cache.is_gone(id),
            Verdict::Unavailable(outage) => {
                if outage.is_absence() && cache.knows(id, Instant::now()) {
                    return remembered(&outcome);
                }
            }
        }
        outcome
    }

    async fn authenticate<D: Accounts>(
        &self,
        directory: &D,
        account: &Account,
        password: &SecretString,
        by: Deadline,
    ) -> Outcome {
        let (outcome, is_doubtful) = match directory
            .admission()
            .admit(by.remaining(), Instant::now())
        {
            Ok(slot) => {
                let found = directory.find(account, Purpose::SignIn, by).await;
                let outcome = match &found {
                    Ok(candidate) => self.prove(directory, account, candidate, password, by).await,
                    Err(outcome) => outcome.clone(),
                };
                let is_answered = !matches!(outcome.verdict, Verdict::Unavailable(_));
                slot.end(is_answered, Instant::now());
                (outcome, found.is_ok_and(|candidate| candidate.is_doubtful))
            }
            Err(expected) => (overloaded(expected), false),
        };
        let Some(cache) = &self.cache else { return outcome };
        let id = self.keys.id(&account.to_string());
        match outcome.verdict {
            Verdict::Denied(Denial::UnknownUser) => cache.is_gone(id),
            Verdict::Denied(Denial::TooManyFailures) | Verdict::Granted => {}
            Verdict::Denied(_) => cache.refused(id),
            Verdict::Unavailable(outage) => {
                if !is_doubtful
                    && outage.is_absence()
                    && cache.vouches_for(id, self.keys.digest(id, password), Instant::now())
                {
                    return remembered(&outcome);
                }
            }
        }
        outcome
    }

    async fn prove<D: Accounts>(
        &self,
        directory: &D,
        account: &Account,
        candidate: &Candidate,
        password: &SecretString,
        by: Deadline,
    ) -> Outcome {
        let entry = self.keys.id(&candidate.entry);
        let cached = self.cache.as_ref().map(|cache| {
            let id = self.keys.id(&account.to_string());
            (cache, id, self.keys.digest(id, password))
        });
        if !candidate.is_doubtful
            && let Some((cache, id, digest)) = &cached
            && cache.spares(*id, entry, *digest, Instant::now())
        {
            return Outcome::from(Verdict::Granted).with_detail("remembered; see [cache]");
        }
        let outcome = self.let_through(directory, account, candidate, entry, password, by).await;
        if let Some((cache, id, digest)) = cached {
            match outcome.verdict {
                Verdict::Granted => cache.proved(id, entry, digest, Instant::now()),
                Verdict::Denied(Denial::TooManyFailures) | Verdict::Unavailable(_) => {}
                // Even if the look below comes to nothing.
                Verdict::Denied(_) => cache.refused(id),
            }
        }
        if candidate.is_remembered
            && matches!(outcome.verdict, Verdict::Denied(Denial::WrongPassword))
        {
            // The entry may have another name by now.
            return match directory.find(account, Purpose::SignInAfresh, by).await {
                Ok(afresh) if afresh.name == candidate.name => outcome,
                Ok(afresh) => Box::pin(self.prove(directory, account, &afresh, password, by)).await,
                Err(other) => other,
            };
        }
        outcome
    }

    /// Asks the directory, unless the lock-out guard knows better.
    async fn let_through<D: Accounts>(
        &self,
        directory: &D,
        account: &Account,
        candidate: &Candidate,
        entry: Id,
        password: &SecretString,
        by: Deadline,
    ) -> Outcome {
        let Some(throttle) = &self.throttle else {
            return directory.prove(candidate, password, by).await;
        };
        let domain = self.keys.id(directory.domainpart(account));
        let attempt = Attempt { domain, entry, digest: self.keys.digest(entry, password) };
        loop {
            match throttle.enter(attempt, Instant::now()) {
                Entrance::Ask(permit) => {
                    let outcome = directory.prove(candidate, password, by).await;
                    permit.conclude(&outcome, Instant::now());
                    return outcome;
                }
                Entrance::Share(mut shared) => {
                    match by.bound(shared.wait_for(Option::is_some)).await {
                        Ok(Ok(outcome)) => {
                            // An outage of whoever asked, with less time, is not ours.
                            let outcome = outcome.clone();
                            if let Some(outcome) = outcome.filter(|outcome| {
                                !matches!(outcome.verdict, Verdict::Unavailable(_))
                            }) {
                                return outcome;
                            }
                        }
                        Ok(Err(_)) => {}
                        Err(elapsed) => return elapsed.into(),
                    }
                }
                Entrance::Wait(mut other) => {
                    // Its end, of whatever kind.
                    if let Err(elapsed) = by.bound(other.wait_for(Option::is_some)).await {
                        return elapsed.into();
                    }
                }
                Entrance::Deny(outcome) => return outcome,
            }
        }
    }

    async fn set_password<D: Accounts>(
        &self,
        directory: &D,
        account: &Account,
        password: &SecretString,
        by: Deadline,
    ) -> Outcome {
        let candidate = match directory.find(account, Purpose::SetPassword, by).await {
            Ok(candidate) => candidate,
            Err(outcome) => return outcome,
        };
        let entry = self.keys.id(&candidate.entry);
        // Before, because this may be given up half-way; and after, because a sign-in with the old
        // password may have ended meanwhile.
        self.forget(entry);
        let outcome = directory.set_password(&candidate, password, by).await;
        if !matches!(outcome.verdict, Verdict::Denied(_)) {
            self.forget(entry);
        }
        outcome
    }

    /// What is known about the passwords of an entry may be true no more.
    fn forget(&self, entry: Id) {
        self.throttle.iter().for_each(|throttle| throttle.changed(entry));
        self.cache.iter().for_each(|cache| cache.changed(entry));
    }
}

/// The outcome of a sign-in whose answer would come too late.
fn overloaded(expected: Duration) -> Outcome {
    Outcome::from(Outage::Overloaded)
        .with_detail(&format!("the answer could be expected in {expected:.1?}"))
}

/// The yes that stands in for an outage.
fn remembered(outage: &Outcome) -> Outcome {
    Outcome::from(Verdict::Granted).with_detail(&format!("remembered, because {}", outage.verdict))
}
