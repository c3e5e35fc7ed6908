//! The attempts of one request: how long each may take, what its end means, and whether there is
//! another.
//!
//! A server that cannot be reached, does not answer, answers what no server should, or says that it
//! is busy has judged nothing, so the request goes to another one. So it does from one that answers
//! and judges nothing, as after a fault of its own. One that has judged is never doubted.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::deadline::Deadline;
use crate::directory::diagnosis::{Judged, Judgement};
use crate::directory::locate::servers::Servers;
use crate::directory::locate::trial::Work;
use crate::directory::session::error::{ConnectError, SessionError};
use crate::verdict::{Outage, Outcome};

/// How many attempts a request has besides one for each server: sessions that were idle may have
/// died, all of them.
const MORE_ATTEMPTS: usize = 2;

/// Work is handed to this many servers that do not answer it, and to no more. A bind as a user is tried
/// again once: whoever has read it may have counted a wrong password.
const MOST_UNANSWERED: usize = 3;
const MOST_UNANSWERED_USER_BINDS: usize = 2;

/// While all servers are down, a request waits this long before its next attempt, twice as long each
/// time, and at most so long; it goes on at once when one comes up.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// No server is given up for silence before this time: it is probably only slow, and to ask another
/// one as well would make both slower.
const SHORTEST_PATIENCE: Duration = Duration::from_secs(1);

/// The attempts of one request at some work.
#[derive(Debug)]
pub(in crate::directory) struct Attempts<'a> {
    servers: &'a Servers,
    work: Work<'a>,
    by: Deadline,
    since: Instant,
    /// Whether an attempt may be given up when all servers have been down for long.
    may_be_cut: bool,
    made: usize,
    /// How many more may be left without an answer.
    may_be_unanswered: usize,
    pause: Duration,
    /// The servers that are not asked again: they answered and judged nothing, or, for whoever asks each
    /// once, nothing that an LDAP server says.
    avoided: Vec<Arc<str>>,
    /// What the last of them said.
    unjudged: Option<Outcome>,
    /// The servers that were asked and could not do the work.
    failed_at: Vec<Arc<str>>,
    /// What the last attempt came to.
    last: Option<Outcome>,
}

/// What one attempt has to know of those before it.
#[derive(Debug)]
pub(in crate::directory) struct AttemptContext<'a> {
    servers: &'a Servers,
    /// When the request must be answered.
    pub(super) by: Deadline,
    /// When the first attempt began.
    since: Instant,
    /// The servers that are not to be asked again.
    pub(in crate::directory) avoided: Vec<Arc<str>>,
    /// What the last of them said, if it was asked for this.
    pub(in crate::directory) unjudged: Option<Outcome>,
    /// What the attempt before came to.
    last: Option<Outcome>,
}

/// What became of an attempt.
#[derive(Debug)]
pub(in crate::directory) enum Attempt<T> {
    /// The work is done.
    Done {
        /// By which server, if that has shown that it can do it.
        by: Option<Arc<str>>,
        /// What came of it.
        result: T,
    },
    /// There is no use in another one.
    Over(Outcome),
    /// There is no session.
    NotConnected(ConnectError),
    /// The session that was kept had been forgotten by its server, which has judged nothing.
    Stale(Outcome),
    /// The session broke, or said nothing for as long as it was waited for.
    Broken {
        /// With whom.
        server: Arc<str>,
        /// How.
        error: SessionError,
        /// Whether it was open before this request.
        is_reused: bool,
    },
    /// The server did not do the work, and said this.
    Answered {
        /// Which.
        server: Arc<str>,
        /// Whether another one might say something else.
        judged: Judged,
        /// What its answer comes to.
        outcome: Outcome,
    },
}

impl<T> Attempt<T> {
    /// An attempt that ended with this answer.
    pub(in crate::directory) fn answered(server: &Arc<str>, judgement: Judgement) -> Self {
        let (judged, outcome) = (judgement.judged, judgement.outcome(server));
        Self::Answered { server: Arc::clone(server), judged, outcome }
    }

    /// An attempt at which this server has done the work.
    pub(in crate::directory) fn done(server: &Arc<str>, result: T) -> Self {
        Self::Done { by: Some(Arc::clone(server)), result }
    }

    /// Whether other sessions with the server are no good either.
    pub(super) fn spoils_sessions(&self) -> bool {
        match self {
            Self::Stale(_) => true,
            Self::Broken { error, .. } => !matches!(error, SessionError::Unreadable(_)),
            Self::Answered { judged, .. } => *judged == Judged::NotNow,
            Self::Done { .. } | Self::Over(_) | Self::NotConnected(_) => false,
        }
    }
}

impl AttemptContext<'_> {
    /// What becomes of a request for which nobody waits any longer, because all servers are down: what
    /// was wrong with them, as far as this request has seen it.
    pub(super) fn given_up(self) -> Outcome {
        let outage = || Outcome::from(Outage::NoServer).with_detail(&self.servers.health.outage());
        self.last.unwrap_or_else(outage)
    }

    /// Ends when all servers are down for so long that nobody should wait for the work.
    pub(super) async fn until_given_up(&self) {
        self.servers.health.given_up(self.since).await;
    }

    /// When a server that says nothing is given up: when half of the time is gone, as long as that
    /// leaves enough of it and `has_other_way` or another server is up.
    pub(in crate::directory) fn patience(&self, server: &str, has_other_way: bool) -> Deadline {
        let half = self.by.remaining() / 2;
        if half >= SHORTEST_PATIENCE && (has_other_way || self.servers.health.has_other(server)) {
            self.by.or_within(half)
        } else {
            self.by
        }
    }
}

