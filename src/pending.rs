//! A request between its last byte and its reply: work on it may panic, is bounded, and ends in one
//! audit event.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedRwLockReadGuard, RwLock, oneshot};
use tokio::time::Instant;

use crate::answer::Answer;
use crate::background::Background;
use crate::deadline::Deadline;
use crate::observe::metrics::RequestMetrics;
use crate::observe::{self, Audit};
use crate::request::{Refused, Request, Verb, Whom};
use crate::verdict::{Outage, Outcome};

/// Begins the work on the requests of one front end.
#[derive(Debug)]
pub struct Dispatcher<A> {
    answerer: Arc<A>,
    /// Where they come from, in a daemon.
    source: Option<RequestSource>,
    /// Each password change that goes on holds it for reading.
    changes: Arc<RwLock<()>>,
    background: Background,
}

/// Where the requests of a daemon come from.
#[derive(Clone, Debug)]
struct RequestSource {
    /// The name of the listener.
    listener: Arc<str>,
    /// Where they are counted.
    metrics: RequestMetrics,
}

/// When a request came.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// From when on its deadline runs: no later than the moment at which the caller wrote it, as far
    /// as that can be known.
    pub born: Instant,
    /// When its last byte was read.
    pub read: Instant,
}

/// What is known of a request from its first moment on.
#[derive(Clone, Debug)]
struct Asked {
    verb: Verb,
    whom: Whom,
    timing: Timing,
    source: Option<RequestSource>,
}

/// A request that was read and is not answered yet. Dropping it ends no work: what was sent to a
/// directory counts there, so its answer counts here, and has its line in the log.
#[derive(Debug)]
pub struct Pending {
    asked: Asked,
    /// How long it waited for its work to begin, as far as that is known.
    queued: Duration,
    work: WorkState,
    is_logged: bool,
    /// Held for as long as a password change goes on.
    change: Option<OwnedRwLockReadGuard<()>>,
}

/// The work on a request.
#[derive(Debug)]
enum WorkState {
    /// There is none, or no more.
    Done(Outcome),
    /// It goes on, and will also tell how long the request waited for it.
    Running(oneshot::Receiver<(Outcome, Duration)>),
}

impl<A: Answer> Dispatcher<A> {
    /// For requests that `answerer` is asked.
    pub fn new(answerer: Arc<A>) -> Self {
        Self { answerer, source: None, changes: Arc::default(), background: Background::default() }
    }

    /// For requests that `answerer` is asked through a listener of this name, counted in `metrics`.
    pub fn through(listener: Arc<str>, answerer: Arc<A>, metrics: RequestMetrics) -> Self {
        Self { source: Some(RequestSource { listener, metrics }), ..Self::new(answerer) }
    }

    /// Starts work on a request, which ends at the deadline; none if that has passed.
    pub fn begin(
        &self,
        request: Result<Request, Refused>,
        timing: Timing,
        by: Deadline,
    ) -> Pending {
        let request = match request {
            Ok(request) => request,
            Err(Refused { verb, whom, denial }) => {
                return self.settled(verb, whom, timing, denial.into());
            }
        };
        let (verb, whom) = (request.verb(), Whom::Account(Arc::clone(request.account())));
        if by.remaining().is_zero() {
            return self.settled(verb, whom, timing, Outage::DeadlinePassed.into());
        }
        let answerer = Arc::clone(&self.answerer);
        let work = self.background.begin(async move {
            let queued = timing.read.elapsed();
            let answer = by.bound(answerer.answer(&request, by)).await;
            (answer.unwrap_or_else(Outcome::from), queued)
        });
        let change = match verb {
            Verb::SetPass => Arc::clone(&self.changes).try_read_owned().ok(),
            Verb::Auth | Verb::IsUser | Verb::Other => None,
        };
        let mut pending = self.settled(verb, whom, timing, Outage::Internal.into());
        (pending.work, pending.change) = (WorkState::Running(work), change);
        pending
    }

    /// A request that is decided on already.
    pub fn settled(&self, verb: Verb, whom: Whom, timing: Timing, outcome: Outcome) -> Pending {
        let asked = Asked { verb, whom, timing, source: self.source.clone() };
        Pending {
            asked,
            queued: Duration::ZERO,
            work: WorkState::Done(outcome),
            is_logged: false,
            change: None,
        }
    }

    /// Waits for the password changes that nobody waits for any more, each until its deadline.
    pub async fn settle(&self) {
        drop(self.changes.write().await);
    }
}

impl Pending {
    /// What is asked.
    pub fn verb(&self) -> Verb {
        self.asked.verb
    }

    /// When it came.
    pub fn timing(&self) -> Timing {
        self.asked.timing
    }

    /// What became of it. Cancel-safe.
    pub async fn outcome(&mut self) -> Outcome {
        match &mut self.work {
            WorkState::Done(outcome) => outcome.clone(),
            WorkState::Running(task) => {
                let (outcome, queued) = result(task).await;
                self.queued = queued;
                self.work = WorkState::Done(outcome.clone());
                outcome
            }
        }
    }

    /// Logs that it was answered so.
    pub fn tell(&mut self, outcome: &Outcome) {
        self.is_logged = true;
        self.asked.audit(outcome, self.queued, true);
    }

    /// Logs what became of it, which the caller cannot be told.
    pub fn keep(&mut self, outcome: &Outcome) {
        self.is_logged = true;
        self.asked.audit(outcome, self.queued, false);
    }
}

impl Asked {
    /// Logs and counts what became of it.
    fn audit(&self, outcome: &Outcome, queued: Duration, is_told: bool) {
        let audit = Audit {
            verb: self.verb,
            whom: &self.whom,
            listener: self.source.as_ref().map(|source| &*source.listener),
            outcome,
            is_told,
            took: self.timing.read.elapsed(),
            queued,
        };
        observe::audit(&audit);
        if let Some(source) = &self.source {
            source.metrics.record(&audit);
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        match mem::replace(&mut self.work, WorkState::Done(Outage::Internal.into())) {
            WorkState::Running(mut task) => {
                let (asked, change) = (self.asked.clone(), self.change.take());
                tokio::spawn(async move {
                    let (outcome, queued) = result(&mut task).await;
                    asked.audit(&outcome, queued, false);
                    drop(change);
                });
            }
            WorkState::Done(outcome) if !self.is_logged => {
                self.asked.audit(&outcome, self.queued, false);
            }
            WorkState::Done(_) => {}
        }
    }
}

/// What work came to, and how long it had waited; a panic in it is an outage of this request alone.
async fn result(work: &mut oneshot::Receiver<(Outcome, Duration)>) -> (Outcome, Duration) {
    work.await.unwrap_or_else(|_| (Outage::Internal.into(), Duration::ZERO))
}
