//! How well each server does, and who is to be probed when: a circuit breaker for each. Whoever has to
//! do with a server tells what happened; what that makes of the server is decided here.
//!
//! A server is *doubted* when it lost a race, a session with it ended, or it was silent, all of which
//! may be the fault of something else. It is probed at once, and until then others are preferred. It is
//! *down* when it could not be reached, said that it cannot work, or failed the probe. That it cannot
//! answer one search or bind of a user now may be the fault of that entry; the same of two searches is
//! its own. Then it is left alone for a time that doubles with each failure and is jittered, so that
//! many processes do not come back to it at once. It comes back when it has done again what it failed
//! at, because a server can well answer one question and hang in another.
//!
//! While all servers are down, requests wait for the first to come back. When that has lasted, the
//! circuit is open: a request looks once whether one is back, and is given up a moment later.

mod state;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use self::state::{HealthState, Liveness, ServerHealth, ServerName, pause};
use crate::directory::diagnosis::Judged;
use crate::directory::locate::trial::{Trial, Work};
use crate::directory::message::{Query, SampleQuery};
use crate::directory::session::error::{ConnectError, SessionError};
use crate::lock::locked;

/// The failures of a server that has been up for this long are forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60);

/// The circuit opens when all servers have been down for this long: an outage that lasts is not
/// worth waiting for.
const OPENS_AFTER: Duration = Duration::from_secs(5);

/// While the circuit is open, whoever asks waits for no longer than this.
const PATIENCE_IN_OUTAGE: Duration = Duration::from_millis(300);

/// So many binds of users in a row without an answer make a server doubtful. One alone may wait for
/// a person, as where a telephone has to confirm it.
const DOUBTED_AT: u32 = 2;

/// Why nobody waits for servers.
const ALL_DOWN: &str = "all servers are down; they are asked again in the background";

/// What is known about the servers of one directory.
#[derive(Debug, Default)]
pub struct Health {
    state: Mutex<HealthState>,
    /// A server came up, went down or is doubted.
    pub changed: Notify,
}

impl Health {
    /// Says which servers there are, and how many; what is known of others is forgotten.
    pub fn set_servers(&self, is_there: impl Fn(&str) -> bool, servers: usize, now: Instant) {
        let mut state = locked(&self.state);
        state.known.retain(|name, _| is_there(name));
        state.servers = servers;
        state.note_outage(now);
    }

    /// Whether a server is down or doubted, so that any other is to be preferred.
    pub fn is_suspect(&self, server: &str) -> bool {
        locked(&self.state).known.get(server).is_some_and(|known| known.liveness != Liveness::Up)
    }

    /// Whether a server is down.
    pub fn is_down(&self, server: &str) -> bool {
        locked(&self.state).known.get(server).is_some_and(ServerHealth::is_down)
    }

    /// Whether a server has answered anything since it was doubted last.
    pub fn has_answered(&self, server: &str) -> bool {
        locked(&self.state).known.get(server).is_some_and(|known| known.has_answered)
    }

    /// A server has done its work; that it can be connected to says little.
    pub fn did(&self, server: &ServerName, work: Work<'_>, now: Instant) {
        if let Some(known) = locked(&self.state).known.get_mut(server) {
            match work {
                Work::UserBind(_) => known.unanswered_binds = 0,
                Work::Search(_) => known.unanswerable.clear(),
                Work::Answer | Work::ServiceBind => {}
            }
        }
        self.clear(server, now, |trial| work.passes(trial));
    }

    /// A server has answered what it was asked for, in these words.
    pub fn answered(
        &self,
        server: &ServerName,
        work: Work<'_>,
        judged: Judged,
        words: &str,
        now: Instant,
    ) {
        match judged {
            Judged::Everywhere => self.did(server, work, now),
            // To judge nobody is no reason to keep others from it, but for the account that all have
            // in common.
            Judged::NotHere if matches!(work, Work::ServiceBind) => {
                self.doubt(server, work.trial());
            }
            Judged::NotHere => {}
            Judged::NotNow => match work {
                Work::ServiceBind => self.mark_down(server, work.trial(), words, now),
                Work::Search(query) => self.cannot_search(server, query, words, now),
                Work::Answer => self.doubt(server, Trial::Answer),
                // It may be one user's entry that lies elsewhere. Whoever is alone is not left for it.
                Work::UserBind(_) if self.has_other(server) => self.doubt(server, work.trial()),
                Work::UserBind(_) => {}
            },
        }
    }

