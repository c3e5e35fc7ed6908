//! A server that was sent binds and left them unanswered: it may judge them when it goes on, and as
//! long as it has answered nothing else it may not have gone on yet.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use tokio::time::Instant;

use crate::lock::locked;

/// What a server was sent is gone after this long, whatever became of it.
const SURELY_GONE: Duration = Duration::from_secs(24 * 3600);

/// What tells of one server when it goes on.
#[derive(Debug, Default)]
pub struct AnswerSignal {
    is_awaited: AtomicBool,
    awaiting: Mutex<Vec<Arc<OnceLock<Instant>>>>,
}

impl AnswerSignal {
    /// Whether anybody waits to be told that it has answered something.
    pub fn is_awaited(&self) -> bool {
        self.is_awaited.load(Ordering::Relaxed)
    }

    /// It has answered something, or nothing is to be expected of it any more.
    pub fn answered(&self, now: Instant) {
        self.is_awaited.store(false, Ordering::Relaxed);
        let mut awaiting = locked(&self.awaiting);
        for sign in awaiting.drain(..) {
            let _ = sign.set(now);
        }
    }

    /// A bind that it was sent is given up.
    pub(super) fn leave_unanswered(&self, due: Instant) -> UnansweredBind {
        let sign = Arc::default();
        let mut awaiting = locked(&self.awaiting);
        // Of those that are forgotten nobody wants to know.
        awaiting.retain(|sign| Arc::strong_count(sign) > 1);
        awaiting.push(Arc::clone(&sign));
        self.is_awaited.store(true, Ordering::Relaxed);
        UnansweredBind { due, sign }
    }
}

/// A bind that was not answered when that was due.
#[derive(Debug)]
pub(super) struct UnansweredBind {
    pub(super) due: Instant,
    sign: Arc<OnceLock<Instant>>,
}

impl UnansweredBind {
    /// Since when it is a failure of the past: it may be judged as late as now while the server has not
    /// gone on.
    pub(super) fn judged_at(&self, now: Instant) -> Instant {
        let latest = self.sign.get().copied().unwrap_or(now.min(self.due + SURELY_GONE));
        latest.max(self.due)
    }
}
