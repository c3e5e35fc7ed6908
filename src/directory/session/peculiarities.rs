//! What a server turned out not to take, which is remembered for all sessions with it, for a while.
//!
//! A server that is left without an extension for nothing tells less than it could, and a connection
//! that ends can have many reasons, so only an answer is evidence, and what was learnt is doubted again.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::lock::locked;

/// The page sizes that are tried, one after the other, while a server refuses them; then none.
const PAGE_SIZES: [u32; 3] = [500, 100, 10];

/// That a server refuses something is found out anew after this long: it may have been replaced, or
/// have had another reason.
const DOUBTED_AFTER: Duration = Duration::from_secs(600);

/// Whether a server takes binds with the control of the password policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum PolicyControl {
    /// Nobody knows, and it is asked for with the next bind.
    #[default]
    Untried,
    /// A session ended on a bind with it. That can have other reasons, which are to be found out
    /// without a password.
    Suspected,
    /// It has answered a bind with it.
    Taken,
    /// It has not, and has answered one without.
    Refused {
        /// When that was found.
        at: Instant,
    },
}

/// What is known about a server.
#[derive(Debug, Default)]
pub struct Peculiarities(Mutex<Learned>);

#[derive(Clone, Copy, Debug, Default)]
struct Learned {
    policy: PolicyControl,
    /// How many of [`PAGE_SIZES`] it refuses, and when that was found.
    pages_refused: Option<(usize, Instant)>,
}

impl Peculiarities {
    fn with<T>(&self, change: impl FnOnce(&mut Learned) -> T) -> T {
        change(&mut locked(&self.0))
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

    /// Whether binds as nobody were answered, as far as that was found: with the control, and any at
    /// all.
    pub(in crate::directory) fn found_policy(&self, answered: Option<(bool, bool)>) {
        self.learn_policy(match answered {
            Some((true, _)) => PolicyControl::Taken,
            Some((false, true)) => PolicyControl::Refused { at: Instant::now() },
            Some((false, false)) | None => PolicyControl::Untried,
        });
    }

    /// Whether it is to be found out, before a password is sent, if the server takes the control.
    pub(in crate::directory) fn is_policy_in_doubt(&self) -> bool {
        match self.policy() {
            PolicyControl::Suspected => true,
            PolicyControl::Refused { at } => at.elapsed() >= DOUBTED_AFTER,
            PolicyControl::Untried | PolicyControl::Taken => false,
        }
    }

    /// The page sizes that are left to be tried, and none at all.
    pub(super) fn page_sizes(&self) -> impl Iterator<Item = Option<u32>> + use<> {
        let known = self.with(|known| known.pages_refused);
        let known = known.filter(|(_, at)| at.elapsed() < DOUBTED_AFTER);
        let refused = known.map_or(0, |(refused, _)| refused);
        PAGE_SIZES.into_iter().map(Some).chain([None]).skip(refused)
    }

    /// The server has answered a search with pages of this size, and none with larger ones.
    pub(super) fn learn_page_size(&self, size: Option<u32>) {
        let taken = PAGE_SIZES.iter().position(|known| Some(*known) == size);
        let refused = taken.unwrap_or(PAGE_SIZES.len());
        self.with(|known| known.pages_refused = Some((refused, Instant::now())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_a_server_refused_is_found_out_anew_after_a_while() {
        let known = Peculiarities::default();
        known.learn_policy(PolicyControl::Refused { at: Instant::now() });
        known.learn_page_size(None);
        assert!(!known.is_policy_in_doubt());
        assert_eq!(known.page_sizes().collect::<Vec<_>>(), [None]);
        tokio::time::sleep(DOUBTED_AFTER).await;
        assert!(known.is_policy_in_doubt());
        assert_eq!(known.page_sizes().next(), Some(Some(500)));
        known.learn_policy(PolicyControl::Taken);
        known.learn_policy(PolicyControl::Suspected);
        assert!(!known.is_policy_in_doubt());
    }
}
