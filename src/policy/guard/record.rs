//! What is remembered of one account that had wrong passwords.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::answer_signal::{AnswerSignal, UnansweredBind};
use super::barred::{Barred, Hold, InFlight};
use super::settings::GuardSettings;
use crate::policy::changes::Moment;
use crate::policy::digest::Digest;
use crate::verdict::Outcome;

/// So many attempts of an account wait for others of it, and no more.
const MOST_WAITING: usize = 8;

/// Those with the same password may be more at first: a user's devices that come back at once are
/// answered soon, unless the directory hangs.
const TOGETHER_FOR: Duration = Duration::from_secs(3);

/// The failures of an account and the attempts on it.
///
/// Directories forget failures in two ways: each after a time, or all of them once there was none for
/// a time. Nothing is forgotten here before a whole time without a failure, which is right for both.
#[derive(Debug, Default)]
pub(super) struct AccountRecord {
    /// How many binds were judged wrong, or may have been, since it was quiet last.
    binds: u32,
    /// Those among them that were not answered, each with its password.
    unanswered: Vec<UnansweredPassword>,
    /// Passwords that differed from a remembered one while the directory could not be asked.
    mismatches: Vec<Digest>,
    /// When the last of all these was counted, but for when what is unanswered may be judged.
    last: Option<Instant>,
    /// The passwords that the directory has refused.
    refused: Vec<RefusedPassword>,
    pub(super) asking: Vec<Asking>,
    /// Held by each attempt that waits for another one as well; there is none before the first.
    waiting: OnceLock<Arc<()>>,
}

/// A password that the directory has refused: when, and when the attempt with it began.
#[derive(Debug)]
struct RefusedPassword {
    digest: Digest,
    began: Moment,
    at: Instant,
}

/// A password that was sent and not answered: by which bind, and when the attempt with it began.
#[derive(Debug)]
struct UnansweredPassword {
    digest: Digest,
    began: Moment,
    number: BindNumber,
    bind: UnansweredBind,
}

/// What a bind is told apart by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct BindNumber(pub(super) u64);

/// An attempt that the directory is being asked about.
#[derive(Debug)]
pub(super) struct Asking {
    pub(super) digest: Digest,
    pub(super) began: Moment,
    pub(super) since: Instant,
    /// Whether the account was forgiven since.
    pub(super) is_forgiven: bool,
    /// The binds that are not answered yet, and who was sent them.
    pub(super) sent: Vec<(BindNumber, Arc<AnswerSignal>)>,
    /// For how many binds there is room.
    pub(super) reserved: u32,
    pub(super) outcome: watch::Receiver<Option<Outcome>>,
}

impl AccountRecord {
    /// Forgets the failures once it was quiet for long enough.
    pub(super) fn expire(&mut self, settings: &GuardSettings, now: Instant) {
        let within = settings.account.within;
        if self.last(now).is_some_and(|last| now.saturating_duration_since(last) >= within) {
            self.binds = 0;
            self.unanswered.clear();
            self.mismatches.clear();
            self.last = None;
        }
        let remembered = settings.remember_wrong.max(within);
        self.refused
            .retain(|RefusedPassword { at, .. }| now.saturating_duration_since(*at) < remembered);
    }

    /// Forgets the failures at once: whether there were any. What is under way counts, but is not
    /// remembered.
    pub(super) fn forget_failures(&mut self) -> bool {
        let had_any = self.last.is_some() || !self.refused.is_empty();
        self.binds = 0;
        self.unanswered.clear();
        self.mismatches.clear();
        self.last = None;
        self.refused.clear();
        self.asking.iter_mut().for_each(|asking| asking.is_forgiven = true);
        had_any
    }

    /// Whether there is nothing to remember.
    pub(super) fn is_empty(&self) -> bool {
        self.last.is_none() && self.refused.is_empty() && self.asking.is_empty()
    }

    /// How many binds were judged wrong, or may have been. That is how much of the budget is spent for
    /// the password that was right last: what differed from the remembered one never reached the
    /// directory.
    pub(super) fn binds(&self) -> u32 {
        self.binds
    }

    /// How much of the budget is spent for passwords that are not known to be right.
    pub(super) fn spent(&self) -> u32 {
        self.binds.saturating_add(number(self.mismatches.len()))
    }

