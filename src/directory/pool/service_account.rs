//! Binding as the service account, and leaving it alone when it was refused.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::time::Instant;

use crate::directory::diagnosis::is_account_refused;
use crate::directory::message::LdapResult;
use crate::directory::pool::identity::{Credential, Identity};
use crate::directory::session::Session;
use crate::directory::session::error::SessionError;
use crate::observe::step;
use crate::result_code;
use crate::verdict::Outcome;

/// After it was refused, the service account waits this long before it binds again: each attempt with
/// a wrong password brings it nearer to being locked.
pub(super) const BIND_AGAIN_AFTER: Duration = Duration::from_secs(30);

/// The account that searches are done as.
#[derive(Debug)]
pub(super) struct ServiceAccount {
    pub(super) identity: Identity,
    /// Whether it was the second of two credentials that was accepted last.
    second_is_right: AtomicBool,
    /// What became of the last bind, if the account was refused, and when.
    refused: Mutex<Option<(Outcome, Instant)>>,
}

impl ServiceAccount {
    pub(super) fn new(identity: Identity) -> Self {
        Self { identity, second_is_right: AtomicBool::new(false), refused: Mutex::default() }
    }

    /// What became of the last bind, if the account was refused a moment ago.
    pub(super) fn refused(&self) -> Option<Outcome> {
        let refused = self.locked();
        let (outcome, at) = refused.as_ref()?;
        (at.elapsed() < BIND_AGAIN_AFTER).then(|| outcome.clone())
    }

    /// Keeps what a failed bind came to, if the account was refused.
    pub(super) fn keep_refusal(&self, outcome: &Outcome) {
        if is_account_refused(outcome.verdict) {
            *self.locked() = Some((outcome.clone(), Instant::now()));
        }
    }

    fn locked(&self) -> MutexGuard<'_, Option<(Outcome, Instant)>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Binds on a fresh session, unless that is for nobody in particular, or the account has signed in
    /// while connecting; gives the answer if the account is refused.
    pub(super) async fn bind(&self, session: &Session) -> Result<Option<LdapResult>, SessionError> {
        let started = Instant::now();
        let answer = match &self.identity {
            Identity::Anonymous | Identity::Gssapi(_) => return Ok(None),
            Identity::External => session.bind_external().await?,
            Identity::Simple { first, second: None } => simple_bind(session, first).await?,
            Identity::Simple { first, second: Some(second) } => {
                self.bind_as_either(session, first, second).await?
            }
        };
        step("service bind", &session.server, started, &format!("result code {}", answer.code));
        Ok((answer.code != result_code::SUCCESS).then_some(answer))
    }

    /// Binds with the credential that was right last time, or else with the other one.
    async fn bind_as_either(
        &self,
        session: &Session,
        first: &Credential,
        second: &Credential,
    ) -> Result<LdapResult, SessionError> {
        let second_is_right = self.second_is_right.load(Ordering::Relaxed);
        let (likely, other) = if second_is_right { (second, first) } else { (first, second) };
        let answer = simple_bind(session, likely).await?;
        if answer.code != result_code::INVALID_CREDENTIALS {
            return Ok(answer);
        }
        let answer = simple_bind(session, other).await?;
        if answer.code == result_code::SUCCESS {
            self.second_is_right.store(!second_is_right, Ordering::Relaxed);
            tracing::warn!(
                server = %session.server,
                name = other.name,
                "the service account's other credential is the right one now"
            );
        }
        Ok(answer)
    }
}

async fn simple_bind(
    session: &Session,
    credential: &Credential,
) -> Result<LdapResult, SessionError> {
    session.bind(&credential.name, credential.password.expose_secret()).await
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
            let account = ServiceAccount::new(Identity::Anonymous);
            account.keep_refusal(&outage.into());
            assert!(account.refused().is_some(), "{outage:?}");
            tokio::time::sleep(BIND_AGAIN_AFTER).await;
            assert!(account.refused().is_none(), "{outage:?}");
        }
        let account = ServiceAccount::new(Identity::Anonymous);
        account.keep_refusal(&Outage::ServiceBind { code: Some(result_code::BUSY) }.into());
        assert!(account.refused().is_none());
    }
}
