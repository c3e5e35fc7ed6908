//! Which servers are down, since when, and when each is probed: a circuit breaker.
//!
//! A server that failed is left alone for a time that doubles with each failure and is jittered, so
//! that many processes do not come back to it at once. While all servers are down, requests wait for
//! the first to come back. When that has lasted, the circuit is open: requests are answered at once,
//! and only probes go on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// The time for which a server is left alone after its first failure, and at most.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The longest such time while all servers are down: then nothing is gained by leaving one alone.
const LONGEST_PAUSE_OF_ALL: Duration = Duration::from_secs(2);

/// The failures of a server that has been up for this long are forgotten.
const FORGIVEN_AFTER: Duration = Duration::from_secs(60);

/// The circuit opens when all servers have been down for this long: an outage that lasts is not
/// worth waiting for.
const OPENS_AFTER: Duration = Duration::from_secs(5);

/// A server, by its name in the configuration or in DNS.
type Name = Arc<str>;

/// What is known about the servers of one directory.
#[derive(Debug, Default)]
pub struct Health {
    state: Mutex<State>,
    /// A server came up or went down.
    pub changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// The servers that failed and are not forgiven.
    failed: HashMap<Name, Failures>,
    /// How many servers there are.
    servers: usize,
    /// Since when all of them are down.
    out_since: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    /// When it went down or came up last.
    changed: Instant,
    /// When it is probed; `None` while it is up.
    probe_at: Option<Instant>,
}

impl State {
    fn down(&self) -> impl Iterator<Item = (&Name, Instant)> {
        self.failed.iter().filter_map(|(name, failures)| Some((name, failures.probe_at?)))
    }

    fn is_out(&self) -> bool {
        self.servers > 0 && self.down().count() >= self.servers
    }

    /// To be called after each change.
    fn note_outage(&mut self, now: Instant) {
        self.out_since = if self.is_out() { self.out_since.or(Some(now)) } else { None };
    }
}

impl Health {
    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says which servers there are, and how many; what is known of others is forgotten.
    pub fn set_servers(&self, is_there: impl Fn(&str) -> bool, servers: usize, now: Instant) {
        let mut state = self.locked();
        state.failed.retain(|name, _| is_there(name));
        state.servers = servers;
        state.note_outage(now);
    }

    /// Whether a server is down.
    pub fn is_down(&self, server: &str) -> bool {
        self.locked().failed.get(server).is_some_and(|failures| failures.probe_at.is_some())
    }

    /// A server has answered as a server should; that it can be connected to says little.
    pub fn mark_up(&self, server: &Name, now: Instant) {
        let mut state = self.locked();
        let Some(failures) = state.failed.get_mut(server) else { return };
        if failures.probe_at.take().is_some() {
            failures.changed = now;
            state.note_outage(now);
            drop(state);
            tracing::info!(%server, "the server answers again");
            self.changed.notify_waiters();
        } else if now.saturating_duration_since(failures.changed) > FORGIVEN_AFTER {
            state.failed.remove(server);
        }
    }

    /// A server could not be reached, or did not answer as a server should.
    pub fn mark_down(&self, server: &Name, now: Instant) {
        let mut state = self.locked();
        let fresh = Failures { count: 0, changed: now, probe_at: None };
        let failures = state.failed.entry(Arc::clone(server)).or_insert(fresh);
        // Requests that were under way together fail together, which is one failure.
        if failures.probe_at.is_some_and(|at| at > now) {
            return;
        }
        let was_up = failures.probe_at.replace(now).is_none();
        failures.changed = now;
        failures.count = failures.count.saturating_add(1);
        let count = failures.count;
        state.note_outage(now);
        let longest = if state.is_out() { LONGEST_PAUSE_OF_ALL } else { LONGEST_PAUSE };
        let pause = jittered(pause(count, longest));
        if let Some(failures) = state.failed.get_mut(server) {
            failures.probe_at = Some(now + pause);
        }
        drop(state);
        if was_up {
            tracing::warn!(%server, again_in_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX), "the server is taken for down");
        }
        self.changed.notify_waiters();
    }

    /// Whether all servers have been down for so long that nobody should wait for them.
    pub fn circuit_open(&self, now: Instant) -> bool {
        let since = self.locked().out_since;
        since.is_some_and(|since| now.saturating_duration_since(since) >= OPENS_AFTER)
    }

    /// Whether all servers are down.
    pub fn all_down(&self) -> bool {
        self.locked().out_since.is_some()
    }

    /// Whether another server than these is up.
    pub fn has_besides(&self, servers: &[Arc<str>]) -> bool {
        let state = self.locked();
        let others_down = state.down().filter(|(name, _)| !servers.contains(name)).count();
        others_down + servers.len() < state.servers
    }

    /// Whether another server than this one is up.
    pub fn has_other(&self, server: &str) -> bool {
        let state = self.locked();
        let others_down = state.down().filter(|(name, _)| &***name != server).count();
        others_down + 1 < state.servers
    }

    /// The servers that are to be probed now, and when the next one is.
    pub fn probe_due(&self, now: Instant) -> (Vec<Name>, Option<Instant>) {
        let state = self.locked();
        let due = state.down().filter(|(_, at)| *at <= now).map(|(name, _)| Arc::clone(name));
        let next = state.down().map(|(_, at)| at).filter(|at| *at > now).min();
        (due.collect(), next)
    }
}

