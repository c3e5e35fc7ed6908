//! A sign-in: what is remembered before, who lets it through, and what is remembered after.

use std::time::Duration;

use secrecy::SecretString;
use tokio::time::Instant;

use super::inquiry::{Inquiry, remembered};
use crate::directory::accounts::{Accounts, Candidate, EntryKey};
use crate::policy::digest::Attempt;
use crate::policy::guard::{Budget, Entrance, Guard, Hold, Permit};
use crate::verdict::{Denial, Outage, Outcome, Verdict};

/// What a sign-in leaves to be remembered.
#[derive(Debug, Default)]
struct Trace {
    /// The last attempt that was the directory's to judge.
    attempt: Option<Attempt>,
    /// The password was refused, although the outcome may say no more about it.
    is_refused: bool,
    /// The account may be disabled, locked or expired.
    is_doubtful: bool,
}

impl<D: Accounts> Inquiry<'_, D> {
    pub(super) async fn sign_in(&self, password: &SecretString) -> Outcome {
        let mut trace = Trace::default();
        let admission = self.directory.admission();
        let outcome = match admission.admit(self.by.remaining(), Instant::now()) {
            Ok(slot) => {
                let (Ok(outcome) | Err(outcome)) = self.try_entry(password, &mut trace).await;
                let is_held = outcome.verdict == Verdict::Unavailable(Outage::TooManyFailures);
                slot.end(is_held || is_judged(&outcome), Instant::now());
                outcome
            }
            Err(expected) => overloaded(expected),
        };
        self.remember(&trace, outcome.verdict);
        if self.is_vouched_for(password, &trace, outcome.verdict) {
            return remembered(&outcome);
        }
        outcome
    }

    /// Tries the entry that the account has; if it was only remembered which, and the password is
    /// wrong there, the one that it has now.
    async fn try_entry(
        &self,
        password: &SecretString,
        trace: &mut Trace,
    ) -> Result<Outcome, Outcome> {
        let first = self.directory.find(self.account, self.by).await?;
        trace.is_doubtful = first.is_doubtful();
        let attempt = self.attempt(&first, password);
        if let Some(denial) = first.refusal() {
            trace.attempt = Some(attempt);
            return Ok(denial.clone());
        }
        if !first.is_doubtful()
            && let Some((cache, account)) = self.cached
            && cache.spares(account, &attempt, Instant::now())
        {
            return Ok(Outcome::from(Verdict::Granted).with_detail("remembered; see [cache]"));
        }
        trace.attempt = Some(attempt);
        let outcome = self.prove(&first, attempt, password).await;
        if !first.is_remembered() || outcome.verdict != Verdict::Denied(Denial::WrongPassword) {
            return Ok(outcome);
        }
        trace.is_refused = true;
        let now = self.directory.find_afresh(self.account, self.by).await?;
        if now.bind_name() == first.bind_name() {
            return Ok(outcome);
        }
        if let Some(denial) = now.refusal() {
            return Ok(denial.clone());
        }
        let attempt = self.attempt(&now, password);
        trace.attempt = Some(attempt);
        Ok(self.prove(&now, attempt, password).await)
    }

    /// Lets the directory judge the password, or the lock-out guard in its place.
    async fn prove(
        &self,
        candidate: &Candidate,
        attempt: Attempt,
        password: &SecretString,
    ) -> Outcome {
        let Some(guard) = &self.policies.guard else {
            return self.directory.prove(candidate, password, &Permit::unguarded(), self.by).await;
        };
        loop {
            match guard.enter(attempt, self.by.instant(), Instant::now()) {
                Entrance::Ask(permit) => {
                    let outcome = self.directory.prove(candidate, password, &permit, self.by).await;
                    if permit.conclude(&outcome, Instant::now()) {
                        self.warn_of_guesses(guard);
                    }
                    return outcome;
                }
                Entrance::Share(same) => match self.by.bound(same.ended()).await {
                    Ok(Some(outcome)) if is_judged(&outcome) => return outcome,
                    // Whoever asked gave up, or had less time: that is no answer for us.
                    Ok(_) => {}
                    Err(elapsed) => return elapsed.into(),
                },
                Entrance::Wait(other) => {
                    if let Err(elapsed) = self.by.bound(other.ended()).await {
                        return elapsed.into();
                    }
                }
                Entrance::Deny(hold) => return held(hold),
            }
        }
    }

    fn warn_of_guesses(&self, guard: &Guard) {
        let Budget { failures, within } = guard.settings().domain;
        let domain = self.directory.domainpart(self.account);
        tracing::error!(
            domain,
            failures,
            ?within,
            "so many different wrong passwords for one domain: does somebody guess?"
        );
    }

    /// Remembers a password that was right, until the directory says no, to whatever password.
    fn remember(&self, trace: &Trace, verdict: Verdict) {
        let Some((cache, account)) = self.cached else { return };
        let now = Instant::now();
        match (verdict, trace.attempt) {
            (Verdict::Granted, Some(attempt)) => cache.record_proof(account, attempt, now),
            (Verdict::Granted, None) => {}
            (Verdict::Unavailable(_), _) if !trace.is_refused => {}
            (_, attempt) => {
                cache.forget_proof(account, attempt.map(|attempt| attempt.entry), now);
                if verdict == Verdict::Denied(Denial::UnknownUser) {
                    cache.forget_existence(account);
                }
            }
        }
    }

    /// Whether the password was right before, and that counts because the directory is absent. A guess
    /// at it is counted as the directory would.
    fn is_vouched_for(&self, password: &SecretString, trace: &Trace, verdict: Verdict) -> bool {
        let Some((cache, account)) = self.cached else { return false };
        let is_absent = matches!(verdict, Verdict::Unavailable(outage) if outage.is_absence());
        if !is_absent || trace.is_doubtful {
            return false;
        }
        let now = Instant::now();
        let Some(proof) = cache.stands_in(account, now) else { return false };
        let attempt = self.policies.key.again(proof, password);
        let is_right = attempt.digest == proof.digest;
        let guard = self.policies.guard.as_ref();
        guard.is_none_or(|guard| guard.admits_comparison(&attempt, is_right, now)) && is_right
    }

    fn attempt(&self, candidate: &Candidate, password: &SecretString) -> Attempt {
        let domain = self.directory.domainpart(self.account);
        let EntryKey { entry, counted_as } = candidate.key();
        self.policies.key.attempt(domain, counted_as, entry, password)
    }
}

fn is_judged(outcome: &Outcome) -> bool {
    !matches!(outcome.verdict, Verdict::Unavailable(_))
}

/// The outcome of a sign-in whose answer would come too late.
fn overloaded(expected: Duration) -> Outcome {
    Outcome::from(Outage::Overloaded)
        .with_detail(&format!("the answer could be expected in {expected:.1?}"))
}

/// The outcome of a sign-in that the guard holds back.
fn held(hold: Hold) -> Outcome {
    match hold {
        Hold::SameAgain { ago } => Outcome::from(Denial::WrongPassword).with_detail(&format!(
            "the same password was refused {} s ago; the directory was not asked again",
            ago.as_secs()
        )),
        Hold::Spent { left } => Outcome::from(Outage::TooManyFailures).with_detail(&format!(
            "too many wrong passwords for this account; the directory is asked again in {} s",
            left.as_secs() + 1
        )),
    }
}
