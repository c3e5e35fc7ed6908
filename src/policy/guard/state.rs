//! What is remembered of all accounts and domains, and what an attempt changes in it.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use lru::LruCache;
use tokio::sync::watch;
use tokio::time::Instant;

use super::barred::{Barred, Hold};
use super::judge::Judge;
use super::record::{AccountRecord, Asking, number};
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
    pub(super) changes: Arc<Changes>,
}

/// The wrong passwords of a domain since some moment.
#[derive(Clone, Copy, Debug)]
struct Failures {
    since: Instant,
    count: u32,
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
        let most = self.most_failures(settings, attempt);
        let is_right = self.is_right(attempt);
        let changed = self.changes.last_password(attempt.counted_as);
        let Some(record) = self.record_of(settings, attempt.counted_as, now) else {
            return Err(Barred::Deny(Hold::Spent { left: settings.account.within }));
        };
        if let Some(same) = record.asking.iter().find(|asking| asking.digest == attempt.digest) {
            let is_outdated = same.is_forgiven || same.began < changed;
            return Err(record.bars(same, if is_outdated { Barred::Wait } else { Barred::Share }));
        }
        if let Some(at) = record.refused_at(attempt.digest, changed) {
            let ago = now.saturating_duration_since(at);
            return Err(Barred::Deny(Hold::SameAgain { ago }));
        }
        let digest = attempt.digest;
        let spent = if is_right { record.spent_for_owner(digest, now) } else { record.spent() };
        if spent >= most {
            let whole = record.left(settings, now);
            let chance = record.until_second_chance(digest, now).filter(|_| is_right);
            let left = chance.map_or(whole, |chance| chance.min(whole));
            return Err(Barred::Deny(Hold::Spent { left }));
        }
        if spent.saturating_add(record.reserved()) >= most
            && let Some(other) = record.asking.first()
        {
            return Err(record.bars(other, Barred::Wait));
        }
        let (tell, outcome) = watch::channel(None);
        let SignInAttempt { digest, began, .. } = *attempt;
        record.asking.push(Asking {
            digest,
            began,
            is_forgiven: false,
            sent: Vec::new(),
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
        record.forgive(settings, now);
        Some(record)
    }

    /// Forgets the accounts that have nothing to remember any more.
    fn sweep(&mut self, settings: &GuardSettings, now: Instant) {
        self.records.retain(|_, record| {
            record.forgive(settings, now);
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
        to: &Arc<Judge>,
    ) -> bool {
        let (most, is_right) = (self.most_failures(settings, attempt), self.is_right(attempt));
        let Some(record) = self.records.get(&attempt.counted_as) else { return false };
        let spent = if is_right { record.binds() } else { record.spent() };
        let is_full = spent.saturating_add(record.reserved()) >= most;
        let Some(asking) = self.asking(attempt) else { return false };
        if number(asking.sent.len()) == asking.reserved {
            if is_full {
                return false;
            }
            asking.reserved += 1;
        }
        asking.sent.push(Arc::clone(to));
        true
    }

    pub(super) fn record(
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
                        asking.sent.clear();
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
    pub(super) fn end(&mut self, attempt: &SignInAttempt, due: Instant) {
        let SignInAttempt { counted_as: account, digest, .. } = *attempt;
        let Some(record) = self.records.get_mut(&account) else { return };
        if let Some(place) = record.asking.iter().position(|asking| asking.digest == digest) {
            let asking = record.asking.swap_remove(place);
            record.add_unanswered(digest, &asking.sent, due);
        }
        if record.is_empty() {
            self.records.remove(&account);
        }
    }
}
