//! What a server turned out not to take, which is remembered for all sessions with it.

use std::sync::{Mutex, PoisonError};

/// The page sizes that are tried, one after the other, while a server refuses them; then none.
const PAGE_SIZES: [u32; 3] = [500, 100, 10];

/// Whether a server takes binds with the control of the password policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum PolicyControl {
    /// Nobody knows.
    #[default]
    Untried,
    /// A session ended on the first bind with it. That can have other reasons.
    Suspected,
    /// It has answered a bind with it.
    Taken,
    /// It has not.
    Refused,
}

/// What is known about a server.
#[derive(Debug, Default)]
pub struct Peculiarities(Mutex<Known>);

#[derive(Clone, Copy, Debug, Default)]
struct Known {
    policy: PolicyControl,
    /// How many of [`PAGE_SIZES`] it refuses.
    pages_refused: usize,
}

impl Peculiarities {
    fn with<T>(&self, change: impl FnOnce(&mut Known) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn policy(&self) -> PolicyControl {
        self.with(|known| known.policy)
    }

    /// Once a server has taken the control, nothing says any more that it does not.
    pub(super) fn learn_policy(&self, policy: PolicyControl) {
        self.with(|known| {
            if known.policy != PolicyControl::Taken {
                known.policy = policy;
            }
        });
    }

    /// The page sizes that are left to be tried, and none at all.
    pub(super) fn page_sizes(&self) -> impl Iterator<Item = Option<u32>> + use<> {
        let refused = self.with(|known| known.pages_refused);
        PAGE_SIZES.into_iter().map(Some).chain([None]).skip(refused)
    }

    /// The server has answered a search with pages of this size, and none with larger ones.
    pub(super) fn learn_page_size(&self, size: Option<u32>) {
        let taken = PAGE_SIZES.iter().position(|known| Some(*known) == size);
        self.with(|known| known.pages_refused = taken.unwrap_or(PAGE_SIZES.len()));
    }
}