impl<'a> Attempts<'a> {
    /// Attempts that must come to an end by then.
    pub(in crate::directory) fn new(servers: &'a Servers, work: Work<'a>, by: Deadline) -> Self {
        let may_be_unanswered = match work {
            Work::UserBind(_) => MOST_UNANSWERED_USER_BINDS,
            Work::Answer | Work::ServiceBind | Work::Search(_) => MOST_UNANSWERED,
        };
        Self {
            servers,
            work,
            by,
            since: Instant::now(),
            may_be_cut: !matches!(work, Work::UserBind(_)),
            made: 0,
            may_be_unanswered,
            pause: FIRST_PAUSE,
            avoided: Vec::new(),
            unjudged: None,
            failed_at: Vec::new(),
            last: None,
        }
    }

    fn context(&self) -> AttemptContext<'a> {
        AttemptContext {
            servers: self.servers,
            by: self.by,
            since: self.since,
            avoided: self.avoided.clone(),
            unjudged: self.unjudged.clone(),
            last: self.last.clone(),
        }
    }

    /// None of them at these servers.
    pub(in crate::directory) fn besides(self, avoided: &[Arc<str>]) -> Self {
        Self { avoided: avoided.to_vec(), ..self }
    }

    /// Attempts of which each says itself how long it goes on while all servers are down, because what
    /// was sent is not to be forgotten.
    pub(in crate::directory) fn uncut(self) -> Self {
        Self { may_be_cut: false, ..self }
    }

    /// Makes attempts until one decides, or there is no use in another.
    pub(in crate::directory) async fn run<T, F: Future<Output = Attempt<T>>>(
        mut self,
        mut attempt: impl FnMut(AttemptContext<'a>) -> F,
    ) -> Result<T, Outcome> {
        loop {
            let made = tokio::select! {
                biased;
                made = attempt(self.context()) => made,
                () = self.servers.health.given_up(self.since), if self.may_be_cut => {
                    return Err(self.context().given_up());
                }
            };
            if let Some(result) = self.conclude(made).await? {
                return Ok(result);
            }
        }
    }

    /// What an attempt came to; none if there is to be another one, for which it waits while all
    /// servers are down.
    async fn conclude<T>(&mut self, made: Attempt<T>) -> Result<Option<T>, Outcome> {
        let health = &self.servers.health;
        let mut is_alone_and_busy = false;
        let outcome = match made {
            Attempt::Done { by, result } => {
                if let Some(server) = by {
                    self.done_by(&server);
                }
                return Ok(Some(result));
            }
            Attempt::Over(outcome) => return Err(outcome),
            // The health of each server that was dialled has been told while connecting.
            Attempt::NotConnected(error) if error.is_judged() => return Err(error.outcome()),
            Attempt::NotConnected(error) => error.outcome(),
            Attempt::Stale(outcome) => outcome,
            // On no other session would it be another.
            Attempt::Broken { server, error: error @ SessionError::Unreadable(_), .. } => {
                return Err(error.outcome(&server));
            }
            Attempt::Broken { server, error, is_reused } => {
                health.broke(&server, self.work, &error, is_reused);
                self.may_be_unanswered = self.may_be_unanswered.saturating_sub(1);
                let outcome = error.outcome(&server);
                if self.may_be_unanswered == 0 {
                    return Err(outcome);
                }
                if self.servers.asked_once && matches!(error, SessionError::Malformed(_)) {
                    self.avoided.push(Arc::clone(&server));
                }
                if matches!(error, SessionError::Silent | SessionError::Malformed(_)) {
                    self.failed_at.push(server);
                }
                outcome
            }
            Attempt::Answered { server, judged, outcome } => {
                let words = outcome.detail.as_deref().unwrap_or_default();
                health.answered(&server, self.work, judged, words, Instant::now());
                match judged {
                    Judged::Everywhere => return Err(outcome),
                    Judged::NotHere => {
                        self.avoided.push(Arc::clone(&server));
                        self.unjudged = Some(outcome.clone());
                    }
                    Judged::NotNow => is_alone_and_busy = !health.has_other(&server),
                }
                self.failed_at.push(server);
                outcome
            }
        };
        let is_worth_asking_once = self.unjudged.is_some() || self.servers.asked_once;
        if is_worth_asking_once && !health.has_besides(&self.avoided) {
            return Err(self.unjudged.take().unwrap_or(outcome));
        }
        if !health.all_down() {
            self.made += 1;
            let is_enough = self.made >= self.servers.count() + MORE_ATTEMPTS;
            if is_enough {
                return Err(outcome);
            }
            self.last = Some(outcome);
            if is_alone_and_busy {
                // By then it is known whether that is for all.
                let _ = timeout(self.next_pause(), health.changed.notified()).await;
            }
            return Ok(None);
        }
        let pause = self.next_pause();
        if health.circuit_open(Instant::now()) || self.by.remaining() < 2 * pause {
            return Err(outcome);
        }
        self.last = Some(outcome);
        let _ = timeout(pause, health.changed.notified()).await;
        Ok(None)
    }

    fn next_pause(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = (pause * 2).min(LONGEST_PAUSE);
        pause
    }

    /// A server has done the work. What others could not do is no fault of the question then.
    fn done_by(&self, server: &Arc<str>) {
        let health = &self.servers.health;
        health.did(server, self.work, Instant::now());
        if let Work::Search(query) = self.work {
            let others = self.failed_at.iter().filter(|other| *other != server);
            others.for_each(|other| health.outdone(other, query));
        }
    }
}
