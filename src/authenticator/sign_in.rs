//! A sign-in: what is remembered before, who lets it through, and what is remembered after.

use std::time::Duration;

use secrecy::SecretString;
use tokio::time::Instant;

use super::inquiry::{Inquiry, is_judged, remembered};
use crate::directory::backend::{Backend, Candidate, EntryKey};
use crate::policy::admission::SignInSlot;
use crate::policy::attempt::SignInAttempt;
use crate::policy::cache::Cache;
use crate::policy::digest::HashedId;
use crate::verdict::{Denial, Outage, Outcome, Verdict};

/// What came of a sign-in.
#[derive(Debug)]
struct SignInEnd {
    outcome: Outcome,
    /// The attempt that the directory was to judge; none where no entry was found, or the directory
    /// was spared.
    attempt: Option<SignInAttempt>,
    /// The entry that the account was remembered to have, if that one refused the password before the
    /// account was looked up again.
    refused_by: Option<HashedId>,
    /// The account may be disabled, locked or expired.
    is_doubtful: bool,
}

impl SignInEnd {
    fn without_attempt(outcome: Outcome) -> Self {
        Self { outcome, attempt: None, refused_by: None, is_doubtful: false }
    }
}

impl<D: Backend> Inquiry<'_, D> {
    pub(super) async fn sign_in(&self, password: &SecretString) -> Outcome {
        let judged = match self.directory.admission().admit(self.by.remaining(), Instant::now()) {
            Ok(mut slot) => {
                let judged = self.judge(password, &mut slot).await;
                let is_held = matches!(
                    judged.outcome.verdict,
                    Verdict::Unavailable(Outage::TooManyFailures | Outage::Crowded)
                );
                slot.end(is_held || is_judged(&judged.outcome), Instant::now());
                judged
            }
            Err(expected) => SignInEnd::without_attempt(overloaded(expected)),
        };
        self.remember(judged, password)
    }

    /// Tries the entry that the account has; if it was only remembered which, and the password is
    /// wrong there, the one that it has now.
    async fn judge(&self, password: &SecretString, slot: &mut SignInSlot) -> SignInEnd {
        let first = match self.directory.find(self.account, self.by).await {
            Ok(first) => first,
            Err(outcome) => return SignInEnd::without_attempt(outcome),
        };
        let attempt = self.attempt(&first, password);
        // A look at the entry stands for the bind that is spared.
        if first.was_read()
            && !first.is_doubtful()
            && let Some((cache, account)) = self.cached
            && cache.spares(account, &attempt, Instant::now())
        {
            let outcome = Outcome::from(Verdict::Granted).with_detail("remembered; see [cache]");
            return SignInEnd::without_attempt(outcome);
        }
        let judged = self.try_candidate(&first, attempt, password, slot).await;
        let is_wrong = judged.outcome.verdict == Verdict::Denied(Denial::WrongPassword);
        if !first.is_remembered() || !is_wrong {
            return judged;
        }
        let judged = match self.directory.find_afresh(self.account, self.by).await {
            Ok(now) if now.bind_name() == first.bind_name() => judged,
            Ok(now) => self.try_candidate(&now, self.attempt(&now, password), password, slot).await,
            Err(outcome) => SignInEnd { outcome, ..judged },
        };
        SignInEnd { refused_by: Some(attempt.entry), ..judged }
    }

    async fn try_candidate(
        &self,
        candidate: &Candidate,
        attempt: SignInAttempt,
        password: &SecretString,
        slot: &mut SignInSlot,
    ) -> SignInEnd {
        let outcome = match candidate.refusal() {
            Some(denial) => denial.clone(),
            None => self.prove(candidate, attempt, password, slot).await,
        };
        let is_doubtful = candidate.is_doubtful();
        SignInEnd { outcome, attempt: Some(attempt), refused_by: None, is_doubtful }
    }

    fn attempt(&self, candidate: &Candidate, password: &SecretString) -> SignInAttempt {
        let domain = self.directory.domainpart(self.account);
        let EntryKey { entry, counted_as } = candidate.key();
        self.policies.attempt(domain, counted_as, entry, password)
    }

    /// Remembers a password that was right, until the directory says no, to whatever password; while
    /// the directory is absent, what is remembered answers in its place.
    fn remember(&self, judged: SignInEnd, password: &SecretString) -> Outcome {
        let SignInEnd { outcome, attempt, refused_by, is_doubtful } = judged;
        let Some((cache, account)) = self.cached else { return outcome };
        match (outcome.verdict, refused_by) {
            (Verdict::Granted, _) => {
                if let Some(attempt) = attempt {
                    cache.record_proof(account, attempt, Instant::now());
                }
            }
            (Verdict::Unavailable(outage), None) => {
                let may_stand_in = outage.is_absence() && !is_doubtful;
                if may_stand_in && self.vouches(cache, account, attempt, password) {
                    return remembered(&outcome);
                }
            }
            (verdict, refused_by) => {
                let entries = attempt.map(|attempt| attempt.entry).into_iter().chain(refused_by);
                cache.forget_proof(account, entries, Instant::now());
                if verdict == Verdict::Denied(Denial::UnknownUser) {
                    cache.forget_existence(account);
                }
            }
        }
        outcome
    }

    /// Whether the password is the one that was right last. A guess at it is counted as the directory
    /// would.
    fn vouches(
        &self,
        cache: &Cache,
        account: HashedId,
        attempt: Option<SignInAttempt>,
        password: &SecretString,
    ) -> bool {
        let now = Instant::now();
        let Some(proof) = cache.stands_in(account, now) else { return false };
        let attempt = attempt
            .filter(|attempt| attempt.entry == proof.entry)
            .unwrap_or_else(|| proof.with_password(&self.policies.key, password));
        let is_right = attempt.digest == proof.digest;
        let guard = self.policies.guard.as_ref();
        guard.is_none_or(|guard| guard.admits_comparison(&attempt, is_right, now)) && is_right
    }
}

/// The outcome of a sign-in whose answer would come too late.
fn overloaded(expected: Duration) -> Outcome {
    Outcome::from(Outage::Overloaded)
        .with_detail(&format!("the answer could be expected in {expected:.1?}"))
}
