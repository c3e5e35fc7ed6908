//! The attempts of one request: how long each may take, and whether there is another.
//!
//! A server that cannot be reached, does not answer, answers what no server should, or says that it
//! is busy has judged nothing, so the request goes to another one. One that has answered is never
//! doubted.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::deadline::Deadline;
use crate::directory::connect::connector::Unreachable;
use crate::directory::locate::servers::Servers;
use crate::directory::session::multiplexer::Lost;
use crate::result_code;
use crate::verdict::{Outage, Outcome};

/// Besides one for each server: connections that were idle may have died, all of them.
const MORE_TRIES: usize = 2;

/// So often is one request handed to servers that do not answer it. One that has read it may have
/// counted a wrong password, so it is not handed out without end.
const MOST_UNANSWERED: usize = 3;

/// While all servers are down, they are tried again after these times, unless one is heard to be up
/// before. Whoever is late with an answer has no time for another try.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// A server that has not answered yet is probably only slow; to ask another one as well would make
/// it slower.
const SHORTEST_PATIENCE: Duration = Duration::from_secs(1);

/// Counts the attempts of one request.
#[derive(Debug)]
pub(in crate::directory) struct Attempts<'a> {
    servers: &'a Servers,
    by: Deadline,
    made: usize,
    unanswered: usize,
    pause: Duration,
}

impl<'a> Attempts<'a> {
    /// The attempts of a request that must be answered by then.
    pub(in crate::directory) fn new(servers: &'a Servers, by: Deadline) -> Self {
        Self { servers, by, made: 0, unanswered: 0, pause: FIRST_PAUSE }
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

    /// Goes on to another try; the outcome of the last one if there is none. Waits while all servers
    /// are down.
    pub(in crate::directory) async fn another(
        &mut self,
        failed: AttemptError,
    ) -> Result<(), Outcome> {
        let outcome = match failed {
            AttemptError::Final(outcome) => return Err(outcome),
            AttemptError::Indeterminate(outcome) => {
                self.unanswered += 1;
                if self.unanswered >= MOST_UNANSWERED {
                    return Err(outcome);
                }
                outcome
            }
            AttemptError::Retryable(outcome) => outcome,
        };
        let health = &self.servers.health;
        if !health.all_down() {
            self.made += 1;
            let is_enough = self.made >= self.servers.count() + MORE_TRIES;
            return if is_enough { Err(outcome) } else { Ok(()) };
        }
        let pause = self.pause;
        self.pause = (pause * 2).min(LONGEST_PAUSE);
        if health.circuit_open(Instant::now()) || self.by.remaining() < 2 * pause {
            return Err(outcome);
        }
        let _ = timeout(pause, health.changed.notified()).await;
        Ok(())
    }

    /// The end of a try on a connection that was lost, or that said nothing for as long as it was
    /// waited for. That one which was open before has ended tells nothing about its server.
    pub(in crate::directory) fn lost(
        &self,
        server: &Arc<str>,
        reused: bool,
        why: &Lost,
    ) -> AttemptError {
        let health = &self.servers.health;
        let is_telling = match why {
            Lost::Ended(_) => !reused,
            Lost::Malformed(_) => true,
            Lost::Silent => !reused || health.has_other(server),
        };
        if is_telling {
            health.mark_down(server, Instant::now());
        }
        AttemptError::Indeterminate(why.outcome(server))
    }

    /// The end of a try that was answered with a result code which leaves `outcome` open: another
    /// server may do better if this one is busy.
    pub(in crate::directory) fn refused(
        &self,
        server: &Arc<str>,
        code: u32,
        outcome: Outcome,
    ) -> AttemptError {
        if result_code::is_elsewhere_better(code) {
            self.servers.health.mark_down(server, Instant::now());
            AttemptError::Retryable(outcome)
        } else {
            self.answered(server);
            AttemptError::Final(outcome)
        }
    }

    /// A server has answered as a server should.
    pub(in crate::directory) fn answered(&self, server: &Arc<str>) {
        self.servers.health.mark_up(server, Instant::now());
    }
}

/// Why a try came to nothing.
#[derive(Debug)]
pub(in crate::directory) enum AttemptError {
    /// Another one would come to the same.
    Final(Outcome),
    /// A server was asked, and nobody knows what became of it there.
    Indeterminate(Outcome),
    /// Nobody has judged the request.
    Retryable(Outcome),
}

/// No connection to any server; or one refused the account, and others would.
impl From<Unreachable> for AttemptError {
    fn from(unreachable: Unreachable) -> Self {
        let outcome = no_server(&unreachable);
        if unreachable.refused.is_some() { Self::Final(outcome) } else { Self::Retryable(outcome) }
    }
}

/// The outcome where no server could be reached, or one refused the account.
fn no_server(error: &Unreachable) -> Outcome {
    let outage = error.refused.map_or(Outage::NoServer, |code| Outage::ServiceBind { code });
    Outcome::from(outage).with_detail(&error.text)
}
