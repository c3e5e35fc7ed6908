//! How a user is named in the directory, and the one entry that is so named.

use std::sync::Arc;

use futures_util::future::try_join_all;

use super::bearing::Bearing;
use super::located::Located;
use crate::deadline::Deadline;
use crate::directory::message::filter_template::FilterTemplate;
use crate::directory::message::{Filter, Query, Scope};
use crate::directory::names::bind_name::PlainTemplate;
use crate::directory::names::dn::Dn;
use crate::directory::names::dn_template::DnTemplate;
use crate::directory::pool::search::{SearchResult, Searcher};
use crate::jid::Account;
use crate::result_code::{NO_SUCH_OBJECT, SIZE_LIMIT_EXCEEDED};
use crate::verdict::{Denial, Outage, Outcome, Verdict};

/// A search for a user's entry.
#[derive(Clone, Debug)]
pub struct UserSearch {
    /// The base DNs, all of which are searched; a user's entry must be the only one below them.
    pub bases: Vec<String>,
    /// The filter.
    pub filter: FilterTemplate,
    /// Whether entries can be aliases there (RFC 4512, section 2.6), which are nobody's: a bind with the
    /// DN of one is none as the user whose entry it stands for.
    pub has_aliases: bool,
    /// Whether an alias stands for the entry that it names.
    pub follows_aliases: bool,
}

/// A DN that is made from the account.
#[derive(Clone, Debug)]
pub struct DnLookup {
    /// The DN.
    pub template: DnTemplate,
    /// What the entries of users pass.
    pub filter: Filter,
    /// Whether entries can be aliases there, which are nobody's.
    pub has_aliases: bool,
}

/// How a user is named in the directory.
#[derive(Clone, Debug)]
pub enum Lookup {
    /// By the entry that a search finds.
    Search(UserSearch),
    /// By a DN made from the account.
    Dn(DnLookup),
    /// By another name to bind with, which says nothing about an entry.
    Plain(PlainTemplate),
}

impl Lookup {
    /// The search, if there is one.
    pub(in crate::directory) fn search(&self) -> Option<&UserSearch> {
        match self {
            Self::Search(search) => Some(search),
            Self::Dn(_) | Self::Plain(_) => None,
        }
    }

    /// The name to bind with, where it follows from the account's: `None` where it is the DN of the
    /// entry that the search finds.
    pub(in crate::directory) fn bind_name(
        &self,
        account: &Account,
    ) -> Result<Option<String>, Denial> {
        let name = match self {
            Self::Search(_) => return Ok(None),
            Self::Dn(lookup) => lookup.template.fill(account),
            Self::Plain(template) => template.fill(account),
        };
        name.map(Some).ok_or(Denial::UnknownUser)
    }

    /// The one entry of an account.
    pub(super) async fn locate(
        &self,
        account: &Account,
        attributes: &[&str],
        searcher: &Searcher,
        by: Deadline,
    ) -> Result<Located, Outcome> {
        match self {
            Self::Search(search) => search.find(account, attributes, searcher, by).await,
            Self::Dn(lookup) => lookup.read(account, attributes, searcher, by).await,
            Self::Plain(_) => Err(Outage::Unanswerable.into()),
        }
    }
}

impl UserSearch {
    async fn find(
        &self,
        account: &Account,
        attributes: &[&str],
        searcher: &Searcher,
        by: Deadline,
    ) -> Result<Located, Outcome> {
        let bearing = Bearing::new(self.filter.name_rule(), account, attributes, self.has_aliases);
        let results = self.search_bases(account, &bearing.attributes, searcher, by).await?;
        let first = results.first().ok_or(Outage::Misconfigured)?;
        let mut refusal = Outcome::from(Denial::UnknownUser).from_server(&first.server);
        let exceeds = results.iter().find(|result| result.code == SIZE_LIMIT_EXCEEDED);
        let cut_off = exceeds.map(|result| cut_off_by(&result.server));
        let references = results.iter().flat_map(|result| result.references.iter().cloned());
        let references: Vec<String> = references.collect();
        let mut bearers = Vec::new();
        for located in distinct(results) {
            match bearing.judge(&located) {
                Err(outcome)
                    if cut_off.is_none() && matches!(outcome.verdict, Verdict::Denied(_)) =>
                {
                    refusal = outcome;
                }
                judged => bearers.push((located, judged)),
            }
        }
        if bearers.len() > 1 {
            let names: Vec<&str> = bearers.iter().map(|(found, _)| &*found.entry.dn).collect();
            let text = format!("matches {}", names.join(" and "));
            let server = bearers.first().map(|(found, _)| Arc::clone(&found.server));
            return Err(Outcome { server, ..Outage::Ambiguous.into() }.with_detail(&text));
        }
        if let Some(cut_off) = cut_off {
            return Err(cut_off);
        }
        match bearers.pop() {
            Some((only, judged)) => judged.map(|()| only),
            None if references.is_empty() => Err(refusal),
            None => Err(Box::pin(behind_references(refusal, &references, searcher, by)).await?),
        }
    }

