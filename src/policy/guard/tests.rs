//! What the guard lets through, over time.

mod budget;
mod under_way;

use std::num::NonZeroUsize;
use std::time::Duration;

use secrecy::SecretString;

use super::state::{FIRST_SWEEP, SWEPT_AGAIN_AFTER};
use super::*;
use crate::policy::digest::ProcessKey;
use crate::verdict::{Denial, Outage, Verdict};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

fn settings() -> GuardSettings {
    GuardSettings {
        account: Budget { failures: 3, within: 60 * MINUTE },
        domain: Budget { failures: 10, within: MINUTE },
        remember_wrong: 60 * MINUTE,
        accounts: NonZeroUsize::new(100).unwrap(),
    }
}

struct GuardBed {
    guard: Arc<Guard>,
    key: ProcessKey,
    answer_signal: Arc<AnswerSignal>,
    start: Instant,
}

impl GuardBed {
    fn new() -> Self {
        let key = ProcessKey::new().unwrap();
        Self {
            guard: Guard::new(settings(), &Arc::default()),
            key,
            answer_signal: Arc::default(),
            start: Instant::now(),
        }
    }

    fn keeping_to(settings: GuardSettings) -> Self {
        Self { guard: Guard::new(settings, &Arc::default()), ..Self::new() }
    }

    fn enter(&self, user: &str, password: &str, at: Duration) -> Result<Permit, Barred> {
        let now = self.start + at;
        self.guard.enter(self.attempt(user, password), now + 4 * SECOND, now)
    }

    fn attempt(&self, user: &str, password: &str) -> SignInAttempt {
        let (began, password) = (self.changes().now(), SecretString::from(password));
        SignInAttempt::new(&self.key, began, "example.com", user, user, &password)
    }

    fn changes(&self) -> Arc<Changes> {
        Arc::clone(&locked(&self.guard.state).changes)
    }

    /// Why an attempt is held back: `None` if the directory was asked, which says `verdict`.
    fn sign_in(
        &self,
        user: &str,
        password: &str,
        verdict: impl Into<Outcome>,
        at: Duration,
    ) -> Option<Hold> {
        match self.enter(user, password, at) {
            Ok(permit) => {
                permit.send(&self.answer_signal).expect("the first bind has its room").answered();
                self.answer_signal.answered(self.start + at);
                permit.conclude(&verdict.into(), self.start + at);
                None
            }
            Err(Barred::Deny(hold)) => Some(hold),
            Err(Barred::Share(_) | Barred::Wait(_)) => panic!("nobody else is asking"),
        }
    }

    /// Sends binds that nobody answers; whether there was room for each.
    fn send_in_vain(&self, user: &str, password: &str, binds: usize, at: Duration) -> Vec<bool> {
        match self.enter(user, password, at) {
            Ok(permit) => (0..binds).map(|_| permit.send(&self.answer_signal).is_some()).collect(),
            _ => Vec::new(),
        }
    }
}

fn no() -> Outcome {
    Denial::WrongPassword.into()
}

fn same_again(ago: Duration) -> Option<Hold> {
    Some(Hold::SameAgain { ago })
}

fn spent(left: Duration) -> Option<Hold> {
    Some(Hold::Spent { left })
}

const GRANTED: Verdict = Verdict::Granted;
