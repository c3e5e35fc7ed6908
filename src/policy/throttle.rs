//! The lock-out guard: wrong passwords reach the directory so seldom that they do not lock an
//! account there.
//!
//! Identical attempts at the same time are one. A wrong password that is tried again is refused
//! from memory, so that a device with yesterday's password counts once. Different wrong passwords
//! use up a budget, for each account and for each domain; when it is spent, each failure doubles
//! the time for which nobody is let through. A password that was right before always is, so that
//! nobody can keep the owner out who is signed in already.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lru::LruCache;
use tokio::sync::watch;
use tokio::time::Instant;

use super::digest::{Digest, Id};
use crate::verdict::{Denial, Outcome, Verdict};

/// How many wrong passwords of an account are remembered.
const WRONG: usize = 8;

/// How often the time doubles at most.
const DOUBLINGS: f64 = 30.0;

/// How many failures are free, and what the others cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// So many at once are free,
    pub failures: u32,
    /// and so many again in each of these times.
    pub within: Duration,
    /// The time after the first failure too many; it doubles with each one more,
    pub first_wait: Duration,
    /// up to this.
    pub longest_wait: Duration,
}

/// What the configuration says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The budget of an account.
    pub account: Budget,
    /// The budget of a domain.
    pub domain: Budget,
    /// For how long a wrong password is refused without asking.
    pub remember_wrong: Duration,
    /// How many accounts are remembered.
    pub accounts: NonZeroUsize,
}

/// The failures of an account or a domain: a leaking bucket.
#[derive(Clone, Copy, Debug, Default)]
struct Failures {
    level: f64,
    last: Option<Instant>,
}

impl Failures {
    fn level(&self, budget: &Budget, now: Instant) -> f64 {
        let since = self.last.map_or(Duration::ZERO, |last| now.saturating_duration_since(last));
        let leaked = since.as_secs_f64() / budget.within.as_secs_f64();
        (self.level - leaked * f64::from(budget.failures)).max(0.0)
    }

    fn add(&mut self, budget: &Budget, now: Instant) {
        *self = Self { level: self.level(budget, now) + 1.0, last: Some(now) };
    }

    /// How long nobody is let through from `now`.
    fn wait(&self, budget: &Budget, now: Instant) -> Duration {
        // As it was right after the last failure.
        let excess = (self.level - f64::from(budget.failures)).ceil();
        let Some(last) = self.last.filter(|_| excess > 0.0) else { return Duration::ZERO };
        let doubled = budget.first_wait.mul_f64((excess - 1.0).min(DOUBLINGS).exp2());
        (last + doubled.min(budget.longest_wait)).saturating_duration_since(now)
    }
}

/// What is remembered of an entry. Most have no trouble, and take little memory.
#[derive(Debug, Default)]
struct Account {
    right: Option<Digest>,
    trouble: Option<Box<Trouble>>,
}

#[derive(Debug, Default)]
struct Trouble {
    failures: Failures,
    wrong: Vec<(Digest, Instant)>,
}

impl Account {
    fn failures(&self) -> Failures {
        self.trouble.as_ref().map(|trouble| trouble.failures).unwrap_or_default()
    }
}

type UnderWay = HashMap<(Id, Digest), watch::Receiver<Option<Outcome>>>;

struct State {
    accounts: LruCache<Id, Account>,
    domains: LruCache<Id, Failures>,
    under_way: UnderWay,
}

/// Lets attempts through, or not.
pub struct Throttle {
    settings: Settings,
    state: Mutex<State>,
}

impl fmt::Debug for Throttle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Throttle").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// An attempt to sign in.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    /// The domain.
    pub domain: Id,
    /// The entry, by whatever name its user was called.
    pub entry: Id,
    /// The password.
    pub digest: Digest,
}

/// What becomes of an attempt.
#[derive(Debug)]
pub enum Entrance {
    /// The directory is to be asked.
    Ask(Permit),
    /// It is being asked the same; the outcome comes here, or nothing if whoever asked gave up.
    Share(watch::Receiver<Option<Outcome>>),
    /// It is being asked about so many passwords of this entry that no other may be wrong as well;
    /// to be decided again when this has come to an end.
    Wait(watch::Receiver<Option<Outcome>>),
    /// It is not asked.
    Deny(Outcome),
}

/// The right to ask the directory once.
#[derive(Debug)]
pub struct Permit {
    throttle: Arc<Throttle>,
    attempt: Attempt,
    tell: watch::Sender<Option<Outcome>>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Attempt { entry, digest, .. } = self.attempt;
        self.throttle.locked().under_way.remove(&(entry, digest));
    }
}

impl Permit {
    /// The directory has answered.
    pub fn conclude(self, outcome: &Outcome, now: Instant) {
        self.throttle.learn(&self.attempt, outcome, now);
        self.tell.send_replace(Some(outcome.clone()));
    }
}

