//! Searching as the service account, on a connection that may have died since it was last used.

use std::sync::Arc;

use tokio::time::Instant;
use tokio::time::error::Elapsed;

use super::connection::{Connection, Found, Lost, Query};
use super::diagnosis;
use super::entry::Entry;
use super::pool::{ServicePool, Share, lost_connection};
use super::root_dse::RootDse;
use crate::deadline::Deadline;
use crate::observe::step;
use crate::verdict::Outcome;

/// What a search found, and where.
#[derive(Debug)]
pub struct Reply {
    /// The entries.
    pub entries: Vec<Entry>,
    /// The result code: 0, or one that the caller said it understands.
    pub code: u32,
    /// The server that answered.
    pub server: Arc<str>,
}

/// Searches, each by the request's deadline, on the shared service connection.
#[derive(Debug)]
pub struct Searcher {
    /// The service connection.
    pub pool: ServicePool,
}

impl Searcher {
    /// The entries that a query finds. Any result code but success is an outage, unless it is among
    /// `understood`.
    pub async fn search(
        &self,
        query: &Query<'_>,
        understood: &[u32],
        by: Deadline,
    ) -> Result<Reply, Outcome> {
        let mut last = false;
        let (connection, found) = loop {
            let share = self.pool.share().await?;
            let done = share.patience(by).bound(look_up(&share.connection, query, by)).await;
            match self.settle(&share, done, last).await? {
                Some(found) => break (share.connection, found),
                None => last = true,
            }
        };
        let Found { entries, answer } = found;
        if answer.code != 0 && !understood.contains(&answer.code) {
            return Err(Outcome::from(diagnosis::of_search(answer.code))
                .from_server(&connection.server)
                .with_detail(&answer.text));
        }
        Ok(Reply { entries, code: answer.code, server: Arc::clone(&connection.server) })
    }

    /// What the server says about itself.
    pub async fn root_dse(&self, by: Deadline) -> Result<Arc<RootDse>, Outcome> {
        let mut last = false;
        loop {
            let share = self.pool.share().await?;
            let read = share.connection.root_dse(by.remaining());
            let done = share.patience(by).bound(read).await;
            match self.settle(&share, done, last).await? {
                Some(root_dse) => return Ok(root_dse),
                None => last = true,
            }
        }
    }

    /// What was done; `None` if the connection had died since it was last used and the work may be
    /// repeated.
    async fn settle<T>(
        &self,
        share: &Share,
        done: Result<Result<T, Lost>, Elapsed>,
        last: bool,
    ) -> Result<Option<T>, Outcome> {
        match done.unwrap_or_else(|_| Err(Lost::silent())) {
            Ok(done) => Ok(Some(done)),
            Err(lost) => {
                self.pool.retire(&share.connection).await;
                if last || !share.reused {
                    return Err(lost_connection(&share.connection, &lost));
                }
                Ok(None)
            }
        }
    }
}

async fn look_up(connection: &Connection, query: &Query<'_>, by: Deadline) -> Result<Found, Lost> {
    let started = Instant::now();
    let found = if query.at_most == 0 {
        connection.search_all(query, by.remaining()).await
    } else {
        connection.search(query, by.remaining()).await
    };
    let result = match &found {
        Ok(found) => {
            format!("{} entries, result code {}", found.entries.len(), found.answer.code)
        }
        Err(lost) => lost.to_string(),
    };
    step("search", &connection.server, started, &result);
    found
}
