//! The lock-out guard: it keeps most wrong passwords from the directory, which would lock the account.
//!
//! Identical attempts at the same time are one. A wrong password that is tried again is refused
//! from memory, so that a device with yesterday's password counts once. Different wrong passwords
//! use up a budget, for each account and for each domain. The password that was right last is let
//! through whatever was tried, as long as it is remembered.

mod budget;

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lru::LruCache;
use tokio::sync::watch;
use tokio::time::Instant;

pub use self::budget::Budget;
use self::budget::Failures;
use super::digest::{Attempt, Digest, Id};
use crate::verdict::{Denial, Outcome, Verdict};

/// How many wrong passwords of an account are remembered.
const WRONG: usize = 8;

/// What the guard keeps to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuardSettings {
    /// The budget of an account.
    pub account: Budget,
    /// The budget of a domain.
    pub domain: Budget,
    /// For how long a wrong password is refused without asking.
    pub remember_wrong: Duration,
    /// How many accounts are remembered.
    pub accounts: NonZeroUsize,
}

/// What is remembered of an entry. Few have wrong passwords, and the others take little memory.
#[derive(Debug, Default)]
struct Record {
    right: Option<Digest>,
    wrong: Option<Box<WrongPasswords>>,
}

#[derive(Debug, Default)]
struct WrongPasswords {
    failures: Failures,
    digests: Vec<(Digest, Instant)>,
}

impl Record {
    fn failures(&self) -> Failures {
        self.wrong.as_ref().map(|wrong| wrong.failures).unwrap_or_default()
    }

    fn is_right(&self, digest: Digest) -> bool {
        self.right == Some(digest)
    }

    /// When this password was refused last.
    fn refused_at(&self, digest: Digest) -> Option<Instant> {
        let mut digests = self.wrong.as_ref()?.digests.iter();
        digests.find(|(wrong, _)| *wrong == digest).map(|(_, at)| *at)
    }
}

impl WrongPasswords {
    fn add(&mut self, digest: Digest, now: Instant) {
        self.digests.retain(|(wrong, _)| *wrong != digest);
        if self.digests.len() == WRONG {
            self.digests.remove(0);
        }
        self.digests.push((digest, now));
    }
}

struct State {
    records: LruCache<Id, Record>,
    domains: LruCache<Id, Failures>,
    in_flight: HashMap<(Id, Digest), InFlight>,
}

/// Lets attempts through to the directory, or not.
pub struct Guard {
    settings: GuardSettings,
    state: Mutex<State>,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// What becomes of an attempt.
#[derive(Debug)]
pub enum Entrance {
    /// The directory is to be asked.
    Ask(Permit),
    /// It is being asked the same.
    Share(InFlight),
    /// It is being asked about so many passwords of this entry that no other may be wrong as well;
    /// to be decided again when this has come to an end.
    Wait(InFlight),
    /// It is not asked.
    Deny(Hold),
}

/// Why the directory is not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// It refused the same password before.
    SameAgain {
        /// How long ago.
        ago: Duration,
    },
    /// There were too many wrong passwords.
    Wait {
        /// Whose budget is spent.
        whose: Whose,
        /// For how long nobody is let through.
        left: Duration,
    },
}

/// Whose budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The account's.
    Account,
    /// The domain's.
    Domain,
}

/// An attempt that the directory is being asked about.
#[derive(Clone, Debug)]
pub struct InFlight(watch::Receiver<Option<Outcome>>);

impl InFlight {
    /// The outcome, when it is known; nothing if whoever asked gave up.
    pub async fn ended(mut self) -> Option<Outcome> {
        self.0.wait_for(Option::is_some).await.ok()?.clone()
    }
}

/// The right to ask the directory once.
#[derive(Debug)]
pub struct Permit {
    guard: Arc<Guard>,
    attempt: Attempt,
    tell: watch::Sender<Option<Outcome>>,
}

impl Permit {
    /// The directory has answered.
    pub fn conclude(self, outcome: &Outcome, now: Instant) {
        self.guard.record(&self.attempt, outcome.verdict, now);
        self.tell.send_replace(Some(outcome.clone()));
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Attempt { entry, digest, .. } = self.attempt;
        self.guard.locked().in_flight.remove(&(entry, digest));
    }
}