impl Throttle {
    /// A throttle that has seen nothing yet.
    pub fn new(settings: Settings) -> Arc<Self> {
        let state = State {
            accounts: LruCache::new(settings.accounts),
            domains: LruCache::new(settings.accounts),
            under_way: HashMap::new(),
        };
        Arc::new(Self { settings, state: Mutex::new(state) })
    }

    /// What it keeps to.
    pub fn settings(&self) -> Settings {
        self.settings
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decides on an attempt.
    pub fn enter(self: &Arc<Self>, attempt: Attempt, now: Instant) -> Entrance {
        let mut state = self.locked();
        let key = (attempt.entry, attempt.digest);
        if let Some(outcome) = state.under_way.get(&key) {
            return Entrance::Share(outcome.clone());
        }
        if let Some(denied) = state.refusal(&self.settings, &attempt, now) {
            return Entrance::Deny(denied);
        }
        if let Some(other) = state.in_the_way(&self.settings, &attempt, now) {
            return Entrance::Wait(other);
        }
        let (tell, outcome) = watch::channel(None);
        state.under_way.insert(key, outcome);
        Entrance::Ask(Permit { throttle: Arc::clone(self), attempt, tell })
    }

    fn learn(&self, attempt: &Attempt, outcome: &Outcome, now: Instant) {
        let mut state = self.locked();
        let Attempt { domain, entry, digest } = *attempt;
        match outcome.verdict {
            Verdict::Granted => {
                let account = state.accounts.get_or_insert_mut(entry, Account::default);
                *account = Account { right: Some(digest), trouble: None };
            }
            Verdict::Denied(denial @ (Denial::WrongPassword | Denial::AccountLocked)) => {
                let account = state.accounts.get_or_insert_mut(entry, Account::default);
                account.right.take_if(|right| *right == digest);
                let Trouble { failures, wrong } = &mut **account.trouble.get_or_insert_default();
                failures.add(&self.settings.account, now);
                // Who is locked out is let in as soon as the directory lets him.
                if denial == Denial::WrongPassword {
                    wrong.retain(|(wrong, _)| *wrong != digest);
                    if wrong.len() == WRONG {
                        wrong.remove(0);
                    }
                    wrong.push((digest, now));
                }
                let failures = state.domains.get_or_insert_mut(domain, Failures::default);
                failures.add(&self.settings.domain, now);
            }
            // The password was right, or nobody has judged it.
            Verdict::Denied(_) | Verdict::Unavailable(_) => {}
        }
    }

    /// The password of an entry was changed: nothing is known about it any more.
    pub fn changed(&self, entry: Id) {
        self.locked().accounts.pop(&entry);
    }
}

impl State {
    /// An attempt on the same entry that must end before this one may be made: if all of those under
    /// way are wrong, the free failures are used up.
    fn in_the_way(
        &self,
        settings: &Settings,
        attempt: &Attempt,
        now: Instant,
    ) -> Option<watch::Receiver<Option<Outcome>>> {
        let account = self.accounts.peek(&attempt.entry);
        if account.is_some_and(|account| account.right == Some(attempt.digest)) {
            return None;
        }
        let level = account.map_or(0.0, |account| account.failures().level(&settings.account, now));
        let others = || self.under_way.iter().filter(|((entry, _), _)| *entry == attempt.entry);
        let count = u32::try_from(others().count()).unwrap_or(u32::MAX);
        let is_too_much = level + f64::from(count) >= f64::from(settings.account.failures);
        others().next().filter(|_| is_too_much).map(|(_, other)| other.clone())
    }

    fn refusal(&mut self, settings: &Settings, attempt: &Attempt, now: Instant) -> Option<Outcome> {
        let account = self.accounts.get(&attempt.entry);
        let trouble = account.and_then(|account| account.trouble.as_deref());
        let wrong = trouble.and_then(|trouble| {
            let known = trouble.wrong.iter().find(|(wrong, _)| *wrong == attempt.digest);
            known.map(|(_, since)| now.saturating_duration_since(*since))
        });
        if let Some(since) = wrong.filter(|since| *since < settings.remember_wrong) {
            let detail = format!(
                "the same password was refused {} s ago; the directory was not asked again",
                since.as_secs()
            );
            return Some(Outcome::from(Denial::WrongPassword).with_detail(&detail));
        }
        if account.is_some_and(|account| account.right == Some(attempt.digest)) {
            return None;
        }
        let failures = account.map(Account::failures).unwrap_or_default();
        let of_account = failures.wait(&settings.account, now);
        let failures = self.domains.get(&attempt.domain).copied().unwrap_or_default();
        let of_domain = failures.wait(&settings.domain, now);
        let (whose, wait) = if of_account >= of_domain {
            ("this account", of_account)
        } else {
            ("this domain", of_domain)
        };
        (!wait.is_zero()).then(|| {
            let detail = format!(
                "too many wrong passwords for {whose}; the directory is asked again in {} s",
                wait.as_secs() + 1
            );
            Outcome::from(Denial::TooManyFailures).with_detail(&detail)
        })
    }
}

#[cfg(test)]
mod tests;