    /// What each base has; the outcome says why nobody can tell who is there.
    async fn search_bases(
        &self,
        account: &Account,
        attributes: &[&str],
        searcher: &Searcher,
        by: Deadline,
    ) -> Result<Vec<SearchResult>, Outcome> {
        let filter = self.filter.fill(account);
        let searches = self.bases.iter().map(async |base| {
            // Two are enough to know that there is not exactly one; of more, a server may say that
            // they exceed the limit.
            let query = Query {
                scope: Scope::Subtree,
                filter: &filter,
                at_most: Some(2),
                follows_aliases: self.follows_aliases,
                ..Query::entry(base, attributes)
            };
            searcher.search(&query, &[SIZE_LIMIT_EXCEEDED], by).await
        });
        try_join_all(searches).await
    }
}

/// The outcome of a search that this server ended before it had found two entries.
fn cut_off_by(server: &Arc<str>) -> Outcome {
    Outcome::from(Outage::Refused { code: Some(SIZE_LIMIT_EXCEEDED) })
        .from_server(server)
        .with_detail("it found less than it was to find")
        .ended_by("search", SIZE_LIMIT_EXCEEDED)
}

/// Each entry once, although bases may lie within each other.
fn distinct(results: Vec<SearchResult>) -> Vec<Located> {
    let mut entries: Vec<Located> = Vec::new();
    for SearchResult { entries: found, server, .. } in results {
        for entry in found {
            let dn = Dn::of_one_entry(&entry.dn);
            let is_it = |known: &Located| Dn::of_one_entry(&known.entry.dn) == dn;
            if dn.is_none() || !entries.iter().any(is_it) {
                entries.push(Located { entry, server: Arc::clone(&server) });
            }
        }
    }
    entries
}

/// What becomes of a refusal where the server has no entry and refers to others, which may.
async fn behind_references(
    refusal: Outcome,
    references: &[String],
    searcher: &Searcher,
    by: Deadline,
) -> Result<Outcome, Outcome> {
    // Domain controllers always refer to what else is below the domain's root.
    let root_dse = searcher.root_dse(by).await?;
    let is_routine = root_dse.is_some_and(|root_dse| root_dse.is_active_directory());
    if is_routine && refusal.detail.is_some() {
        return Ok(refusal);
    }
    let verdict = if is_routine { refusal.verdict } else { Verdict::Unavailable(Outage::Referral) };
    let words = format!("no entry, but references to {}", references.join(", "));
    Ok(Outcome { verdict, ..refusal }.with_detail(&words))
}

impl DnLookup {
    async fn read(
        &self,
        account: &Account,
        attributes: &[&str],
        searcher: &Searcher,
        by: Deadline,
    ) -> Result<Located, Outcome> {
        let dn = self.template.fill(account).ok_or(Denial::UnknownUser)?;
        let bearing =
            Bearing::new(self.template.name_rule(), account, attributes, self.has_aliases);
        let query = Query { filter: &self.filter, ..Query::entry(&dn, &bearing.attributes) };
        let result = searcher.search(&query, &[NO_SUCH_OBJECT], by).await?;
        let missing = || Outcome::from(Denial::UnknownUser).from_server(&result.server);
        let entry = result.entries.into_iter().next().ok_or_else(missing)?;
        let located = Located { entry, server: result.server };
        bearing.judge(&located)?;
        Ok(located)
    }
}
