//! What keeps an account from signing in.

use std::fmt;

use crate::verdict::Denial;

/// Something in an entry that keeps its account from signing in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateFault {
    /// As what it is refused.
    pub denial: Denial,
    /// What the entry says.
    pub text: String,
    /// Whether the entry alone is enough to be sure; else it depends on a policy that cannot be
    /// seen from here.
    pub is_certain: bool,
}

impl StateFault {
    pub(super) fn certain(denial: Denial, text: impl Into<String>) -> Self {
        Self { denial, text: text.into(), is_certain: true }
    }

    pub(super) fn possible(denial: Denial, text: impl Into<String>) -> Self {
        Self { denial, text: text.into(), is_certain: false }
    }

    /// Whether it is about the account, and not just about its password or the time of day.
    pub fn makes_inactive(&self) -> bool {
        self.is_certain
            && matches!(
                self.denial,
                Denial::AccountDisabled | Denial::AccountExpired | Denial::AccountLocked
            )
    }
}

impl fmt::Display for StateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
