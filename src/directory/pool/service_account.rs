//! Binding as the service account, and leaving it alone when it was refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use secrecy::ExposeSecret;

use crate::directory::diagnosis::{is_account_refused, of_service_bind};
use crate::directory::message::LdapResult;
use crate::directory::pool::identity::{Credential, Identity};
use crate::directory::pool::refused_logins::{LoginDigest, RefusedLogins};
use crate::directory::session::Session;
use crate::directory::session::error::SessionError;
use crate::observe::StepUnderWay;
use crate::result_code;
use crate::verdict::Outcome;

/// After it was refused, the service account waits this long before it binds again: each attempt with
/// a wrong password brings it nearer to being locked.
pub(super) const BIND_AGAIN_AFTER: Duration = Duration::from_secs(30);

/// The account that searches are done as.
#[derive(Debug)]
pub(in crate::directory) struct ServiceAccount {
    pub(in crate::directory) identity: Identity,
    /// Whether it was the second of two credentials that was accepted last.
    second_is_right: AtomicBool,
    /// What it signs in by: one for each credential.
    logins: Vec<LoginDigest>,
    refused: Arc<RefusedLogins>,
    /// Whether it was refused here, and not only by the same login elsewhere, since it was accepted.
    was_refused: AtomicBool,
}

impl ServiceAccount {
    /// The account at these servers, with what was refused before.
    pub(super) fn new(identity: Identity, servers: &[&str], refused: Arc<RefusedLogins>) -> Self {
        let of = |credential: &Credential| {
            refused.login(servers, &credential.name, credential.password.expose_secret())
        };
        let logins = match &identity {
            Identity::Simple { first, second } => {
                std::iter::once(first).chain(second).map(of).collect()
            }
            Identity::Gssapi(principal) => {
                vec![refused.login(servers, &principal.account().name, "")]
            }
            Identity::Anonymous | Identity::External => vec![refused.login(servers, "", "")],
        };
        let [second_is_right, was_refused] = [false; 2].map(AtomicBool::new);
        Self { identity, second_is_right, logins, refused, was_refused }
    }

    /// Whether the last bind here was refused, a moment ago.
    pub(in crate::directory) fn is_refused_here(&self) -> bool {
        self.was_refused.load(Ordering::Relaxed) && self.refused().is_some()
    }

    /// What became of the last bind, if the account was refused a moment ago.
    pub(super) fn refused(&self) -> Option<Outcome> {
        self.each_refused(|login| self.refused.refused_within(login, BIND_AGAIN_AFTER))
    }

    /// The same, if a directory may still count it against the account.
    pub(in crate::directory) fn refused_lately(&self) -> Option<Outcome> {
        self.each_refused(|login| self.refused.refused_lately(login))
    }

    fn each_refused(&self, of: impl Fn(LoginDigest) -> Option<Outcome>) -> Option<Outcome> {
        let refusals: Option<Vec<Outcome>> = self.logins.iter().map(|login| of(*login)).collect();
        refusals?.pop()
    }

    /// Keeps what a failed bind came to, if the account was refused.
    pub(super) fn keep_refusal(&self, outcome: &Outcome) {
        if is_account_refused(outcome.verdict) {
            self.was_refused.store(true, Ordering::Relaxed);
            self.logins.iter().for_each(|login| self.refused.add(*login, outcome));
        }
    }

    /// Binds on a fresh session, unless that is for nobody in particular, or the account has signed in
    /// while connecting; gives the answer if the account is refused.
    pub(super) async fn bind(&self, session: &Session) -> Result<Option<LdapResult>, SessionError> {
        let step = || StepUnderWay::begin("service bind", &session.server);
        let (step, answer) = match &self.identity {
            Identity::Anonymous | Identity::Gssapi(_) => return Ok(None),
            Identity::External => (step(), session.bind_external().await),
            Identity::Simple { first, second } => {
                let credentials: Vec<_> = std::iter::once(first).chain(second).collect();
                let credentials: Vec<_> =
                    credentials.into_iter().zip(self.logins.iter().copied()).collect();
                (step(), self.bind_as_any(session, &credentials).await)
            }
        };
        step.ends(|| match &answer {
            Ok(answer) => result_code::described(answer.code),
            Err(error) => error.to_string(),
        });
        let answer = answer?;
        Ok((answer.code != result_code::SUCCESS).then_some(answer))
    }

