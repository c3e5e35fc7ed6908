//! A bind that was sent as a user.
//!
//! Its directory judges it whether anybody waits for that or not. So where its request ends before it
//! is answered it goes on, beside the places of the pool, and its answer counts in the lock-out guard. It
//! is an answer to nobody.

use std::pin::Pin;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};

use crate::directory::diagnosis::{MustChange, of_bind};
use crate::directory::message::LdapResult;
use crate::directory::pool::non_user::NonUser;
use crate::directory::pool::users::{Lease, SessionPlace};
use crate::directory::session::Session;
use crate::directory::session::error::SessionError;
use crate::policy::admission::PersonalWait;
use crate::policy::guard::CountedBind;
use crate::result_code::SUCCESS;

/// For how long a bind goes on from when it was sent: about as long as a person has to confirm it
/// elsewhere.
pub const GOES_ON_FOR: Duration = Duration::from_secs(25);

/// The answer, and the DN of who was bound, if that is found to be no user.
type EndedBind = (LdapResult, Option<String>);

type AnsweredBind = (Session, Result<EndedBind, SessionError>);

/// A bind that was sent, and is not answered yet. Where it is dropped then, it goes on.
pub(super) struct SentBind(Option<PendingBind>);

struct PendingBind {
    answered: Pin<Box<dyn Future<Output = AnsweredBind> + Send>>,
    place: SessionPlace,
    counted: CountedBind,
    must_change: MustChange,
    until: Instant,
}

impl SentBind {
    /// A bind with a non-empty password, which is sent when its answer is waited for.
    pub(super) fn new(
        Lease { session, place, .. }: Lease,
        name: &str,
        password: &SecretString,
        must_change: MustChange,
        non_user: Option<NonUser>,
        counted: CountedBind,
    ) -> Self {
        let (name, password) = (name.to_owned(), password.clone());
        let answered = Box::pin(async move {
            let answer = bind(&session, &name, &password, non_user.as_ref()).await;
            (session, answer)
        });
        let until = Instant::now() + GOES_ON_FOR;
        Self(Some(PendingBind { answered, place, counted, must_change, until }))
    }

    /// Its answer. Only a session on which the server has answered goes back to the pool; any other is
    /// closed, because nobody knows who is bound on it. A bind that goes on when `waits_for_person` ends
    /// leaves its place to others, if not too many have.
    pub(super) async fn answer(
        &mut self,
        waits_for_person: impl Future<Output = ()>,
        wait: &PersonalWait,
    ) -> Result<EndedBind, SessionError> {
        let Some(PendingBind { answered, place, .. }) = &mut self.0 else {
            return Err(SessionError::Closed);
        };
        let (session, answer) = tokio::select! {
            biased;
            answered = &mut *answered => answered,
            () = waits_for_person => {
                if place.leave() {
                    wait.begin();
                }
                answered.await
            }
        };
        if let Some(PendingBind { place, counted, .. }) = self.0.take()
            && answer.is_ok()
        {
            counted.answered();
            place.keep(session);
        }
        answer
    }
}

async fn bind(
    session: &Session,
    name: &str,
    password: &SecretString,
    non_user: Option<&NonUser>,
) -> Result<EndedBind, SessionError> {
    let answer = session.bind(name, password.expose_secret()).await?;
    let found = match non_user.filter(|_| answer.code == SUCCESS) {
        Some(non_user) => non_user.found_on(session, GOES_ON_FOR).await?,
        None => None,
    };
    Ok((answer, found))
}

impl Drop for SentBind {
    fn drop(&mut self) {
        let Some(PendingBind { answered, mut place, counted, must_change, until }) = self.0.take()
        else {
            return;
        };
        let Ok(runtime) = Handle::try_current() else { return };
        if !counted.is_counted() || !place.leave() {
            return;
        }
        runtime.spawn(async move {
            let _place = place;
            if let Ok((_session, Ok((answer, _)))) = timeout_at(until, answered).await {
                let verdict = of_bind(&answer, must_change).verdict;
                counted.answered_late(verdict, Instant::now());
            }
        });
    }
}
