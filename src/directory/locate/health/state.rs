//! What is known about servers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::directory::locate::trial::Trial;
use crate::directory::message::SampleQuery;

/// The time for which a server is left alone after its first failure, and at most.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The longest such time while all servers are down: then nothing is gained by leaving one alone.
const LONGEST_PAUSE_OF_ALL: Duration = Duration::from_secs(2);

/// A server, by its name in the configuration or in DNS.
pub(super) type ServerName = Arc<str>;

/// What is known about the servers of one directory, and since when none of them is up.
#[derive(Debug, Default)]
pub(super) struct HealthState {
    pub(super) known: HashMap<ServerName, ServerHealth>,
    /// How many servers there are.
    pub(super) servers: usize,
    /// Since when all of them are down.
    pub(super) out_since: Option<Instant>,
}

/// What is known about a server.
#[derive(Debug, Default)]
pub(super) struct ServerHealth {
    pub(super) liveness: Liveness,
    /// Whether it has answered anything since it was doubted last.
    pub(super) has_answered: bool,
    /// What went wrong last.
    pub(super) fault: Option<Box<str>>,
    /// What it has to do before it is up; nothing of one that is.
    pub(super) trials: Vec<Trial>,
    /// How often it went down, and when it did so or came up last, until that is forgiven.
    pub(super) failures: u32,
    pub(super) changed: Option<Instant>,
    /// How long it took to connect last.
    pub(super) connect_time: Option<Duration>,
    /// How many binds of users had no answer since one had.
    pub(super) unanswered_binds: u32,
    /// Different searches that it said that it cannot answer now, since it has answered one.
    pub(super) unanswerable: Vec<SampleQuery>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Liveness {
    #[default]
    Up,
    Doubted,
    Down {
        probe_at: Instant,
    },
}

impl ServerHealth {
    pub(super) fn is_down(&self) -> bool {
        matches!(self.liveness, Liveness::Down { .. })
    }

    /// Adds a trial, in the place of one of the same kind.
    pub(super) fn must(&mut self, trial: Trial) {
        self.trials.retain(|known| !known.is_of_kind(&trial));
        self.trials.push(trial);
    }
}

impl HealthState {
    pub(super) fn is_out(&self) -> bool {
        self.servers > 0
            && self.known.values().filter(|known| known.is_down()).count() >= self.servers
    }

    /// To be called after each change.
    pub(super) fn note_outage(&mut self, now: Instant) {
        self.out_since = if self.is_out() { self.out_since.or(Some(now)) } else { None };
    }
}

/// The time for which a server is left alone after so many failures, jittered;
/// `is_out` says whether all servers are down.
pub(super) fn pause(failures: u32, is_out: bool) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let longest = if is_out { LONGEST_PAUSE_OF_ALL } else { LONGEST_PAUSE };
    let pause = (FIRST_PAUSE * 2_u32.saturating_pow(doublings)).min(longest);
    // From three quarters to five quarters.
    pause.mul_f64(0.75 + fastrand::f64() / 2.0)
}
