//! A sign-in: what is remembered before, who lets it through, and what is remembered after.

use std::time::Duration;

use secrecy::SecretString;
use tokio::time::Instant;

use super::inquiry::{Inquiry, remembered};
use crate::directory::accounts::{Accounts, Candidate};
use crate::policy::digest::Attempt;
use crate::policy::guard::{Entrance, Hold, Whose};
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
                slot.end(is_judged(&outcome), Instant::now());
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
        let ask = || self.directory.prove(candidate, password, self.by);
        let Some(guard) = &self.policies.guard else { return ask().await };
        loop {
            match guard.enter(attempt, Instant::now()) {
                Entrance::Ask(permit) => {
                    let outcome = ask().await;
                    permit.conclude(&outcome, Instant::now());
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

    /// Remembers a password that was right, until the directory says no, to whatever password.
    fn remember(&self, trace: &Trace, verdict: Verdict) {
        let Some((cache, account)) = self.cached else { return };
        match verdict {
            Verdict::Granted => {
                if let Some(attempt) = &trace.attempt {
                    cache.record_proof(account, attempt, Instant::now());
                }
            }
            Verdict::Denied(Denial::UnknownUser) => cache.forget_account(account),
            _ if trace.is_refused => cache.forget_proof(account),
            Verdict::Denied(Denial::TooManyFailures) | Verdict::Unavailable(_) => {}
            Verdict::Denied(_) => cache.forget_proof(account),
        }
    }

    /// Whether the password was right before, and that counts because the directory is absent.
    fn is_vouched_for(&self, password: &SecretString, trace: &Trace, verdict: Verdict) -> bool {
        let Some((cache, account)) = self.cached else { return false };
        let digest = |entry| match trace.attempt {
            Some(attempt) if attempt.entry == entry => attempt.digest,
            _ => self.policies.key.digest(entry, password),
        };
        matches!(verdict, Verdict::Unavailable(outage) if outage.is_absence())
            && !trace.is_doubtful
            && cache.vouches_for(account, digest, Instant::now())
    }

    fn attempt(&self, candidate: &Candidate, password: &SecretString) -> Attempt {
        let domain = self.directory.domainpart(self.account);
        self.policies.key.attempt(domain, candidate.entry(), password)
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
        Hold::Wait { whose, left } => {
            let whose = match whose {
                Whose::Account => "this account",
                Whose::Domain => "this domain",
            };
            Outcome::from(Denial::TooManyFailures).with_detail(&format!(
                "too many wrong passwords for {whose}; the directory is asked again in {} s",
                left.as_secs() + 1
            ))
        }
    }
}
