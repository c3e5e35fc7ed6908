//! Searching as the service account, on connections that may have died since they were last used.

use std::sync::Arc;

use tokio::time::Instant;

use crate::deadline::Deadline;
use crate::directory::message::Query;
use crate::directory::message::entry::Entry;
use crate::directory::pool::attempts::{AttemptError, Attempts};
use crate::directory::pool::service::ServicePool;
use crate::directory::session::Session;
use crate::directory::session::multiplexer::{Found, Lost};
use crate::directory::session::root_dse::RootDse;
use crate::observe::step;
use crate::result_code;
use crate::verdict::{Outage, Outcome};

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

/// Searches, each by the request's deadline, on a shared service connection.
#[derive(Debug)]
pub struct Searcher {
    /// The service connections.
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
        let mut attempts = Attempts::new(&self.pool.connector().servers, by);
        loop {
            match self.try_search(query, understood, &attempts, by).await {
                Ok(reply) => return Ok(reply),
                Err(failed) => attempts.another(failed).await?,
            }
        }
    }

    async fn try_search(
        &self,
        query: &Query<'_>,
        understood: &[u32],
        attempts: &Attempts<'_>,
        by: Deadline,
    ) -> Result<Reply, AttemptError> {
        let share = self.pool.share(by).await.map_err(AttemptError::Final)?;
        let server = &share.connection.server;
        let done = attempts
            .patience(server, share.reused)
            .bound(look_up(&share.connection, query, by))
            .await
            .unwrap_or(Err(Lost::Silent));
        let Found { entries, answer } = match done {
            Ok(found) => found,
            Err(lost) => {
                self.pool.retire(server).await;
                return Err(attempts.lost(server, share.reused, &lost));
            }
        };
        if answer.code == result_code::SUCCESS || understood.contains(&answer.code) {
            attempts.answered(server);
            return Ok(Reply { entries, code: answer.code, server: Arc::clone(server) });
        }
        let outcome = Outcome::from(Outage::of_search(answer.code))
            .from_server(server)
            .with_detail(&answer.text);
        let failed = attempts.refused(server, answer.code, outcome);
        if matches!(failed, AttemptError::Retryable(_)) {
            self.pool.retire(server).await;
        }
        Err(failed)
    }

    /// What the server says about itself.
    pub async fn root_dse(&self, by: Deadline) -> Result<Arc<RootDse>, Outcome> {
        let mut attempts = Attempts::new(&self.pool.connector().servers, by);
        loop {
            let share = self.pool.share(by).await?;
            let server = &share.connection.server;
            let read = share.connection.root_dse(by.remaining());
            let done = attempts.patience(server, share.reused).bound(read).await;
            let lost = match done.unwrap_or(Err(Lost::Silent)) {
                Ok(root_dse) => {
                    attempts.answered(server);
                    return Ok(root_dse);
                }
                Err(lost) => lost,
            };
            self.pool.retire(server).await;
            attempts.another(attempts.lost(server, share.reused, &lost)).await?;
        }
    }
}

async fn look_up(connection: &Session, query: &Query<'_>, by: Deadline) -> Result<Found, Lost> {
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
