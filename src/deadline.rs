//! The moment by which a request must be answered, passed down by value.
//!
//! There is one per request. Everything below spends from it: queueing, connecting, TLS and every
//! LDAP operation. A step that has a shorter limit of its own, to leave time for its alternative,
//! still ends by it.

use std::future::Future;
use std::time::Duration;

use tokio::time::error::Elapsed;
use tokio::time::{Instant, Timeout, timeout_at};

use crate::verdict::{Outage, Outcome};

/// A point in time that work must not outlive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// The deadline `within` after `born`.
    pub fn after(born: Instant, within: Duration) -> Self {
        Self(born + within)
    }

    /// The moment itself.
    pub fn instant(self) -> Instant {
        self.0
    }

    /// The time that is left; zero when none is.
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// The earlier of this deadline and the moment `limit` from now: for a step that must leave
    /// time for its alternative.
    pub fn or_within(self, limit: Duration) -> Self {
        self.min(Self(Instant::now() + limit))
    }

    /// `work`, dropped at the deadline; its result, or [`Elapsed`], which is an
    /// [`Outage::DeadlinePassed`].
    pub fn bound<F: Future>(self, work: F) -> Timeout<F> {
        timeout_at(self.0, work)
    }
}

impl From<Elapsed> for Outage {
    fn from(_: Elapsed) -> Self {
        Self::DeadlinePassed
    }
}

impl From<Elapsed> for Outcome {
    fn from(elapsed: Elapsed) -> Self {
        Outage::from(elapsed).into()
    }
}