    /// A server said that it cannot answer this search now. If it said the same of another one, it has
    /// to answer one of both before it is up; of one alone, what it is a search in.
    fn cannot_search(&self, server: &ServerName, query: &Query<'_>, words: &str, now: Instant) {
        let mut state = locked(&self.state);
        let unanswerable = &mut state.known.entry(Arc::clone(server)).or_default().unanswerable;
        let sample = SampleQuery::of(query);
        if !unanswerable.contains(&sample) {
            unanswerable.truncate(1);
            unanswerable.push(sample);
        }
        let samples: Arc<[SampleQuery]> = unanswerable.as_slice().into();
        drop(state);
        if samples.len() > 1 {
            self.mark_down(server, Trial::Search(samples), words, now);
        } else {
            self.doubt(server, Work::Search(query).trial());
        }
    }

    /// A session broke, or nothing came on it for as long as it was waited for; `is_reused` says
    /// whether it was open before.
    pub fn broke(
        &self,
        server: &ServerName,
        work: Work<'_>,
        error: &SessionError,
        is_reused: bool,
    ) {
        let is_doubtful = match error {
            SessionError::Malformed(_) => true,
            // A firewall may have forgotten the session. If there is no other server, this one is
            // asked again on a new session.
            SessionError::Silent => !is_reused || self.has_other(server),
            // Servers and firewalls end sessions that were idle for long.
            SessionError::Closed
            | SessionError::ClosedAtOnce { .. }
            | SessionError::Disconnected(_)
            | SessionError::Io(_) => !is_reused,
            SessionError::Unreadable(_) => false,
        };
        if is_doubtful {
            self.doubt(server, work.trial());
        }
    }

    /// Another server could answer what this one could not, so it is no fault of the question.
    pub fn outdone(&self, server: &ServerName, query: &Query<'_>) {
        self.doubt(server, Trial::Search(Arc::new([SampleQuery::of(query)])));
    }

    /// No session came about. Who judges an account that signs in is there.
    pub fn not_connected(&self, server: &ServerName, error: &ConnectError, now: Instant) {
        if error.is_judged() {
            self.did(server, Work::Answer, now);
        } else {
            self.mark_down(server, Trial::Answer, &error.to_string(), now);
        }
    }

    /// A server is silent where another would have answered: it is not to be asked first again, before
    /// it is known whether it is only slow.
    pub fn fell_silent(&self, server: &ServerName) {
        self.doubt(server, Trial::Answer);
    }

    /// A server has passed these trials.
    pub fn passed(&self, server: &ServerName, trials: &[Trial], now: Instant) {
        self.clear(server, now, |trial| trials.contains(trial));
    }

    /// A server has failed a trial by this fault. If it has done meanwhile for a request what it failed at, it is
    /// only slow.
    pub fn failed(&self, server: &ServerName, trial: &Trial, fault: &str, now: Instant) {
        if self.is_suspect(server) {
            self.mark_down(server, trial.clone(), fault, now);
        }
    }

    fn clear(&self, server: &ServerName, now: Instant, is_passed: impl Fn(&Trial) -> bool) {
        let mut state = locked(&self.state);
        let Some(known) = state.known.get_mut(server) else { return };
        known.has_answered = true;
        known.trials.retain(|trial| !is_passed(trial));
        if !known.trials.is_empty() {
            return;
        }
        if known.liveness == Liveness::Up {
            let is_old = |at: &Instant| now.saturating_duration_since(*at) > FORGOTTEN_AFTER;
            if known.changed.as_ref().is_some_and(is_old) {
                (known.failures, known.changed) = (0, None);
            }
        } else {
            let was_down = known.is_down();
            known.liveness = Liveness::Up;
            if was_down {
                known.unanswerable.clear();
                known.changed = Some(now);
                state.note_outage(now);
            }
            drop(state);
            if was_down {
                tracing::info!(%server, "the server answers again");
            }
            self.changed.notify_waiters();
        }
    }

    /// Something went wrong that may be the server's fault: it is probed at once.
    fn doubt(&self, server: &ServerName, trial: Trial) {
        let mut state = locked(&self.state);
        let known = state.known.entry(Arc::clone(server)).or_default();
        known.must(trial);
        known.has_answered = false;
        if known.liveness == Liveness::Up {
            known.liveness = Liveness::Doubted;
        }
        drop(state);
        tracing::debug!(%server, "the server is doubted");
        self.changed.notify_waiters();
    }

