//! Who judges a password: the directory, or the lock-out guard in its place.

use std::pin::pin;

use secrecy::SecretString;
use tokio::time::{Instant, timeout_at};

use super::inquiry::{Inquiry, is_judged};
use crate::directory::backend::{Backend, Candidate};
use crate::policy::admission::{PersonalWait, SignInSlot};
use crate::policy::attempt::SignInAttempt;
use crate::policy::guard::{Barred, Budget, Guard, Hold, InFlight, Permit};
use crate::verdict::{Denial, Outage, Outcome, Verdict};

impl<D: Backend> Inquiry<'_, D> {
    /// Whether the password of this attempt is the candidate's. Whoever waits for other attempts leaves
    /// the slot to others.
    pub(super) async fn prove(
        &self,
        candidate: &Candidate,
        attempt: SignInAttempt,
        password: &SecretString,
        slot: &mut SignInSlot,
    ) -> Outcome {
        let Some(guard) = &self.policies.guard else {
            return self.ask(candidate, password, &Permit::unguarded(), slot).await;
        };
        let mut unanswered = None;
        let outcome = loop {
            match guard.enter(attempt, self.by.instant(), Instant::now()) {
                Ok(permit) => {
                    slot.step_back(Instant::now());
                    let outcome = self.ask(candidate, password, &permit, slot).await;
                    if permit.conclude(&outcome, Instant::now()) {
                        self.warn_of_guesses(guard);
                    }
                    break outcome;
                }
                Err(Barred::Share(same)) => {
                    slot.step_aside(Instant::now());
                    match self.by.bound(ended(same)).await {
                        Ok(Some(outcome)) if is_judged(&outcome) => break outcome,
                        // Whoever asked gave up, or had less time: that is no answer for us.
                        Ok(outcome) => unanswered = outcome.filter(is_unanswered).or(unanswered),
                        Err(_) => break Outage::BindUnanswered.into(),
                    }
                }
                Err(Barred::Wait(other)) => {
                    slot.step_aside(Instant::now());
                    match self.by.bound(other.ended()).await {
                        Ok(outcome) => unanswered = outcome.filter(is_unanswered).or(unanswered),
                        Err(_) => break Outage::BindUnanswered.into(),
                    }
                }
                Err(Barred::Deny(hold)) => break held(hold),
            }
        };
        // What is left of the time may be too short to see once more that the directory is there.
        match (outcome.verdict, unanswered) {
            (Verdict::Unavailable(outage), Some(unanswered)) if outage.is_absence() => unanswered,
            _ => outcome,
        }
    }

    /// What the directory says. A bind that waits for a person leaves the slot to others.
    async fn ask(
        &self,
        candidate: &Candidate,
        password: &SecretString,
        permit: &Permit,
        slot: &mut SignInSlot,
    ) -> Outcome {
        let wait = PersonalWait::default();
        let mut proving = pin!(self.directory.prove(candidate, password, permit, &wait, self.by));
        tokio::select! {
            biased;
            outcome = &mut proving => outcome,
            () = wait.begun() => {
                slot.step_aside(Instant::now());
                proving.await
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
}

/// The outcome of the same attempt; nothing if it is to be decided anew without it.
async fn ended(same: InFlight) -> Option<Outcome> {
    match same.asks_again_at() {
        None => same.ended().await,
        Some(at) => timeout_at(at, same.ended()).await.ok().flatten(),
    }
}

/// Whether a directory that is there has left a bind unanswered.
fn is_unanswered(outcome: &Outcome) -> bool {
    outcome.verdict == Verdict::Unavailable(Outage::BindUnanswered)
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
        Hold::Unanswered { left } => Outcome::from(Outage::TooManyFailures).with_detail(&format!(
            "the directory has left this password unanswered; it is asked again when it has answered \
             somebody else for this domain, or in {} s",
            left.as_secs() + 1
        )),
        Hold::Crowded => Outage::Crowded.into(),
    }
}
