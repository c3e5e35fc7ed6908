//! Searching as the service account, on sessions that may have died since they were last used.

use std::sync::Arc;

use tokio::time::Instant;

use crate::deadline::Deadline;
use crate::directory::locate::trial::{Trial, Work};
use crate::directory::message::entry::Entry;
use crate::directory::message::{Answer, Query, SampleQuery};
use crate::directory::pool::attempts::{AttemptError, Attempts, End};
use crate::directory::pool::identity::Identity;
use crate::directory::pool::service::{ServicePool, Share};
use crate::directory::session::Session;
use crate::directory::session::error::SessionError;
use crate::directory::session::multiplexer::Found;
use crate::directory::session::root_dse::{self, RootDse};
use crate::observe::step;
use crate::result_code;
use crate::verdict::{Outage, Outcome, Verdict};

/// What a search found, and where.
#[derive(Debug)]
pub struct Reply {
    /// The entries.
    pub entries: Vec<Entry>,
    /// The other servers that the server referred to.
    pub references: Vec<String>,
    /// The result code: 0, or one that the caller said it understands.
    pub code: u32,
    /// The server that answered.
    pub server: Arc<str>,
}

/// Searches, each by the request's deadline, on a shared service session.
#[derive(Debug)]
pub struct Searcher {
    /// The service sessions.
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
        let servers = &self.pool.connector().servers;
        let mut attempts = Attempts::of_search(servers, by);
        let mut failed_at = Vec::new();
        loop {
            match self.try_search(query, understood, &attempts, by, &mut failed_at).await {
                Ok(reply) => {
                    // What another server can do is no fault of the question.
                    for server in failed_at.iter().filter(|server| **server != reply.server) {
                        let sample = Arc::new(SampleQuery::of(query));
                        servers.health.doubt(server, Trial::Search(sample));
                    }
                    return Ok(reply);
                }
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
        failed_at: &mut Vec<Arc<str>>,
    ) -> Result<Reply, AttemptError> {
        let share = self.pool.share(attempts.avoided(), by).await.map_err(AttemptError::Final)?;
        let Share { session, is_reused } = &share;
        let server = &session.server;
        let done = attempts
            .patience(server, *is_reused)
            .bound(look_up(session, query, by))
            .await
            .unwrap_or(Err(SessionError::Silent));
        let trial = || Trial::Search(Arc::new(SampleQuery::of_entry(query.base)));
        let failed = match done {
            Ok(found) if found.has_nameless => {
                let outcome = Outcome::from(Outage::BadReply).from_server(server);
                let outcome = outcome.with_detail("an entry was found whose DN is not UTF-8");
                let code = found.answer.code;
                let end = End::Answered { code, outcome, is_judged: true };
                attempts.ended(server, Work::Search, trial, end)
            }
            Ok(Found { entries, answer, references, .. })
                if answer.code == result_code::SUCCESS || understood.contains(&answer.code) =>
            {
                attempts.answered(server, Work::Search);
                let server = Arc::clone(server);
                return Ok(Reply { entries, references, code: answer.code, server });
            }
            Ok(Found { answer, .. }) if *is_reused && has_lost_its_bind(&answer) => {
                AttemptError::Retryable(refusal(&answer, server))
            }
            Ok(Found { answer, .. }) => {
                let mut outcome = refusal(&answer, server);
                if has_lost_its_bind(&answer) && matches!(self.pool.identity(), Identity::Anonymous)
                {
                    outcome.verdict = Verdict::Unavailable(Outage::Unanswerable);
                }
                let is_judged = !result_code::judges_nobody(answer.code)
                    && answer.code != result_code::UNWILLING_TO_PERFORM;
                if !is_judged {
                    failed_at.push(Arc::clone(server));
                }
                let end = End::Answered { code: answer.code, outcome, is_judged };
                attempts.ended(server, Work::Search, trial, end)
            }
            Err(error) => {
                let end = End::Broken { error: &error, is_reused: *is_reused };
                if matches!(error, SessionError::Silent | SessionError::Malformed(_)) {
                    failed_at.push(Arc::clone(server));
                }
                attempts.ended(server, Work::Search, trial, end)
            }
        };
        if !matches!(failed, AttemptError::Final(_) | AttemptError::Unjudged(..)) {
            self.pool.retire(server).await;
        }
        Err(failed)
    }

    /// What the server says about itself; `None` if it does not say so to the service account.
    pub async fn root_dse(&self, by: Deadline) -> Result<Option<Arc<RootDse>>, Outcome> {
        let mut attempts = Attempts::of_search(&self.pool.connector().servers, by);
        loop {
            let Share { session, is_reused } = self.pool.share(attempts.avoided(), by).await?;
            let server = &session.server;
            let read = session.root_dse(by.remaining());
            let done = attempts.patience(server, is_reused).bound(read).await;
            let failed = match done.unwrap_or(Err(SessionError::Silent)) {
                Ok(Err(answer)) if !root_dse::is_hidden(answer.code) => {
                    let outcome = root_dse::unread(&answer, server);
                    let end = End::Answered { code: answer.code, outcome, is_judged: false };
                    attempts.ended(server, Work::Answer, || Trial::Answer, end)
                }
                Ok(read) => {
                    attempts.answered(server, Work::Answer);
                    return Ok(read.ok());
                }
                Err(error) => {
                    let end = End::Broken { error: &error, is_reused };
                    attempts.ended(server, Work::Answer, || Trial::Answer, end)
                }
            };
            if !matches!(failed, AttemptError::Final(_) | AttemptError::Unjudged(..)) {
                self.pool.retire(server).await;
            }
            attempts.another(failed).await?;
        }
    }
}

fn refusal(answer: &Answer, server: &Arc<str>) -> Outcome {
    let referrals = answer.referrals.join(", ");
    let words = [&answer.text, &referrals].map(|words| words.trim_matches('\0'));
    Outcome::from(Outage::of_search(answer.code))
        .from_server(server)
        .with_detail(format!("the search was refused: {}", words.join(" ")).trim())
        .ended_by("search", answer.code)
}

/// Whether a server says that nobody is bound on the session: what domain controllers say of an
/// anonymous one, and proxies and servers of one that has lost its bind.
pub(in crate::directory) fn has_lost_its_bind(answer: &Answer) -> bool {
    let signs = ["000004DC", "without authentication", "successful bind must be completed"];
    answer.code == result_code::OPERATIONS_ERROR
        && signs.iter().any(|sign| answer.text.contains(sign))
}

async fn look_up(
    session: &Session,
    query: &Query<'_>,
    by: Deadline,
) -> Result<Found, SessionError> {
    let started = Instant::now();
    let mut found = if query.at_most == 0 {
        session.search_all(query, by.remaining()).await
    } else {
        session.search(query, by.remaining()).await
    };
    if let Ok(Found { entries, answer, .. }) = &mut found {
        for entry in entries {
            if let Some(refusal) = complete(entry, session, by).await? {
                *answer = refusal;
            }
        }
    }
    let result = match &found {
        Ok(found) => {
            format!("{} entries, result code {}", found.entries.len(), found.answer.code)
        }
        Err(error) => error.to_string(),
    };
    step("search", &session.server, started, &result);
    found
}

/// Reads the rest of attributes of which the server sends only so many values at once; its answer,
/// if it refuses.
async fn complete(
    entry: &mut Entry,
    session: &Session,
    by: Deadline,
) -> Result<Option<Answer>, SessionError> {
    let mut last = None;
    while let Some(part) = entry.gather_range() {
        if last.as_ref() == Some(&part) {
            return Err(SessionError::Malformed("the same part of an attribute twice"));
        }
        let (attribute, from) = &part;
        let rest = format!("{attribute};range={from}-*");
        let dn = entry.dn.clone();
        let found = session.search(&Query::entry(&dn, &[&rest]), by.remaining()).await?;
        if found.answer.code != result_code::SUCCESS || found.entries.is_empty() {
            return Ok(Some(found.answer));
        }
        found.entries.into_iter().for_each(|more| entry.merge(more));
        last = Some(part);
    }
    Ok(None)
}
