//! Binding as a user, to prove a password.
//!
//! A bind can take as long as a person needs to confirm it elsewhere, so it is never sent again while
//! it may be under way: whether a silent server is dead is found out by another question.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use secrecy::SecretString;
use tokio::time::{Instant, sleep};

use crate::deadline::Deadline;
use crate::directory::diagnosis::{Judged, MustChange, of_bind};
use crate::directory::locate::health::Health;
use crate::directory::locate::trial::Work;
use crate::directory::pool::attempts::{Attempt, AttemptContext, Attempts};
use crate::directory::pool::non_user::NonUser;
use crate::directory::pool::sent_bind::SentBind;
use crate::directory::pool::users::{Lease, UserPool};
use crate::directory::session::error::{ConnectError, SessionError};
use crate::lock::locked;
use crate::observe::StepUnderWay;
use crate::policy::admission::PersonalWait;
use crate::policy::guard::Permit;
use crate::result_code;
use crate::verdict::{Denial, Outage, Outcome, Verdict};

/// A server that has not answered a bind for this long, or for half of the time that is left, is asked
/// whether it is there, and again after twice that time, and so on.
const FIRST_QUESTION: Duration = Duration::from_secs(1);

/// A bind that is not answered for this long, although the directory answers other questions, waits for
/// a person.
const PERSONAL_AFTER: Duration = Duration::from_secs(3);

/// A bind that is under way; where it is dropped before it is over, nobody waits any more.
struct BindUnderWay<'a> {
    health: &'a Health,
    server: &'a Arc<str>,
    name: &'a str,
    is_over: bool,
}

impl Drop for BindUnderWay<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.health.bind_unanswered(self.server, self.name);
        }
    }
}

/// Whether it is only the bind that is not answered: then nobody has confirmed it elsewhere, and the
/// directory is not absent.
#[derive(Debug)]
struct Silence {
    /// Who was sent the bind that is not answered, if the last one is not.
    server: Mutex<Option<Arc<str>>>,
    /// Whether the directory has answered what it was asked last besides.
    answers_others: AtomicBool,
}

impl Silence {
    fn set(&self, server: Option<&Arc<str>>) {
        *locked(&self.server) = server.map(Arc::clone);
    }

    /// Ends when the bind waits for a person.
    async fn until_personal(&self) {
        loop {
            sleep(PERSONAL_AFTER).await;
            if self.answers_others.load(Ordering::Relaxed) {
                return;
            }
        }
    }

    /// What to say of a bind that is not answered, if it is that alone.
    fn outcome(&self) -> Option<Outcome> {
        let server = locked(&self.server).clone()?;
        let answers_others = self.answers_others.load(Ordering::Relaxed);
        answers_others.then(|| Outcome::from(Outage::BindUnanswered).from_server(&server))
    }
}

/// A bind that is to prove a password.
#[derive(Debug)]
pub(in crate::directory) struct UserBind<'a> {
    /// The name to bind by.
    pub(in crate::directory) name: &'a str,
    /// It is not empty.
    pub(in crate::directory) password: &'a SecretString,
    /// What becomes of a right password that must be changed.
    pub(in crate::directory) must_change: MustChange,
    /// What finds whoever is none of the users.
    pub(in crate::directory) non_user: Option<NonUser>,
    /// Whether the directory has answered something else for this request.
    pub(in crate::directory) was_answered: bool,
    /// The right to send it.
    pub(in crate::directory) permit: &'a Permit,
    /// Who is told that it waits for a person.
    pub(in crate::directory) wait: &'a PersonalWait,
}

impl UserPool {
    /// Binds as a user; once more if the session ended, or its server died, before the answer.
    pub(in crate::directory) async fn prove(
        &self,
        bind: &UserBind<'_>,
        by: Deadline,
    ) -> Result<Outcome, Outcome> {
        let answers_others = AtomicBool::new(bind.was_answered);
        let silence = Silence { server: Mutex::default(), answers_others };
        let run = Attempts::new(&self.connector().servers, Work::UserBind(bind.name), by)
            .run(|context| self.try_prove(bind, &silence, context));
        let proved = by.bound(run).await.unwrap_or_else(|elapsed| Err(elapsed.into()));
        proved.map_err(|outcome| match silence.outcome() {
            Some(unanswered) if outcome.verdict == Verdict::Unavailable(Outage::LostConnection) => {
                unanswered.with_detail(outcome.detail.as_deref().unwrap_or_default())
            }
            Some(unanswered) => unanswered,
            None => outcome,
        })
    }

