//! The attempts of one request: how long each may take, what its end means, and whether there is
//! another.
//!
//! A server that cannot be reached, does not answer, answers what no server should, or says that it
//! is busy has judged nothing, so the request goes to another one. So it does from one that answers
//! and judges nothing, as after a fault of its own; but that is no reason to keep others from it. One
//! that has judged is never doubted.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::deadline::Deadline;
use crate::directory::locate::servers::Servers;
use crate::directory::locate::trial::{Trial, Work};
use crate::directory::session::error::{ConnectError, Refuser, SessionError};
use crate::result_code;
use crate::verdict::{Outage, Outcome};

/// How many attempts a request has besides one for each server: sessions that were idle may have
/// died, all of them.
const MORE_ATTEMPTS: usize = 2;

/// A search is handed to this many servers that do not answer it, and to no more. A bind is tried
/// again once: whoever has read it may have counted a wrong password.
const MOST_UNANSWERED_SEARCHES: usize = 3;
const MOST_UNANSWERED_BINDS: usize = 2;

/// While all servers are down, a request waits this long before its next attempt, twice as long each
/// time, and at most so long; it goes on at once when one comes up.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// No server is given up for silence before this time: it is probably only slow, and to ask another
/// one as well would make both slower.
const SHORTEST_PATIENCE: Duration = Duration::from_secs(1);

/// Counts the attempts of one request.
#[derive(Debug)]
pub(in crate::directory) struct Attempts<'a> {
    servers: &'a Servers,
    by: Deadline,
    made: usize,
    /// How many more may be left without an answer.
    may_be_unanswered: usize,
    pause: Duration,
    /// The servers that answered and judged nothing.
    avoided: Vec<Arc<str>>,
    /// What the last of them said.
    unjudged: Option<Outcome>,
}

impl<'a> Attempts<'a> {
    /// The attempts of a search that must be answered by then.
    pub(in crate::directory) fn of_search(servers: &'a Servers, by: Deadline) -> Self {
        Self {
            servers,
            by,
            made: 0,
            may_be_unanswered: MOST_UNANSWERED_SEARCHES,
            pause: FIRST_PAUSE,
            avoided: Vec::new(),
            unjudged: None,
        }
    }

    /// The attempts of a bind that must be answered by then.
    pub(in crate::directory) fn of_bind(servers: &'a Servers, by: Deadline) -> Self {
        Self { may_be_unanswered: MOST_UNANSWERED_BINDS, ..Self::of_search(servers, by) }
    }

    /// None of them at these servers.
    pub(in crate::directory) fn besides(self, avoided: &[Arc<str>]) -> Self {
        Self { avoided: avoided.to_vec(), ..self }
    }

