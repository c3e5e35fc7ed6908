//! What the guard keeps to.

use std::num::NonZeroUsize;
use std::time::Duration;

/// No budget's time is longer.
pub const LONGEST_WITHIN: Duration = Duration::from_secs(365 * 86_400);

/// How many failures there may be in which time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// So many,
    pub failures: u32,
    /// in any time as long as this.
    pub within: Duration,
}

/// What the guard keeps to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuardSettings {
    /// The budget of an account.
    pub account: Budget,
    /// What is more than usual in a domain.
    pub domain: Budget,
    /// For how long a wrong password is refused without asking, which is never shorter than the time
    /// of the account's budget.
    pub remember_wrong: Duration,
    /// Of how many accounts the right password is remembered.
    pub accounts: NonZeroUsize,
}
