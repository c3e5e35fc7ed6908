//! What is remembered of all accounts and domains, and what an attempt changes in it.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use lru::LruCache;
use tokio::sync::watch;
use tokio::time::Instant;

use super::answer_signal::AnswerSignal;
use super::barred::{Barred, Hold};
use super::record::{AccountRecord, Asking, BindNumber, number};
use super::settings::GuardSettings;
use crate::policy::attempt::SignInAttempt;
use crate::policy::changes::{Changes, Moment};
use crate::policy::digest::{ById, Digest, HashedId};
use crate::verdict::{Denial, Outcome, Verdict};

/// Failures are never forgotten early, so so many times as many accounts may have some as there are
/// accounts whose right password is remembered. It takes somebody who tries as many names.
const MOST_GUESSED_AT: usize = 100;

/// Accounts that have nothing to remember any more are looked for when there are so many.
pub(super) const FIRST_SWEEP: usize = 1024;

/// While there is no room, they are looked for no more often than this: it takes long where there are
/// many, and nobody is answered meanwhile.
pub(super) const SWEPT_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// What the guard remembers.
#[derive(Debug)]
pub(super) struct GuardState {
    pub(super) records: HashMap<HashedId, AccountRecord, ById>,
    /// With how many records those are looked for that are empty.
    sweep_at: usize,
    /// When they were looked for last because there was no room.
    swept: Option<Instant>,
    /// The password that was right last, and when the attempt with it began.
    pub(super) right: LruCache<HashedId, (Digest, Moment), ById>,
    domains: HashMap<HashedId, Failures, ById>,
    /// When a bind for a domain was answered last.
    answered: HashMap<HashedId, Instant, ById>,
    last_bind: BindNumber,
    pub(super) changes: Arc<Changes>,
}

/// The wrong passwords of a domain since some moment.
#[derive(Clone, Copy, Debug)]
struct Failures {
    since: Instant,
    count: u32,
    is_told: bool,
}

impl GuardState {
    /// Nothing yet; the right passwords of so many accounts at most.
    pub(super) fn new(accounts: NonZeroUsize, changes: &Arc<Changes>) -> Self {
        Self {
            records: HashMap::default(),
            sweep_at: FIRST_SWEEP,
            swept: None,
            right: LruCache::with_hasher(accounts, ById::default()),
            domains: HashMap::default(),
            answered: HashMap::default(),
            last_bind: BindNumber::default(),
            changes: Arc::clone(changes),
        }
    }

    /// Makes room for an attempt. The sender tells those who wait for its outcome.
    pub(super) fn admit(
        &mut self,
        settings: &GuardSettings,
        attempt: &SignInAttempt,
        now: Instant,
    ) -> Result<watch::Sender<Option<Outcome>>, Barred> {
        let (most, is_right) = self.most_failures(settings, attempt);
        let changed = self.changes.last_password(attempt.counted_as);
        let Some(record) = self.record_of(settings, attempt.counted_as, now) else {
            return Err(Barred::Deny(Hold::Spent { left: settings.account.within }));
        };
        if let Some(same) = record.asking.iter().find(|asking| asking.digest == attempt.digest) {
            let is_outdated = same.is_forgiven || same.began < changed;
            return Err(if is_outdated { record.wait(same) } else { record.share(same, now) });
        }
        if let Some(at) = record.refused_at(attempt.digest, changed) {
            let ago = now.saturating_duration_since(at);
            return Err(Barred::Deny(Hold::SameAgain { ago }));
        }
        let spent = if is_right { record.binds() } else { record.spent() };
        if spent >= most {
            let left = record.left(settings, now);
            let is_in_vain = is_right && spent < settings.account.failures;
            return Err(Barred::Deny(match is_in_vain {
                true => Hold::Unanswered { left },
                false => Hold::Spent { left },
            }));
        }
        if spent.saturating_add(record.reserved()) >= most
            && let Some(other) = record.asking.first()
        {
            return Err(record.wait(other));
        }
        let (tell, outcome) = watch::channel(None);
        let SignInAttempt { digest, began, .. } = *attempt;
        record.asking.push(Asking {
            digest,
            began,
            since: now,
            is_forgiven: false,
            sent: Vec::new(),
            reserved: 1,
            outcome,
        });
        Ok(tell)
    }

    /// How many binds may be wrong, if this is one of them, and whether it is with the password that was
    /// right last, for which the last one of several is kept. That one is not sent where it is likely to
    /// be left unanswered as well, and to keep its owner out when the directory answers again.
    fn most_failures(&self, settings: &GuardSettings, attempt: &SignInAttempt) -> (u32, bool) {
        let failures = settings.account.failures;
        let all_but_the_last = failures.saturating_sub(1).max(1);
        match self.right(attempt.counted_as) {
            None => (failures, false),
            Some(right) if right != attempt.digest => (all_but_the_last, false),
            Some(_) if self.is_in_vain(attempt) => (all_but_the_last, true),
            Some(_) => (failures, true),
        }
    }

