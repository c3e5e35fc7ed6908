//! The lock-out guard: it keeps wrong passwords from the directory, which would lock the account.
//!
//! At most so many binds as the budget has failures may be judged wrong before the account was quiet
//! for a whole budget's time. A bind takes its share when it is sent, and gives it back when the
//! answer shows that no password was judged wrong; one that is not answered is never given back,
//! unless the same password is accepted later.
//!
//! Identical attempts at the same time are one, and a password that was refused is refused from
//! memory, so that a device with yesterday's password counts once. The last share is kept for the
//! password that was right last, so that its owner is let through whatever others try, as long as it
//! is remembered; of this password alone something unanswered is given back after a minute, once. What
//! began before the password was changed and ends after it counts, and says
//! nothing about the password that the account has now.

mod record;
mod refusals;
mod settings;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lru::LruCache;
use tokio::sync::watch;
use tokio::time::Instant;

use self::record::{AccountRecord, Asking};
use self::refusals::Refusals;
pub use self::settings::{Budget, GuardSettings, LONGEST_WITHIN};
use super::attempt::SignInAttempt;
use super::changes::{Changes, Moment};
use super::digest::{ById, Digest, HashedId};
use crate::verdict::{Denial, Outcome, Verdict};

/// Failures are never forgotten early, so so many times as many accounts may have some as there are
/// accounts whose right password is remembered. It takes somebody who tries as many names.
const MOST_GUESSED_AT: usize = 100;

/// Accounts that have nothing to remember any more are looked for when there are so many.
const FIRST_SWEEP: usize = 1024;

#[derive(Debug)]
struct GuardState {
    records: HashMap<HashedId, AccountRecord, ById>,
    /// With how many records those are looked for that are empty.
    sweep_at: usize,
    /// The password that was right last, and when the attempt with it began.
    right: LruCache<HashedId, (Digest, Moment), ById>,
    domains: HashMap<HashedId, Failures, ById>,
    changes: Arc<Changes>,
}

/// The wrong passwords of a domain since some moment.
#[derive(Clone, Copy, Debug)]
struct Failures {
    since: Instant,
    count: u32,
}

/// Lets attempts through to the directory, or not.
pub struct Guard {
    settings: GuardSettings,
    state: Arc<Mutex<GuardState>>,
    refusals: Arc<Refusals>,
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
    /// It is being asked about so many passwords of this account that no other may be wrong as well;
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
    /// There were so many wrong passwords that no other one may reach it.
    Spent {
        /// For how long.
        left: Duration,
    },
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

/// The right to have one password judged. Each bind that this takes is told of before and after.
#[derive(Debug)]
pub struct Permit(Option<Guarded>);

#[derive(Debug)]
struct Guarded {
    guard: Arc<Guard>,
    attempt: SignInAttempt,
    /// When the answer is due.
    due: Instant,
    tell: watch::Sender<Option<Outcome>>,
}

impl Permit {
    /// The right of somebody whom no guard restrains.
    pub fn unguarded() -> Self {
        Self(None)
    }

    /// Whether one more bind may be sent, which it then is.
    pub fn send(&self) -> bool {
        let Some(guarded) = &self.0 else { return true };
        let Guarded { guard, attempt, .. } = guarded;
        let is_sent = guard.locked().send(&guard.settings, attempt);
        if !is_sent {
            guard.refusals.add_account();
        }
        is_sent
    }

    /// The bind that was sent last is answered.
    pub fn answered(&self) {
        if let Some(guarded) = &self.0
            && let Some(asking) = guarded.guard.locked().asking(&guarded.attempt)
        {
            asking.unanswered = asking.unanswered.saturating_sub(1);
        }
    }

    /// There is an outcome. True if the domain has just had more wrong passwords than usual.
    pub fn conclude(self, outcome: &Outcome, now: Instant) -> bool {
        let Some(guarded) = &self.0 else { return false };
        let Guarded { guard, attempt, .. } = guarded;
        let is_unusual = guard.locked().record(&guard.settings, attempt, outcome.verdict, now);
        if is_unusual {
            guard.refusals.add_domain();
        }
        guarded.tell.send_replace(Some(outcome.clone()));
        is_unusual
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.guard.locked().end(&self.attempt, self.due);
    }
}

impl Guard {
    /// A guard that has seen nothing yet, and takes these changes into account.
    pub fn new(settings: GuardSettings, changes: &Arc<Changes>) -> Arc<Self> {
        let state = GuardState {
            records: HashMap::default(),
            sweep_at: FIRST_SWEEP,
            right: LruCache::with_hasher(settings.accounts, ById::default()),
            domains: HashMap::default(),
            changes: Arc::clone(changes),
        };
        Arc::new(Self { settings, state: Arc::new(Mutex::new(state)), refusals: Arc::default() })
    }

