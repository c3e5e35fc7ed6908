//! A request between its last byte and its reply.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedRwLockReadGuard;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::observe::{self, Audit};
use crate::request::{Refused, Request, Verb, Whom};
use crate::verdict::{Outage, Outcome};

/// When a request came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    /// From when on its deadline runs: no later than the moment at which the caller wrote it, as far
    /// as that can be known.
    pub(super) born: Instant,
    /// When its last byte was read.
    pub(super) read: Instant,
}

/// What is known of a request from its first moment on.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) verb: Verb,
    pub(super) whom: Whom,
    pub(super) timing: Timing,
}

/// A request that was read and is not answered yet. Dropping it abandons the work, unless that is a
/// password change: nobody could tell any more whether it was made.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) asked: Asked,
    /// How long it waited for its work to begin, as far as that is known.
    pub(super) queued: Duration,
    pub(super) work: Work,
    pub(super) is_told: bool,
    /// Held for as long as a password change goes on.
    pub(super) change: Option<OwnedRwLockReadGuard<()>>,
}

/// The work on a request.
#[derive(Debug)]
pub(super) enum Work {
    /// There is none, or no more.
    Done(Outcome),
    /// It goes on, and will also tell how long the request waited for it.
    Running(JoinHandle<(Outcome, Duration)>),
}

impl Pending {
    /// Whether it must be answered before work on `next` may begin: a password change, and the
    /// requests around it for the same account, mean what they say only one after the other.
    pub(super) fn must_precede(&self, next: &Result<Request, Refused>) -> bool {
        let (Work::Running(_), Ok(next)) = (&self.work, next) else { return false };
        (self.asked.verb == Verb::SetPass || next.verb() == Verb::SetPass)
            && self.asked.whom == Whom::Account(Arc::clone(next.account()))
    }

    /// What became of it. Cancel-safe.
    pub(super) async fn outcome(&mut self) -> Outcome {
        match &mut self.work {
            Work::Done(outcome) => outcome.clone(),
            Work::Running(task) => {
                let (outcome, queued) = result(task).await;
                self.queued = queued;
                self.work = Work::Done(outcome.clone());
                outcome
            }
        }
    }

    /// Logs that it was answered so.
    pub(super) fn tell(&mut self, outcome: &Outcome) {
        self.is_told = true;
        self.asked.audit(outcome, self.queued, true);
    }
}

impl Asked {
    /// Logs what became of it.
    pub(super) fn audit(&self, outcome: &Outcome, queued: Duration, is_told: bool) {
        observe::audit(&Audit {
            verb: self.verb,
            whom: &self.whom,
            outcome,
            is_told,
            took: self.timing.read.elapsed(),
            queued,
        });
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let is_change = self.asked.verb == Verb::SetPass;
        match mem::replace(&mut self.work, Work::Done(Outage::Internal.into())) {
            Work::Running(mut task) if is_change => {
                let (asked, change) = (self.asked.clone(), self.change.take());
                tokio::spawn(async move {
                    let (outcome, queued) = result(&mut task).await;
                    asked.audit(&outcome, queued, false);
                    drop(change);
                });
            }
            Work::Running(task) => task.abort(),
            Work::Done(outcome) if is_change && !self.is_told => {
                self.asked.audit(&outcome, self.queued, false);
            }
            Work::Done(_) => {}
        }
    }
}

/// What work came to, and how long it had waited; a panic in it is an outage of this request alone.
async fn result(work: &mut JoinHandle<(Outcome, Duration)>) -> (Outcome, Duration) {
    work.await.unwrap_or_else(|_| (Outage::Internal.into(), Duration::ZERO))
}