    /// Binds with the credential that was right last time, or else with the other one, if there are
    /// two. One that was refused is not the first to be tried again, and never a moment later.
    async fn bind_as_any(
        &self,
        session: &Session,
        credentials: &[(&Credential, LoginDigest)],
    ) -> Result<LdapResult, SessionError> {
        let (likely, other) = match credentials {
            [first, second] => {
                let second_is_right = self.second_is_right.load(Ordering::Relaxed);
                let (likely, other) =
                    if second_is_right { (second, first) } else { (first, second) };
                let is_refused = |login| self.refused.refused_lately(login).is_some();
                if is_refused(likely.1) && !is_refused(other.1) {
                    (other, Some(likely))
                } else {
                    (likely, Some(other))
                }
            }
            [only, ..] => (only, None),
            [] => return Err(SessionError::Closed),
        };
        let answer = self.simple_bind(session, *likely).await?;
        let Some(other) = other.filter(|(_, login)| {
            answer.code == result_code::INVALID_CREDENTIALS
                && self.refused.refused_within(*login, BIND_AGAIN_AFTER).is_none()
        }) else {
            return Ok(answer);
        };
        let answer = self.simple_bind(session, *other).await?;
        if answer.code == result_code::SUCCESS {
            let is_second = credentials.first().is_some_and(|first| first.1 != other.1);
            self.second_is_right.store(is_second, Ordering::Relaxed);
            tracing::warn!(
                server = %session.server,
                name = other.0.name,
                "the service account's other credential is the right one now"
            );
        }
        Ok(answer)
    }

    async fn simple_bind(
        &self,
        session: &Session,
        (credential, login): (&Credential, LoginDigest),
    ) -> Result<LdapResult, SessionError> {
        let answer = session.bind(&credential.name, credential.password.expose_secret()).await?;
        if answer.code == result_code::SUCCESS {
            self.was_refused.store(false, Ordering::Relaxed);
            self.refused.remove(login);
        } else {
            let outcome = of_service_bind(&answer).outcome(&session.server);
            if is_account_refused(outcome.verdict) {
                self.refused.add(login, &outcome);
            }
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::{Denial, Outage};

    #[tokio::test(start_paused = true)]
    async fn whoever_refuses_the_account_it_is_left_alone_for_a_while() {
        let by_kdc = Outage::ServiceBind { code: None };
        let by_server = Outage::ServiceBind { code: Some(result_code::INVALID_CREDENTIALS) };
        let locked = Outage::ServiceState(Denial::AccountLocked);
        for outage in [by_kdc, by_server, locked] {
            let account = ServiceAccount::new(Identity::Anonymous, &[], Arc::default());
            account.keep_refusal(&outage.into());
            assert!(account.refused().is_some(), "{outage:?}");
            tokio::time::sleep(BIND_AGAIN_AFTER).await;
            assert!(account.refused().is_none(), "{outage:?}");
        }
        let account = ServiceAccount::new(Identity::Anonymous, &[], Arc::default());
        account.keep_refusal(&Outage::ServiceBind { code: Some(result_code::BUSY) }.into());
        assert!(account.refused().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_login_is_known_to_whoever_signs_in_the_same_way_later() {
        let refused = Arc::new(RefusedLogins::default());
        let account = |servers: &[&str], password: &str| {
            let (name, password) = ("cn=service".to_owned(), password.into());
            let identity = Identity::Simple { first: Credential { name, password }, second: None };
            ServiceAccount::new(identity, servers, Arc::clone(&refused))
        };
        let outage = Outage::ServiceBind { code: Some(result_code::INVALID_CREDENTIALS) };
        account(&["a"], "wrong").keep_refusal(&outage.into());
        let later = account(&["a"], "wrong");
        assert!(later.refused().is_some() && account(&["a"], "right").refused().is_none());
        assert!(account(&["b"], "wrong").refused_lately().is_none());
        tokio::time::sleep(BIND_AGAIN_AFTER).await;
        assert!(later.refused().is_none() && later.refused_lately().is_some());
        tokio::time::sleep(120 * BIND_AGAIN_AFTER).await;
        assert!(later.refused_lately().is_none());
    }
}