    /// A guard that keeps to something else, and has seen what this one has seen and will see.
    pub fn adjusted(&self, settings: GuardSettings) -> Arc<Self> {
        self.locked().right.resize(settings.accounts);
        let (state, refusals) = (Arc::clone(&self.state), Arc::clone(&self.refusals));
        Arc::new(Self { settings, state, refusals })
    }

    /// How often it stepped in: because of a password that was refused before, for an account, or to
    /// say that a domain had more wrong passwords than usual.
    pub fn refusals(&self) -> [(&'static str, u64); 3] {
        self.refusals.counts()
    }

    /// What it keeps to.
    pub fn settings(&self) -> &GuardSettings {
        &self.settings
    }

    fn locked(&self) -> MutexGuard<'_, GuardState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decides on an attempt, whose answer is due at some moment.
    pub fn enter(self: &Arc<Self>, attempt: SignInAttempt, due: Instant, now: Instant) -> Entrance {
        let mut state = self.locked();
        let outcome = match state.admit(&self.settings, &attempt, now) {
            Ok(outcome) => outcome,
            Err(entrance) => {
                match entrance {
                    Entrance::Deny(Hold::SameAgain { .. }) => self.refusals.add_same_wrong(),
                    Entrance::Deny(Hold::Spent { .. }) => self.refusals.add_account(),
                    Entrance::Ask(_) | Entrance::Share(_) | Entrance::Wait(_) => {}
                }
                return entrance;
            }
        };
        Entrance::Ask(Permit(Some(Guarded {
            guard: Arc::clone(self),
            attempt,
            due,
            tell: outcome,
        })))
    }

    /// Whether a password that was compared with a remembered one, in place of the directory, may be
    /// believed to be right or not. One that is not is a failure, as the directory would count it.
    pub fn admits_comparison(&self, attempt: &SignInAttempt, is_right: bool, now: Instant) -> bool {
        let mut state = self.locked();
        let changed = state.changes.last_password(attempt.counted_as);
        let Some(record) = state.record_of(&self.settings, attempt.counted_as, now) else {
            return false;
        };
        if record.spent() >= self.settings.account.failures {
            return false;
        }
        if !is_right {
            record.add_mismatch(attempt.digest, changed, now);
        }
        true
    }

    /// The password of this attempt, which begins when it has been set, is the right one.
    pub fn know_right(&self, attempt: &SignInAttempt) {
        self.locked().right.put(attempt.counted_as, (attempt.digest, attempt.began));
    }

    /// Forgets what is held against an account, as if the directory had forgotten it too: whether there
    /// was anything.
    pub fn forgive(&self, account: HashedId) -> bool {
        let mut state = self.locked();
        let Some(record) = state.records.get_mut(&account) else { return false };
        let was_held = record.forget_failures();
        if record.is_empty() {
            state.records.remove(&account);
        }
        was_held
    }

    /// How many accounts have failures, and how many of them so many that no other password of theirs
    /// reaches the directory.
    pub fn held(&self, now: Instant) -> (usize, usize) {
        let most = self.settings.account.failures;
        let mut state = self.locked();
        state.records.values_mut().for_each(|record| record.forgive(&self.settings, now));
        let spent = state.records.values().map(AccountRecord::spent).filter(|spent| *spent > 0);
        spent.fold((0, 0), |(some, all), spent| (some + 1, all + usize::from(spent >= most)))
    }
}

impl GuardState {
    /// Makes room for an attempt. The sender tells those who wait for its outcome.
    fn admit(
        &mut self,
        settings: &GuardSettings,
        attempt: &SignInAttempt,
        now: Instant,
    ) -> Result<watch::Sender<Option<Outcome>>, Entrance> {
        let most = self.most_failures(settings, attempt);
        let is_right = self.is_right(attempt);
        let changed = self.changes.last_password(attempt.counted_as);
        let Some(record) = self.record_of(settings, attempt.counted_as, now) else {
            return Err(Entrance::Deny(Hold::Spent { left: settings.account.within }));
        };
        if let Some(same) = record.asking.iter().find(|asking| asking.digest == attempt.digest) {
            let outcome = InFlight(same.outcome.clone());
            return Err(match same.is_forgiven || same.began < changed {
                true => Entrance::Wait(outcome),
                false => Entrance::Share(outcome),
            });
        }
        if let Some(at) = record.refused_at(attempt.digest, changed) {
            let ago = now.saturating_duration_since(at);
            return Err(Entrance::Deny(Hold::SameAgain { ago }));
        }
        let digest = attempt.digest;
        let spent = if is_right { record.spent_for_owner(digest, now) } else { record.spent() };
        if spent >= most {
            let whole = record.left(settings, now);
            let chance = record.until_second_chance(digest, now).filter(|_| is_right);
            let left = chance.map_or(whole, |chance| chance.min(whole));
            return Err(Entrance::Deny(Hold::Spent { left }));
        }
        if spent.saturating_add(record.reserved()) >= most
            && let Some(other) = record.asking.first()
        {
            return Err(Entrance::Wait(InFlight(other.outcome.clone())));
        }
        let (tell, outcome) = watch::channel(None);
        let SignInAttempt { digest, began, .. } = *attempt;
        record.asking.push(Asking {
            digest,
            began,
            is_forgiven: false,
            unanswered: 0,
            reserved: 1,
            outcome,
        });
        Ok(tell)
    }

