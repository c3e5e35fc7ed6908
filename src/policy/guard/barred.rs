//! Why an attempt is not let through, and how whoever waits learns of the one that was.

use std::time::Duration;

use tokio::sync::watch;

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
}

/// An attempt that the directory is being asked about.
#[derive(Clone, Debug)]
pub struct InFlight(pub(super) watch::Receiver<Option<Outcome>>);

impl InFlight {
    /// The outcome, when it is known; nothing if whoever asked gave up.
    pub async fn ended(mut self) -> Option<Outcome> {
        self.0.wait_for(Option::is_some).await.ok()?.clone()
    }
}
