//! A bind that was sent and takes its share of a budget until it is answered.

use std::sync::{Arc, Mutex};

use tokio::time::Instant;

use super::record::BindNumber;
use super::settings::GuardSettings;
use super::state::GuardState;
use crate::lock::locked;
use crate::policy::attempt::SignInAttempt;
use crate::verdict::Verdict;

/// A bind that was sent. Where it is only dropped, it counts as one that is not answered.
#[must_use]
#[derive(Debug)]
pub struct CountedBind(pub(super) Option<Counted>);

/// What is known of a bind that somebody counts.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) state: Arc<Mutex<GuardState>>,
    pub(super) settings: GuardSettings,
    pub(super) attempt: SignInAttempt,
    pub(super) bind: BindNumber,
}

impl CountedBind {
    /// Whether anybody counts it.
    pub fn is_counted(&self) -> bool {
        self.0.is_some()
    }

    /// It is answered while its request waits for it, which concludes what the answer means.
    pub fn answered(self) {
        if let Some(Counted { state, attempt, bind, .. }) = self.0
            && let Some(asking) = locked(&state).asking(&attempt)
        {
            asking.sent.retain(|(it, _)| *it != bind);
        }
    }

    /// It is answered so, and its request does not wait for it any more.
    pub fn answered_late(self, verdict: Verdict, now: Instant) {
        if let Some(Counted { state, settings, attempt, bind }) = self.0 {
            let mut state = locked(&state);
            state.record_late(&settings, &attempt, bind, verdict, now);
        }
    }
}
