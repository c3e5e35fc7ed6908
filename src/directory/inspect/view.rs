//! A server as the service account sees it.

use std::sync::Arc;

use crate::deadline::Deadline;
use crate::directory::message::{Filter, Query, Scope};
use crate::directory::session::Session;
use crate::directory::session::multiplexer::Found;
use crate::directory::session::root_dse::RootDse;

/// A session of the service account, and what the server says about itself.
#[derive(Debug)]
pub(super) struct View {
    pub(super) session: Session,
    pub(super) root_dse: Arc<RootDse>,
    /// When all questions must be answered.
    pub(super) by: Deadline,
}

impl View {
    /// What a search comes to, if it is answered.
    pub(super) async fn search(&self, query: &Query<'_>) -> Option<Found> {
        self.by.bound(self.session.search(query, self.by.remaining())).await.ok()?.ok()
    }

    /// Whether there is such an entry below a base.
    pub(super) async fn has_below(&self, base: &str, filter: &Filter) -> bool {
        let query = Query { scope: Scope::Subtree, filter, ..Query::entry(base, &[]) };
        self.search(&query).await.is_some_and(|found| !found.entries.is_empty())
    }
}