    /// The servers that are not to be asked again.
    pub(in crate::directory) fn avoided(&self) -> &[Arc<str>] {
        &self.avoided
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

    /// Goes on to another attempt, for which it waits while all servers are down; the outcome of the
    /// last one if there is to be none.
    pub(in crate::directory) async fn another(
        &mut self,
        failed: AttemptError,
    ) -> Result<(), Outcome> {
        let outcome = match failed {
            AttemptError::Final(outcome) => return Err(outcome),
            AttemptError::Indeterminate(outcome) => {
                self.may_be_unanswered = self.may_be_unanswered.saturating_sub(1);
                if self.may_be_unanswered == 0 {
                    return Err(outcome);
                }
                outcome
            }
            AttemptError::Retryable(outcome) => outcome,
            AttemptError::Unjudged(server, outcome) => {
                self.avoided.push(server);
                self.unjudged = Some(outcome.clone());
                outcome
            }
        };
        let health = &self.servers.health;
        if let Some(unjudged) = &self.unjudged
            && !health.has_besides(&self.avoided)
        {
            return Err(unjudged.clone());
        }
        if !health.all_down() {
            self.made += 1;
            let is_enough = self.made >= self.servers.count() + MORE_ATTEMPTS;
            return if is_enough { Err(outcome) } else { Ok(()) };
        }
        if self.servers.asked_once {
            return Err(outcome);
        }
        let pause = self.pause;
        self.pause = (pause * 2).min(LONGEST_PAUSE);
        if health.circuit_open(Instant::now()) || self.by.remaining() < 2 * pause {
            return Err(outcome);
        }
        let _ = timeout(pause, health.changed.notified()).await;
        Ok(())
    }

    /// What the end of an attempt at this work means: to the health of the server, which has to pass
    /// `trial` if it is at fault, and to the request.
    pub(in crate::directory) fn ended(
        &self,
        server: &Arc<str>,
        work: Work,
        trial: impl FnOnce() -> Trial,
        end: End<'_>,
    ) -> AttemptError {
        let health = &self.servers.health;
        match end {
            // It says itself that it cannot work.
            End::Answered { code, outcome, .. } if result_code::is_elsewhere_better(code) => {
                health.mark_down(server, trial(), Instant::now());
                AttemptError::Retryable(outcome)
            }
            // It judges nobody, which is its own fault at least where the service account binds.
            End::Answered { outcome, is_judged: false, .. } => {
                if work == Work::ServiceBind {
                    health.doubt(server, trial());
                }
                AttemptError::Unjudged(Arc::clone(server), outcome)
            }
            End::Answered { outcome, .. } => {
                self.answered(server, work);
                AttemptError::Final(outcome)
            }
            End::Broken { error, is_reused } => {
                let is_doubtful = match error {
                    SessionError::Malformed(_) => true,
                    // A firewall may have forgotten the session. If there is no other server, this
                    // one is asked again on a new session.
                    SessionError::Silent => !is_reused || health.has_other(server),
                    // Servers and firewalls end sessions that were idle for long.
                    SessionError::Closed
                    | SessionError::ClosedAtOnce { .. }
                    | SessionError::Disconnected(_)
                    | SessionError::Io(_) => !is_reused,
                };
                if is_doubtful {
                    health.doubt(server, trial());
                }
                AttemptError::Indeterminate(error.outcome(server))
            }
        }
    }

    /// A server has done what it was asked.
    pub(in crate::directory) fn answered(&self, server: &Arc<str>, work: Work) {
        self.servers.health.mark_up(server, work, Instant::now());
    }
}

/// How an attempt on a server ended.
#[derive(Debug)]
pub(in crate::directory) enum End<'a> {
    /// The session broke, or said nothing for as long as it was waited for.
    Broken {
        /// How.
        error: &'a SessionError,
        /// Whether it was open before this request.
        is_reused: bool,
    },
    /// The server answered.
    Answered {
        /// The result code.
        code: u32,
        /// What the answer comes to.
        outcome: Outcome,
        /// Whether every server would come to the same.
        is_judged: bool,
    },
}

/// Why an attempt came to nothing.
#[derive(Debug)]
pub(in crate::directory) enum AttemptError {
    /// Another one would come to the same.
    Final(Outcome),
    /// A server was asked, and nobody knows what became of it there.
    Indeterminate(Outcome),
    /// Nobody has judged the request.
    Retryable(Outcome),
    /// This server has answered, and judged nothing: it is not asked again.
    Unjudged(Arc<str>, Outcome),
}

/// There is no session. The health of each server that was dialled has been told while connecting.
impl From<ConnectError> for AttemptError {
    fn from(error: ConnectError) -> Self {
        let outcome = |outage: Outage| Outcome::from(outage).with_detail(&error.to_string());
        match &error {
            ConnectError::Refused { is_judged: true, by, .. } => {
                let code = match by {
                    Refuser::Kdc => None,
                    Refuser::Server { code } => Some(*code),
                };
                Self::Final(outcome(Outage::ServiceBind { code }))
            }
            ConnectError::Refused { is_judged: false, .. } | ConnectError::Unreachable(_) => {
                Self::Retryable(outcome(Outage::NoServer))
            }
        }
    }
}