    async fn try_prove(
        &self,
        bind: &UserBind<'_>,
        silence: &Silence,
        context: AttemptContext<'_>,
    ) -> Attempt<Outcome> {
        let UserBind { name, password, permit, .. } = *bind;
        silence.set(None);
        let leased = tokio::select! {
            biased;
            leased = self.lease_for(&context) => leased,
            () = context.until_given_up() => Ok(None),
        };
        let lease = match leased {
            Ok(Some(lease)) => lease,
            Ok(None) => return Attempt::Over(context.given_up()),
            Err(error) => return Attempt::NotConnected(error),
        };
        let Some(counted) = permit.send(lease.session.answer_signal()) else {
            let text =
                "nobody answered the bind that was sent, and one more might lock the account";
            return Attempt::Over(Outcome::from(Outage::TooManyFailures).with_detail(text));
        };
        let (server, is_reused) = (Arc::clone(&lease.session.server), lease.is_reused);
        let step = StepUnderWay::begin("bind as the user", &server);
        silence.set(Some(&server));
        let mut sent =
            SentBind::new(lease, name, password, bind.must_change, bind.non_user.clone(), counted);
        let bound = {
            let health = &self.connector().servers.health;
            let mut unanswered = BindUnderWay { health, server: &server, name, is_over: false };
            let bound = tokio::select! {
                bound = sent.answer(silence.until_personal(), bind.wait) => bound,
                () = self.death_of(&server, silence, context.by) => Err(SessionError::Silent),
            };
            unanswered.is_over = true;
            bound
        };
        let (answer, non_user) = match bound {
            Ok(answer) => {
                silence.set(None);
                answer
            }
            Err(error) => {
                step.ends(|| error.to_string());
                if matches!(error, SessionError::Malformed(_) | SessionError::Disconnected(_)) {
                    silence.set(None);
                }
                if is_reused {
                    // Whatever ended this session has probably ended the others that were idle.
                    self.purge();
                }
                return Attempt::Broken { server, error, is_reused };
            }
        };
        step.ends(|| result_code::described(answer.code));
        let mut judgement = of_bind(&answer, bind.must_change);
        if let Some(dn) = non_user {
            judgement.verdict = Verdict::Denied(Denial::UnknownUser);
            judgement.remark = Some(format!("{dn} has this name, and is no user"));
        }
        if judgement.judged == Judged::NotNow {
            self.purge();
        }
        Attempt::answered(&server, judgement)
    }

    /// A session for a bind; none where all servers are down for long and this one still is. A password
    /// that goes to one that hangs is counted, and nobody has judged it.
    async fn lease_for(&self, context: &AttemptContext<'_>) -> Result<Option<Lease>, ConnectError> {
        let lease = self.lease(&context.avoided).await?;
        let health = &self.connector().servers.health;
        if health.circuit_open(Instant::now()) && lease.is_answered().await {
            health.did(&lease.session.server, Work::Answer, Instant::now());
        }
        Ok((!health.circuit_open(Instant::now())).then_some(lease))
    }

    /// Ends when a server that has said nothing for a while does not answer another question either,
    /// and there is another server to go to. Where there is none, it is asked until it has answered.
    async fn death_of(&self, server: &Arc<str>, silence: &Silence, by: Deadline) {
        let connector = self.connector();
        let health = &connector.servers.health;
        let mut pause = FIRST_QUESTION.min(by.remaining() / 2);
        let mut answers = false;
        loop {
            sleep(pause).await;
            pause *= 2;
            if !health.has_other(server) && answers {
                continue;
            }
            // What it answered before the bind was sent says nothing of it now.
            silence.answers_others.store(false, Ordering::Relaxed);
            let in_order = connector.servers.in_order(connector.connect_within);
            let (servers, _) = Box::pin(in_order).await;
            let Some(server) = servers.iter().find(|known| known.name == *server) else { continue };
            let question = connector.answers(server, connector.connect_within);
            answers = Box::pin(question).await.is_ok();
            silence.answers_others.store(answers, Ordering::Relaxed);
            if !answers {
                if health.has_other(&server.name) {
                    return;
                }
                health.fell_silent(&server.name);
            }
        }
    }
}
