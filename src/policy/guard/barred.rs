//! Why an attempt is not let through, and how whoever waits learns of the one that was.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::verdict::Outcome;

/// Why the directory is not asked about an attempt now.
#[derive(Debug)]
pub enum Barred {
    /// It is being asked the same.
    Share(InFlight),
    /// It is being asked about so many passwords of this account that no other may be wrong as well;
    /// to be decided again when this has come to an end.
    Wait(InFlight),
    /// It is not asked.
    Deny(Hold),
}

/// Why the directory is not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// It refused the same password before.
    SameAgain {
        /// How long ago.
        ago: Duration,
    },
    /// There were so many wrong passwords that no other one may reach it.
    Spent {
        /// For how long.
        left: Duration,
    },
    /// It has left this password unanswered, and has not answered anybody for its domain since: one more
    /// would use up the account's last one.
    Unanswered {
        /// For how long, if it answers nobody.
        left: Duration,
    },
    /// So many attempts of this account wait for others to come to an end that one more would only keep
    /// other accounts from being answered.
    Crowded,
}

/// An attempt that the directory is being asked about, and the place of somebody who waits for it.
#[derive(Debug)]
pub struct InFlight {
    pub(super) outcome: watch::Receiver<Option<Outcome>>,
    pub(super) _place: Arc<()>,
    pub(super) asks_again_at: Option<Instant>,
}

impl InFlight {
    /// When it is to be decided again whether one more may wait, if it has not ended before.
    pub fn asks_again_at(&self) -> Option<Instant> {
        self.asks_again_at
    }

    /// The outcome, when the attempt has ended; nothing if whoever asked gave up.
    pub async fn ended(mut self) -> Option<Outcome> {
        while self.outcome.changed().await.is_ok() {}
        self.outcome.borrow().clone()
    }
}