    /// A server could not be reached, said that it cannot work, or failed a trial.
    fn mark_down(&self, server: &ServerName, trial: Trial, fault: &str, now: Instant) {
        let mut state = locked(&self.state);
        let known = state.known.entry(Arc::clone(server)).or_default();
        known.fault = Some(fault.into());
        known.must(trial);
        known.has_answered = false;
        let was_up = match known.liveness {
            // Requests that were under way together fail together, which is one failure.
            Liveness::Down { probe_at } if probe_at > now => return,
            Liveness::Down { .. } => false,
            Liveness::Up | Liveness::Doubted => true,
        };
        known.liveness = Liveness::Down { probe_at: now };
        known.changed = Some(now);
        known.failures = known.failures.saturating_add(1);
        let failures = known.failures;
        state.note_outage(now);
        let pause = pause(failures, state.is_out());
        if let Some(known) = state.known.get_mut(server) {
            known.liveness = Liveness::Down { probe_at: now + pause };
        }
        drop(state);
        if was_up {
            let again_in_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(%server, problem = fault, again_in_ms, "the server is taken for down");
        }
        self.changed.notify_waiters();
    }

    /// A bind as the user of this name was not answered as long as anybody waited for it.
    pub fn bind_unanswered(&self, server: &ServerName, name: &str) {
        let mut state = locked(&self.state);
        let known = state.known.entry(Arc::clone(server)).or_default();
        known.unanswered_binds = known.unanswered_binds.saturating_add(1);
        let is_doubtful = known.unanswered_binds >= DOUBTED_AT;
        drop(state);
        if is_doubtful && self.has_other(server) {
            self.doubt(server, Work::UserBind(name).trial());
        }
    }

    /// A connection was made in this time.
    pub fn connected(&self, server: &ServerName, took: Duration) {
        let mut state = locked(&self.state);
        state.known.entry(Arc::clone(server)).or_default().connect_time = Some(took);
    }

    /// How long it took to connect to a server last.
    pub fn connect_time(&self, server: &str) -> Option<Duration> {
        locked(&self.state).known.get(server)?.connect_time
    }

    /// Whether all servers have been down for so long that nobody should wait for them.
    pub fn circuit_open(&self, now: Instant) -> bool {
        let since = locked(&self.state).out_since;
        since.is_some_and(|since| now.saturating_duration_since(since) >= OPENS_AFTER)
    }

    /// Ends when the circuit is open and whoever asked `since` then has waited long enough, for
    /// whatever it is. No other rule bounds a request in an outage.
    pub async fn given_up(&self, since: Instant) {
        loop {
            let changed = self.changed.notified();
            let out_since = locked(&self.state).out_since;
            let Some(out_since) = out_since else {
                changed.await;
                continue;
            };
            tokio::select! {
                () = changed => {}
                () = sleep_until((out_since + OPENS_AFTER).max(since) + PATIENCE_IN_OUTAGE) => return,
            }
        }
    }

    /// Why nobody waits for servers that are all down: what went wrong last with each.
    pub fn outage(&self) -> String {
        let state = locked(&self.state);
        let fault = |(name, known): (&ServerName, &ServerHealth)| {
            Some(format!("{name}: {}", known.fault.as_ref()?))
        };
        let mut faults: Vec<String> = state.known.iter().filter_map(fault).collect();
        faults.sort_unstable();
        faults.insert(0, ALL_DOWN.to_owned());
        faults.join("; ")
    }

    /// Whether all servers are down.
    pub fn all_down(&self) -> bool {
        locked(&self.state).out_since.is_some()
    }

    /// Whether another server than these is up.
    pub fn has_besides(&self, servers: &[Arc<str>]) -> bool {
        let state = locked(&self.state);
        let is_down = |(name, known): &(&ServerName, &ServerHealth)| {
            !servers.contains(name) && known.is_down()
        };
        state.known.iter().filter(is_down).count() + servers.len() < state.servers
    }

    /// Whether another server than this one is up.
    pub fn has_other(&self, server: &str) -> bool {
        let state = locked(&self.state);
        let is_suspect = |(name, known): &(&ServerName, &ServerHealth)| {
            &***name != server && known.liveness != Liveness::Up
        };
        state.known.iter().filter(is_suspect).count() + 1 < state.servers
    }

    /// The servers that are to be probed now, each with its trials, and when the next one is.
    pub fn probe_due(&self, now: Instant) -> (Vec<(ServerName, Vec<Trial>)>, Option<Instant>) {
        let state = locked(&self.state);
        let (mut due, mut next) = (Vec::new(), None);
        for (name, known) in &state.known {
            match known.liveness {
                Liveness::Up => {}
                Liveness::Down { probe_at } if probe_at > now => {
                    next = Some(next.map_or(probe_at, |next: Instant| next.min(probe_at)));
                }
                Liveness::Doubted | Liveness::Down { .. } => {
                    due.push((Arc::clone(name), known.trials.clone()));
                }
            }
        }
        (due, next)
    }
}

#[cfg(test)]
mod tests;