impl Guard {
    /// A guard that has seen nothing yet.
    pub fn new(settings: GuardSettings) -> Arc<Self> {
        let state = State {
            records: LruCache::new(settings.accounts),
            domains: LruCache::new(settings.accounts),
            in_flight: HashMap::new(),
        };
        Arc::new(Self { settings, state: Mutex::new(state) })
    }

    /// What it keeps to.
    pub fn settings(&self) -> GuardSettings {
        self.settings
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decides on an attempt.
    pub fn enter(self: &Arc<Self>, attempt: Attempt, now: Instant) -> Entrance {
        let mut state = self.locked();
        let key = (attempt.entry, attempt.digest);
        if let Some(same) = state.in_flight.get(&key) {
            return Entrance::Share(same.clone());
        }
        match state.left(&self.settings, &attempt, now) {
            Err(hold) => return Entrance::Deny(hold),
            Ok(left) => {
                if let Some(other) = state.in_the_way(&attempt, left) {
                    return Entrance::Wait(other);
                }
            }
        }
        let (tell, outcome) = watch::channel(None);
        state.in_flight.insert(key, InFlight(outcome));
        Entrance::Ask(Permit { guard: Arc::clone(self), attempt, tell })
    }

    fn record(&self, attempt: &Attempt, verdict: Verdict, now: Instant) {
        let mut state = self.locked();
        let Attempt { domain, entry, digest } = *attempt;
        match verdict {
            Verdict::Granted => {
                let record = state.records.get_or_insert_mut(entry, Record::default);
                *record = Record { right: Some(digest), wrong: None };
            }
            Verdict::Denied(denial @ (Denial::WrongPassword | Denial::AccountLocked)) => {
                let record = state.records.get_or_insert_mut(entry, Record::default);
                record.right.take_if(|right| *right == digest);
                let wrong = record.wrong.get_or_insert_default();
                wrong.failures.add(&self.settings.account, now);
                // What is refused because of a lock may be right.
                if denial == Denial::WrongPassword {
                    wrong.add(digest, now);
                }
                let failures = state.domains.get_or_insert_mut(domain, Failures::default);
                failures.add(&self.settings.domain, now);
            }
            // The password was right, or nobody has judged it.
            Verdict::Denied(_) | Verdict::Unavailable(_) => {}
        }
    }

    /// The password of an entry was changed: nothing is known about it any more.
    pub fn forget(&self, entry: Id) {
        self.locked().records.pop(&entry);
    }
}

impl State {
    /// How many passwords of the entry may still be wrong, if this one may be tried.
    fn left(
        &mut self,
        settings: &GuardSettings,
        attempt: &Attempt,
        now: Instant,
    ) -> Result<f64, Hold> {
        let record = self.records.get(&attempt.entry);
        let refused_at = record.and_then(|record| record.refused_at(attempt.digest));
        let ago = refused_at.map(|at| now.saturating_duration_since(at));
        if let Some(ago) = ago.filter(|ago| *ago < settings.remember_wrong) {
            return Err(Hold::SameAgain { ago });
        }
        if record.is_some_and(|record| record.is_right(attempt.digest)) {
            return Ok(f64::INFINITY);
        }
        let of_account = record.map(Record::failures).unwrap_or_default();
        let of_account = of_account.left(&settings.account, now);
        let of_domain = self.domains.get(&attempt.domain).copied().unwrap_or_default();
        let of_domain = of_domain.left(&settings.domain, now);
        let waits = [(Whose::Domain, of_domain.err()), (Whose::Account, of_account.err())];
        match waits.into_iter().max_by_key(|(_, left)| *left) {
            Some((whose, Some(left))) => Err(Hold::Wait { whose, left }),
            _ => Ok(of_account.unwrap_or_default()),
        }
    }

    /// An attempt on the same entry that must end before this one may be made: if all of those in
    /// flight are wrong, nothing is `left` of the budget.
    fn in_the_way(&self, attempt: &Attempt, left: f64) -> Option<InFlight> {
        let others = || self.in_flight.iter().filter(|((entry, _), _)| *entry == attempt.entry);
        let count = u32::try_from(others().count()).unwrap_or(u32::MAX);
        others().next().filter(|_| f64::from(count) >= left).map(|(_, other)| other.clone())
    }
}

#[cfg(test)]
mod tests;
