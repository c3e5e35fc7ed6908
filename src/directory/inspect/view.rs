//! A server as the service account sees it.

use std::sync::Arc;

use crate::deadline::Deadline;
use crate::directory::message::{Filter, Query, Scope};
use crate::directory::session::Session;
use crate::directory::session::error::SessionError;
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

/// A question that was not answered, which says nothing about what was asked for. A server that does not
/// answer one is asked no more.
#[derive(Debug, thiserror::Error)]
#[error("{about}: {error}; what else there is was not asked")]
pub(super) struct UnansweredSearch {
    /// The entry that was asked for, or the base of a search.
    about: String,
    error: SessionError,
}

impl View {
    /// What a search comes to.
    pub(super) async fn search(&self, query: &Query<'_>) -> Result<Found, UnansweredSearch> {
        let found = self.by.bound(self.session.search(query, self.by.remaining())).await;
        let found = found.unwrap_or(Err(SessionError::Silent));
        found.map_err(|error| UnansweredSearch { about: query.base.to_owned(), error })
    }

    /// Whether there is such an entry below a base.
    pub(super) async fn has_below(
        &self,
        base: &str,
        filter: &Filter,
    ) -> Result<bool, UnansweredSearch> {
        let query = Query { scope: Scope::Subtree, filter, ..Query::entry(base, &[]) };
        Ok(!self.search(&query).await?.entries.is_empty())
    }
}