/// The time for which a server is left alone after so many failures.
fn pause(failures: u32, longest: Duration) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    (FIRST_PAUSE * 2_u32.saturating_pow(doublings)).min(longest)
}

/// Between three quarters of a time and five quarters.
fn jittered(time: Duration) -> Duration {
    time.mul_f64(0.75 + fastrand::f64() / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn health(servers: usize) -> (Health, Instant) {
        let health = Health::default();
        let now = Instant::now();
        health.set_servers(|_| true, servers, now);
        (health, now)
    }

    #[test]
    fn a_server_that_fell_is_asked_again_ever_later() {
        let (health, mut now) = health(2);
        let a: Name = "a".into();
        let mut before = Duration::ZERO;
        for round in 0..8 {
            health.mark_down(&a, now);
            assert!(health.is_down("a") && !health.is_down("b"));
            let (due, next) = health.probe_due(now);
            assert!(due.is_empty());
            let pause = next.unwrap() - now;
            let (least, most) = (SECOND * 3 / 4, 40 * SECOND);
            assert!((least..most).contains(&pause), "{round}: {pause:?}");
            assert!(pause > before || pause > 20 * SECOND, "{round}: {pause:?} after {before:?}");
            before = pause;
            now = next.unwrap();
            assert_eq!(health.probe_due(now).0, [Arc::clone(&a)]);
        }
        health.mark_up(&a, now);
        assert!(!health.is_down("a"));
        assert_eq!(health.probe_due(now), (vec![], None));
        // A server that comes and goes is no better than one that is gone.
        health.mark_down(&a, now + SECOND);
        assert!(health.probe_due(now).1.unwrap() - now > 20 * SECOND);
    }

    #[test]
    fn a_server_that_was_up_for_long_is_as_good_as_new() {
        let (health, now) = health(2);
        let a: Name = "a".into();
        for _ in 0..5 {
            health.mark_down(&a, now);
            health.mark_up(&a, now);
        }
        health.mark_up(&a, now + FORGIVEN_AFTER + SECOND);
        let now = now + FORGIVEN_AFTER + SECOND;
        health.mark_down(&a, now);
        assert!(health.probe_due(now).1.unwrap() - now < 2 * SECOND);
    }

    #[test]
    fn failures_of_the_same_moment_are_one() {
        let (health, now) = health(2);
        let a: Name = "a".into();
        for _ in 0..64 {
            health.mark_down(&a, now);
        }
        assert!(health.probe_due(now).1.unwrap() - now < 2 * SECOND);
    }

    #[test]
    fn an_outage_is_of_all_servers_and_is_given_up_after_a_while() {
        let (health, now) = health(2);
        let (a, b): (Name, Name) = ("a".into(), "b".into());
        health.mark_down(&a, now);
        assert!(!health.all_down() && !health.circuit_open(now + 10 * SECOND));
        assert!(health.has_other("a") && !health.has_other("b"));
        health.mark_down(&b, now);
        assert!(health.all_down());
        assert!(!health.circuit_open(now + SECOND) && health.circuit_open(now + OPENS_AFTER));
        assert!(!health.has_other("a"));
        health.mark_up(&a, now + OPENS_AFTER);
        assert!(!health.all_down() && !health.circuit_open(now + 2 * OPENS_AFTER));
    }

    #[test]
    fn who_is_alone_is_asked_again_soon() {
        let (health, mut now) = health(1);
        let a: Name = "a".into();
        for _ in 0..8 {
            health.mark_down(&a, now);
            let next = health.probe_due(now).1.unwrap();
            assert!(next - now < 3 * SECOND);
            now = next;
        }
    }

    #[test]
    fn servers_that_are_gone_are_forgotten() {
        let (health, now) = health(2);
        health.mark_down(&"a".into(), now);
        health.mark_down(&"b".into(), now);
        assert!(health.all_down());
        health.set_servers(|name| name != "a" && name != "b", 2, now);
        assert!(!health.is_down("a") && !health.all_down());
        health.mark_down(&"c".into(), now);
        assert!(!health.all_down());
        health.set_servers(|name| name == "c", 1, now);
        assert!(health.all_down());
    }
}