    /// Whether this password was sent and not answered, and no other bind for its domain was since.
    fn is_in_vain(&self, attempt: &SignInAttempt) -> bool {
        let record = self.records.get(&attempt.counted_as);
        let Some(due) = record.and_then(|record| record.unanswered(attempt.digest)) else {
            return false;
        };
        self.answered.get(&attempt.domain).is_none_or(|answered| *answered <= due)
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
    pub(super) fn record_of(
        &mut self,
        settings: &GuardSettings,
        account: HashedId,
        now: Instant,
    ) -> Option<&mut AccountRecord> {
        if self.records.len() >= self.sweep_at {
            self.sweep(settings, now);
        }
        let most = settings.accounts.get().saturating_mul(MOST_GUESSED_AT);
        let is_known = self.records.contains_key(&account) || self.right.contains(&account);
        if self.records.len() >= most && !is_known {
            let is_due = |swept| now.saturating_duration_since(swept) >= SWEPT_AGAIN_AFTER;
            if self.swept.is_none_or(is_due) {
                self.swept = Some(now);
                self.sweep(settings, now);
            }
            if self.records.len() >= most {
                return None;
            }
        }
        let record = self.records.entry(account).or_default();
        record.expire(settings, now);
        Some(record)
    }

    /// Forgets the accounts that have nothing to remember any more.
    fn sweep(&mut self, settings: &GuardSettings, now: Instant) {
        self.records.retain(|_, record| {
            record.expire(settings, now);
            !record.is_empty()
        });
        self.sweep_at = (self.records.len() * 2).max(FIRST_SWEEP);
    }

    pub(super) fn asking(&mut self, attempt: &SignInAttempt) -> Option<&mut Asking> {
        let record = self.records.get_mut(&attempt.counted_as)?;
        record.asking.iter_mut().find(|asking| asking.digest == attempt.digest)
    }

    pub(super) fn send(
        &mut self,
        settings: &GuardSettings,
        attempt: &SignInAttempt,
        to: &Arc<AnswerSignal>,
    ) -> Option<BindNumber> {
        let (most, is_right) = self.most_failures(settings, attempt);
        let record = self.records.get(&attempt.counted_as)?;
        let spent = if is_right { record.binds() } else { record.spent() };
        let is_full = spent.saturating_add(record.reserved()) >= most;
        let bind = BindNumber(self.last_bind.0 + 1);
        let asking = self.asking(attempt)?;
        if number(asking.sent.len()) == asking.reserved {
            if is_full {
                return None;
            }
            asking.reserved += 1;
        }
        asking.sent.push((bind, Arc::clone(to)));
        self.last_bind = bind;
        Some(bind)
    }

    /// An attempt has an outcome. True if that is to be told of its domain.
    pub(super) fn record(
        &mut self,
        settings: &GuardSettings,
        attempt: &SignInAttempt,
        verdict: Verdict,
        now: Instant,
    ) -> bool {
        let is_forgiven = self.asking(attempt).is_some_and(|asking| asking.is_forgiven);
        self.judged(settings, attempt, verdict, is_forgiven, now);
        let domain = self.domains.get_mut(&attempt.domain);
        let unusual = domain.filter(|domain| {
            verdict == Verdict::Denied(Denial::WrongPassword)
                && domain.count >= settings.domain.failures
                && !domain.is_told
        });
        unusual.map(|domain| domain.is_told = true).is_some()
    }

    /// A bind is answered for which its request does not wait any more. What is not known of it was
    /// forgiven.
    pub(super) fn record_late(
        &mut self,
        settings: &GuardSettings,
        attempt: &SignInAttempt,
        bind: BindNumber,
        verdict: Verdict,
        now: Instant,
    ) {
        let is_wrong = verdict == Verdict::Denied(Denial::WrongPassword);
        let under_way = self.asking(attempt).and_then(|asking| {
            let at = asking.sent.iter().position(|(it, _)| *it == bind)?;
            asking.sent.swap_remove(at);
            // It counts now, and the next one needs room of its own.
            asking.reserved -= u32::from(is_wrong);
            Some(asking.is_forgiven)
        });
        let is_forgiven = under_way.unwrap_or_else(|| {
            let record = self.records.get_mut(&attempt.counted_as);
            !record.is_some_and(|record| record.take_unanswered(bind))
        });
        self.judged(settings, attempt, verdict, is_forgiven, now);
    }

    fn judged(
        &mut self,
        settings: &GuardSettings,
        attempt: &SignInAttempt,
        verdict: Verdict,
        is_forgiven: bool,
        now: Instant,
    ) {
        let SignInAttempt { domain, counted_as: account, digest, began, .. } = *attempt;
        let changed = self.changes.last_password(account);
        let is_outdated = is_forgiven || began < changed;
        if !matches!(verdict, Verdict::Unavailable(_)) {
            self.answered.insert(domain, now);
        }
        match verdict {
            Verdict::Granted if is_outdated => {}
            Verdict::Granted => {
                self.right.put(account, (digest, began));
                if let Some(record) = self.records.get_mut(&account) {
                    record.acquit(digest, changed);
                    if let Some(asking) = self.asking(attempt) {
                        asking.sent.clear();
                    }
                }
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
                let failures = Failures { since: now, count: 0, is_told: false };
                let known = self.domains.entry(domain).or_insert(failures);
                if now.saturating_duration_since(known.since) >= settings.domain.within {
                    *known = failures;
                }
                known.count = known.count.saturating_add(1);
            }
            // The password was right, or nobody has judged it.
            Verdict::Denied(_) | Verdict::Unavailable(_) => {}
        }
    }

    /// The attempt has come to an end, or was given up.
    pub(super) fn end(&mut self, attempt: &SignInAttempt, due: Instant) {
        let SignInAttempt { counted_as: account, digest, .. } = *attempt;
        let Some(record) = self.records.get_mut(&account) else { return };
        if let Some(place) = record.asking.iter().position(|asking| asking.digest == digest) {
            let asking = record.asking.swap_remove(place);
            record.add_unanswered(&asking, due);
        }
        if record.is_empty() {
            self.records.remove(&account);
        }
    }
}