    /// How many binds may be wrong, if this is one of them. The last one of several is kept for the
    /// password that was right last.
    fn most_failures(&self, settings: &GuardSettings, attempt: &SignInAttempt) -> u32 {
        let failures = settings.account.failures;
        let keeps_one = self.right(attempt.counted_as).is_some_and(|right| right != attempt.digest);
        if keeps_one { failures.saturating_sub(1).max(1) } else { failures }
    }

    fn is_right(&self, attempt: &SignInAttempt) -> bool {
        self.right(attempt.counted_as) == Some(attempt.digest)
    }

    /// The password that was right last, unless there may be another one now.
    fn right(&self, account: HashedId) -> Option<Digest> {
        let (digest, began) = self.right.peek(&account)?;
        (*began >= self.changes.last_password(account)).then_some(*digest)
    }

    /// What is remembered of an account by now; `None` if that is nothing, and there is no room.
    fn record_of(
        &mut self,
        settings: &GuardSettings,
        account: HashedId,
        now: Instant,
    ) -> Option<&mut AccountRecord> {
        if self.records.len() >= self.sweep_at {
            self.records.retain(|_, record| {
                record.forgive(settings, now);
                !record.is_empty()
            });
            self.sweep_at = (self.records.len() * 2).max(FIRST_SWEEP);
        }
        let most = settings.accounts.get().saturating_mul(MOST_GUESSED_AT);
        let is_known = self.records.contains_key(&account) || self.right.contains(&account);
        if self.records.len() >= most && !is_known {
            return None;
        }
        let record = self.records.entry(account).or_default();
        record.forgive(settings, now);
        Some(record)
    }

    fn asking(&mut self, attempt: &SignInAttempt) -> Option<&mut Asking> {
        let record = self.records.get_mut(&attempt.counted_as)?;
        record.asking.iter_mut().find(|asking| asking.digest == attempt.digest)
    }

    fn send(&mut self, settings: &GuardSettings, attempt: &SignInAttempt) -> bool {
        let (most, is_right) = (self.most_failures(settings, attempt), self.is_right(attempt));
        let Some(record) = self.records.get(&attempt.counted_as) else { return false };
        let spent = if is_right { record.binds() } else { record.spent() };
        let is_full = spent.saturating_add(record.reserved()) >= most;
        let Some(asking) = self.asking(attempt) else { return false };
        if asking.unanswered == asking.reserved {
            if is_full {
                return false;
            }
            asking.reserved += 1;
        }
        asking.unanswered += 1;
        true
    }

    fn record(
        &mut self,
        settings: &GuardSettings,
        attempt: &SignInAttempt,
        verdict: Verdict,
        now: Instant,
    ) -> bool {
        let SignInAttempt { domain, counted_as: account, digest, began, .. } = *attempt;
        let is_forgiven = self.asking(attempt).is_some_and(|asking| asking.is_forgiven);
        let is_outdated = is_forgiven || began < self.changes.last_password(account);
        match verdict {
            Verdict::Granted if is_outdated => false,
            Verdict::Granted => {
                self.right.put(account, (digest, began));
                if let Some(record) = self.records.get_mut(&account) {
                    record.acquit(digest);
                    if let Some(asking) = self.asking(attempt) {
                        asking.unanswered = 0;
                    }
                }
                false
            }
            Verdict::Denied(Denial::WrongPassword) => {
                if self.is_right(attempt) && !is_outdated {
                    self.right.pop(&account);
                }
                if let Some(record) = self.record_of(settings, account, now) {
                    record.count(1, now);
                    if !is_outdated {
                        record.add_refused(digest, began, now);
                    }
                }
                let failures = Failures { since: now, count: 0 };
                let failures = self.domains.entry(domain).or_insert(failures);
                if now.saturating_duration_since(failures.since) >= settings.domain.within {
                    *failures = Failures { since: now, count: 0 };
                }
                failures.count = failures.count.saturating_add(1);
                failures.count == settings.domain.failures
            }
            // The password was right, or nobody has judged it.
            Verdict::Denied(_) | Verdict::Unavailable(_) => false,
        }
    }

    /// The attempt has come to an end, or was given up.
    fn end(&mut self, attempt: &SignInAttempt, due: Instant) {
        let SignInAttempt { counted_as: account, digest, .. } = *attempt;
        let Some(record) = self.records.get_mut(&account) else { return };
        if let Some(place) = record.asking.iter().position(|asking| asking.digest == digest) {
            let asking = record.asking.swap_remove(place);
            record.add_unanswered(digest, asking.unanswered, due);
        }
        if record.is_empty() {
            self.records.remove(&account);
        }
    }
}

#[cfg(test)]
mod tests;
