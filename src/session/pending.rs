//! A request between its last byte and its reply.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::jid::Account;
use crate::observe::{self, Audit};
use crate::request::{Refused, Request, Verb};
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

/// A request that was read and is not answered yet. Dropping it abandons the work.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) verb: Verb,
    pub(super) account: Option<Arc<Account>>,
    pub(super) timing: Timing,
    /// How long it waited for its work to begin, as far as that is known.
    pub(super) queued: Duration,
    pub(super) work: Work,
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
        (self.verb == Verb::SetPass || next.verb() == Verb::SetPass)
            && self.account.as_ref() == Some(next.account())
    }

    /// What became of it; a panic below is an outage of this request alone. Cancel-safe.
    pub(super) async fn outcome(&mut self) -> Outcome {
        let outcome = match &mut self.work {
            Work::Done(outcome) => return outcome.clone(),
            Work::Running(task) => match task.await {
                Ok((outcome, queued)) => {
                    self.queued = queued;
                    outcome
                }
                Err(_) => Outage::Internal.into(),
            },
        };
        self.work = Work::Done(outcome.clone());
        outcome
    }

    /// Logs that it was answered so.
    pub(super) fn audit(&self, outcome: &Outcome) {
        observe::audit(&Audit {
            verb: self.verb,
            account: self.account.as_deref(),
            outcome,
            took: self.timing.read.elapsed(),
            queued: self.queued,
        });
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Work::Running(task) = &self.work {
            task.abort();
        }
    }
}
