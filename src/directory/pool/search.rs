//! Searching as the service account, on sessions that may have died since they were last used.

use std::sync::Arc;

use crate::deadline::Deadline;
use crate::directory::diagnosis::{Judged, Judgement, has_lost_its_bind, of_root_dse, of_search};
use crate::directory::locate::trial::Work;
use crate::directory::message::entry::Entry;
use crate::directory::message::{LdapResult, Query};
use crate::directory::pool::attempts::{Attempt, AttemptContext, Attempts};
use crate::directory::pool::identity::Identity;
use crate::directory::pool::service::{ServicePool, Share};
use crate::directory::session::Session;
use crate::directory::session::error::SessionError;
use crate::directory::session::multiplexer::Found;
use crate::directory::session::root_dse::RootDse;
use crate::observe::StepUnderWay;
use crate::result_code;
use crate::verdict::{Outage, Outcome};

/// What a search found, and where.
#[derive(Debug)]
pub struct SearchResult {
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
    ) -> Result<SearchResult, Outcome> {
        Attempts::new(&self.pool.connector.servers, Work::Search(query), by)
            .run(|context| self.try_search(query, understood, context, by))
            .await
    }

    async fn try_search(
        &self,
        query: &Query<'_>,
        understood: &[u32],
        context: AttemptContext<'_>,
        by: Deadline,
    ) -> Attempt<SearchResult> {
        let Share { session, is_reused } = match self.pool.share(&context.avoided, by).await {
            Ok(share) => share,
            Err(outcome) => return Attempt::Over(outcome),
        };
        let server = &session.server;
        let searched = context.patience(server, is_reused).bound(look_up(&session, query, by));
        let attempt = match searched.await.unwrap_or(Err(SessionError::Silent)) {
            Ok(found) if found.has_nameless => {
                let outcome = Outcome::from(Outage::UnreadableEntry)
                    .from_server(server)
                    .with_detail("an entry was found whose DN is not UTF-8");
                let (server, judged) = (Arc::clone(server), Judged::Everywhere);
                Attempt::Answered { server, judged, outcome }
            }
            Ok(Found { entries, answer, references, .. })
                if answer.code == result_code::SUCCESS || understood.contains(&answer.code) =>
            {
                let (code, found_at) = (answer.code, Arc::clone(server));
                Attempt::done(server, SearchResult { entries, references, code, server: found_at })
            }
            Ok(Found { answer, .. }) => {
                let is_anonymous = matches!(self.pool.account.identity, Identity::Anonymous);
                let judgement = of_search(&answer, is_anonymous);
                if is_reused && has_lost_its_bind(&answer) {
                    Attempt::Stale(judgement.outcome(server))
                } else {
                    Attempt::answered(server, judgement)
                }
            }
            Err(error) => Attempt::Broken { server: Arc::clone(server), error, is_reused },
        };
        self.retire_spoilt(server, attempt)
    }

    /// What the server says about itself; `None` if it does not say so to the service account.
    pub async fn root_dse(&self, by: Deadline) -> Result<Option<Arc<RootDse>>, Outcome> {
        Attempts::new(&self.pool.connector.servers, Work::Answer, by)
            .run(|context| self.try_root_dse(context, by))
            .await
    }

    async fn try_root_dse(
        &self,
        context: AttemptContext<'_>,
        by: Deadline,
    ) -> Attempt<Option<Arc<RootDse>>> {
        let Share { session, is_reused } = match self.pool.share(&context.avoided, by).await {
            Ok(share) => share,
            Err(outcome) => return Attempt::Over(outcome),
        };
        let server = &session.server;
        let read = context.patience(server, is_reused).bound(session.root_dse(by.remaining()));
        let attempt = match read.await.unwrap_or(Err(SessionError::Silent)) {
            Ok(Ok(root_dse)) => Attempt::done(server, Some(root_dse)),
            Ok(Err(answer)) => match of_root_dse(&answer) {
                // It is there, and hidden.
                Judgement { judged: Judged::Everywhere, .. } => Attempt::done(server, None),
                judgement => Attempt::answered(server, judgement),
            },
            Err(error) => Attempt::Broken { server: Arc::clone(server), error, is_reused },
        };
        self.retire_spoilt(server, attempt)
    }

    /// The attempt, after which no session is shared any more that is no good either.
    fn retire_spoilt<T>(&self, server: &str, attempt: Attempt<T>) -> Attempt<T> {
        if attempt.spoils_sessions() {
            self.pool.retire(server);
        }
        attempt
    }
}

async fn look_up(
    session: &Session,
    query: &Query<'_>,
    by: Deadline,
) -> Result<Found, SessionError> {
    let step = StepUnderWay::begin("search", &session.server);
    let found = look_up_whole(session, query, by).await;
    step.ends(|| match &found {
        Ok(Found { entries, answer, .. }) => {
            let found = match &entries[..] {
                [entry] => format!("1 entry, {}", entry.dn),
                entries => format!("{} entries", entries.len()),
            };
            match answer.code {
                result_code::SUCCESS => found,
                code => format!("{found}; {}", result_code::described(code)),
            }
        }
        Err(error) => error.to_string(),
    });
    found
}

async fn look_up_whole(
    session: &Session,
    query: &Query<'_>,
    by: Deadline,
) -> Result<Found, SessionError> {
    let mut found = if query.at_most.is_none() {
        Box::pin(session.search_all(query, by.remaining())).await
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
    found
}

/// Reads the rest of attributes of which the server sends only so many values at once; its answer,
/// if it refuses.
async fn complete(
    entry: &mut Entry,
    session: &Session,
    by: Deadline,
) -> Result<Option<LdapResult>, SessionError> {
    let mut last = None;
    while let Some(part) = entry.gather_range() {
        if last.as_ref() == Some(&part) {
            return Err(SessionError::Malformed("the same part of an attribute twice"));
        }
        let (attribute, from) = &part;
        let rest = format!("{attribute};range={from}-*");
        let dn = entry.dn.clone();
        let found = session.search(&Query::entry(&dn, &[&rest]), by.remaining()).await?;
        match found.answer.code {
            result_code::SUCCESS
                if found.entries.iter().any(|it| it.has_part(attribute, *from)) =>
            {
                found.entries.into_iter().for_each(|more| entry.merge(more));
            }
            // Each part says whether it is the last.
            result_code::SUCCESS | result_code::NO_SUCH_OBJECT => {
                return Err(SessionError::Unreadable("a part of an attribute did not come"));
            }
            _ => return Ok(Some(found.answer)),
        }
        last = Some(part);
    }
    Ok(None)
}
