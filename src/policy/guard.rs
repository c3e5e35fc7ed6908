//! The lock-out guard: it keeps wrong passwords from the directory, which would lock the account.
//!
//! At most so many binds as the budget has failures may be judged wrong before the account was quiet
//! for a whole budget's time. A bind takes its share when it is sent, and gives it back when the
//! answer shows that no password was judged wrong, also an answer that comes when nobody waits for it
//! any more; one that is not answered is never given back, unless the same password is accepted
//! later, and counts for as long as its server has answered nothing else: one that hangs judges what
//! it was sent when it goes on.
//!
//! Identical attempts at the same time are one, and a password that was refused is refused from
//! memory, so that a device with yesterday's password counts once. The last share is kept for the
//! password that was right last, so that its owner is let through whatever others try, as long as it
//! is remembered. What began before the password was changed and ends after it counts, and says nothing
//! about the password that the account has now.

mod answer_signal;
mod barred;
mod counted_bind;
mod record;
mod refusals;
mod settings;
mod state;

use std::fmt;
use std::sync::{Arc, Mutex};

use tokio::sync::watch;
use tokio::time::Instant;

pub use self::answer_signal::AnswerSignal;
pub use self::barred::{Barred, Hold, InFlight};
use self::counted_bind::Counted;
pub use self::counted_bind::CountedBind;
use self::record::AccountRecord;
use self::refusals::Refusals;
pub use self::settings::{Budget, GuardSettings, LONGEST_WITHIN};
use self::state::GuardState;
use super::attempt::SignInAttempt;
use super::changes::Changes;
use super::digest::HashedId;
use crate::lock::locked;
use crate::verdict::Outcome;

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

/// The right to have one password judged. Each bind that this takes is told of before and after.
#[derive(Debug)]
pub struct Permit {
    guarded: Option<Guarded>,
}

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
        Self { guarded: None }
    }

    /// One more bind to a server, which is sent then; none if it may not be.
    pub fn send(&self, to: &Arc<AnswerSignal>) -> Option<CountedBind> {
        let Some(guarded) = &self.guarded else { return Some(CountedBind(None)) };
        let Guarded { guard, attempt, .. } = guarded;
        let sent = locked(&guard.state).send(&guard.settings, attempt, to);
        if sent.is_none() {
            guard.refusals.add_account();
        }
        let (state, settings) = (Arc::clone(&guard.state), guard.settings);
        Some(CountedBind(Some(Counted { state, settings, attempt: *attempt, bind: sent? })))
    }

    /// There is an outcome. True if the domain has just had more wrong passwords than usual.
    pub fn conclude(self, outcome: &Outcome, now: Instant) -> bool {
        let Some(guarded) = &self.guarded else { return false };
        let Guarded { guard, attempt, .. } = guarded;
        let is_unusual =
            locked(&guard.state).record(&guard.settings, attempt, outcome.verdict, now);
        if is_unusual {
            guard.refusals.add_domain();
        }
        // Whoever waits is woken by the end of the attempt.
        guarded.tell.send_if_modified(|told| {
            *told = Some(outcome.clone());
            false
        });
        is_unusual
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        locked(&self.guard.state).end(&self.attempt, self.due);
    }
}

impl Guard {
    /// A guard that has seen nothing yet, and takes these changes into account.
    pub fn new(settings: GuardSettings, changes: &Arc<Changes>) -> Arc<Self> {
        let state = GuardState::new(settings.accounts, changes);
        Arc::new(Self { settings, state: Arc::new(Mutex::new(state)), refusals: Arc::default() })
    }

    /// A guard that keeps to something else, and has seen what this one has seen and will see.
    pub fn adjusted(&self, settings: GuardSettings) -> Arc<Self> {
        locked(&self.state).right.resize(settings.accounts);
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

    /// Lets an attempt through, whose answer is due at some moment, or says why not.
    pub fn enter(
        self: &Arc<Self>,
        attempt: SignInAttempt,
        due: Instant,
        now: Instant,
    ) -> Result<Permit, Barred> {
        let admitted = locked(&self.state).admit(&self.settings, &attempt, now);
        match admitted {
            Err(Barred::Deny(Hold::SameAgain { .. })) => self.refusals.add_same_wrong(),
            Err(Barred::Deny(Hold::Spent { .. } | Hold::Unanswered { .. })) => {
                self.refusals.add_account()
            }
            Ok(_) | Err(Barred::Share(_) | Barred::Wait(_) | Barred::Deny(Hold::Crowded)) => {}
        }
        let guard = Arc::clone(self);
        Ok(Permit { guarded: Some(Guarded { guard, attempt, due, tell: admitted? }) })
    }

    /// Whether a password that was compared with a remembered one, in place of the directory, may be
    /// believed to be right or not. One that is not is a failure, as the directory would count it.
    pub fn admits_comparison(&self, attempt: &SignInAttempt, is_right: bool, now: Instant) -> bool {
        let mut state = locked(&self.state);
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
        locked(&self.state).right.put(attempt.counted_as, (attempt.digest, attempt.began));
    }

    /// Forgets what is held against an account, as if the directory had forgotten it too: whether there
    /// was anything.
    pub fn forgive(&self, account: HashedId) -> bool {
        let mut state = locked(&self.state);
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
        let mut state = locked(&self.state);
        state.records.values_mut().for_each(|record| record.expire(&self.settings, now));
        let spent = state.records.values().map(AccountRecord::spent).filter(|spent| *spent > 0);
        spent.fold((0, 0), |(some, all), spent| (some + 1, all + usize::from(spent >= most)))
    }
}

#[cfg(test)]
mod tests;