    /// When the last failure was, or may have been.
    fn last(&self, now: Instant) -> Option<Instant> {
        let judged = self.unanswered.iter().map(|it| it.bind.judged_at(now)).max();
        self.last.max(judged)
    }

    /// When the last answer about a password was due that did not come.
    pub(super) fn unanswered(&self, digest: Digest) -> Option<Instant> {
        let unanswered = self.unanswered.iter().filter(|it| it.digest == digest);
        unanswered.map(|it| it.bind.due).max()
    }

    /// Bars an attempt until the same one has come to an end.
    pub(super) fn share(&self, same: &Asking, now: Instant) -> Barred {
        let alone = same.since + TOGETHER_FOR;
        self.bars(same, (now < alone).then_some(alone), Barred::Share)
    }

    /// Bars an attempt until another one has come to an end.
    pub(super) fn wait(&self, other: &Asking) -> Barred {
        self.bars(other, None, Barred::Wait)
    }

    fn bars(
        &self,
        asking: &Asking,
        asks_again_at: Option<Instant>,
        barred: fn(InFlight) -> Barred,
    ) -> Barred {
        let waiting = self.waiting.get_or_init(Arc::default);
        if asks_again_at.is_none() && Arc::strong_count(waiting) > MOST_WAITING {
            return Barred::Deny(Hold::Crowded);
        }
        let (outcome, _place) = (asking.outcome.clone(), Arc::clone(waiting));
        barred(InFlight { outcome, _place, asks_again_at })
    }

    /// For how many binds there is room that are not known to be wrong yet.
    pub(super) fn reserved(&self) -> u32 {
        self.asking.iter().map(|asking| asking.reserved).sum()
    }

    /// For how long the failures count, if there is no other one.
    pub(super) fn left(&self, settings: &GuardSettings, now: Instant) -> Duration {
        let Some(last) = self.last(now) else { return Duration::ZERO };
        let whole = settings.account.within.saturating_add(last.saturating_duration_since(now));
        whole.saturating_sub(now.saturating_duration_since(last))
    }

    /// When this password was refused last, in an attempt that began after the account's was `changed`.
    pub(super) fn refused_at(&self, digest: Digest, changed: Moment) -> Option<Instant> {
        let mut refused = self.refused.iter();
        let refused = refused.find(|refused| refused.digest == digest)?;
        (refused.began >= changed).then_some(refused.at)
    }

    pub(super) fn add_refused(&mut self, digest: Digest, began: Moment, at: Instant) {
        self.refused.retain(|refused| refused.digest != digest);
        self.refused.push(RefusedPassword { digest, began, at });
    }

    /// Who was sent these binds answered none of them when that was due.
    pub(super) fn add_unanswered(&mut self, asking: &Asking, due: Instant) {
        let Asking { digest, began, ref sent, .. } = *asking;
        for (number, server) in sent {
            let (number, bind) = (*number, server.leave_unanswered(due));
            self.unanswered.push(UnansweredPassword { digest, began, number, bind });
            self.count(1, due);
        }
    }

    /// A bind is answered that was not when that was due: whether it counted until now.
    pub(super) fn take_unanswered(&mut self, bind: BindNumber) -> bool {
        let Some(at) = self.unanswered.iter().position(|it| it.number == bind) else {
            return false;
        };
        self.unanswered.swap_remove(at);
        self.binds = self.binds.saturating_sub(1);
        true
    }

    /// The same password again is the same failure.
    pub(super) fn add_mismatch(&mut self, digest: Digest, changed: Moment, now: Instant) {
        if !self.mismatches.contains(&digest) && self.refused_at(digest, changed).is_none() {
            self.mismatches.push(digest);
            self.last = self.last.max(Some(now));
        }
    }

    /// A password is right, so that it was not wrong when nobody answered, but before the account's was
    /// `changed`.
    pub(super) fn acquit(&mut self, digest: Digest, changed: Moment) {
        let before = self.unanswered.len();
        self.unanswered.retain(|it| it.digest != digest || it.began < changed);
        self.binds = self.binds.saturating_sub(number(before - self.unanswered.len()));
        self.mismatches.retain(|mismatch| *mismatch != digest);
    }

    /// So many binds were wrong, or may have been.
    pub(super) fn count(&mut self, binds: u32, at: Instant) {
        self.binds = self.binds.saturating_add(binds);
        self.last = self.last.max(Some(at));
    }
}

pub(super) fn number(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
