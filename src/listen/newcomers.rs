//! Connections whose client has not shown yet that it may ask. When there is no room, whoever has tried
//! for the longest time leaves, so that strangers cannot keep every place.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use crate::lock::locked;

/// Those of one listener, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Newcomers(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    came: u64,
    leave: BTreeMap<u64, Arc<Notify>>,
}

/// One of them, until its client is admitted or it ends.
#[derive(Debug)]
pub(super) struct Newcomer {
    number: u64,
    leave: Arc<Notify>,
    waiting: Arc<Mutex<Waiting>>,
}

impl Newcomers {
    /// A connection whose client is not known yet.
    pub(super) fn comes(&self) -> Newcomer {
        let leave = Arc::new(Notify::new());
        let mut waiting = locked(&self.0);
        waiting.came += 1;
        let number = waiting.came;
        waiting.leave.insert(number, Arc::clone(&leave));
        Newcomer { number, leave, waiting: Arc::clone(&self.0) }
    }

    /// Lets the first of them leave, if there is any.
    pub(super) fn make_room(&self) {
        if let Some((_, leave)) = locked(&self.0).leave.pop_first() {
            leave.notify_one();
        }
    }
}

impl Newcomer {
    /// Its client may ask, and keeps its place; false if it has to leave.
    pub(super) fn admit(&self) -> bool {
        locked(&self.waiting).leave.remove(&self.number).is_some()
    }

    /// Ends when it has to leave.
    pub(super) async fn has_to_leave(&self) {
        self.leave.notified().await;
    }
}

impl Drop for Newcomer {
    fn drop(&mut self) {
        self.admit();
    }
}
