//! How a user is named in the directory, and the one entry that is so named.

use std::sync::Arc;

use futures_util::future::try_join_all;

use crate::deadline::Deadline;
use crate::directory::message::entry::Entry;
use crate::directory::message::filter_template::FilterTemplate;
use crate::directory::message::{Query, Scope};
use crate::directory::names::bind_name::{DnTemplate, PlainTemplate};
use crate::directory::names::dn::Dn;
use crate::directory::pool::search::Searcher;
use crate::jid::Account;
use crate::result_code::{NO_SUCH_OBJECT, SIZE_LIMIT_EXCEEDED};
use crate::verdict::{Denial, Outage, Outcome, Verdict};

/// A search for a user's entry.
#[derive(Clone, Debug)]
pub struct Search {
    /// The base DNs, all of which are searched; a user's entry must be the only one below them.
    pub bases: Vec<String>,
    /// The filter.
    pub filter: FilterTemplate,
    /// Whether an alias stands for the entry that it names.
    pub follows_aliases: bool,
}

/// How a user is named in the directory.
#[derive(Clone, Debug)]
pub enum Lookup {
    /// By the entry that a search finds.
    Search(Search),
    /// By a DN made from the account.
    Dn(DnTemplate),
    /// By another name to bind with. Whatever needs an entry needs the search.
    Plain(PlainTemplate, Option<Search>),
}

/// The one entry of a user.
#[derive(Debug)]
pub(in crate::directory) struct Located {
    pub(in crate::directory) entry: Entry,
    pub(in crate::directory) server: Arc<str>,
}

impl Lookup {
    /// The search, if there is one.
    pub(in crate::directory) fn search(&self) -> Option<&Search> {
        match self {
            Self::Search(search) => Some(search),
            Self::Dn(_) => None,
            Self::Plain(_, search) => search.as_ref(),
        }
    }

    /// The name to bind with, where it follows from the account's: `None` where it is the DN of the
    /// entry that the search finds.
    pub(in crate::directory) fn bind_name(
        &self,
        account: &Account,
    ) -> Result<Option<String>, Denial> {
        match self {
            Self::Search(_) => Ok(None),
            Self::Dn(template) => Ok(Some(template.fill(account))),
            Self::Plain(template, _) => template.fill(account).map(Some).ok_or(Denial::UnknownUser),
        }
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
            Self::Search(search) | Self::Plain(_, Some(search)) => {
                search.find(account, attributes, searcher, by).await
            }
            Self::Dn(template) => read(&template.fill(account), attributes, searcher, by).await,
            Self::Plain(_, None) => Err(Outage::Unanswerable.into()),
        }
    }
}

impl Search {
    async fn find(
        &self,
        account: &Account,
        attributes: &[&str],
        searcher: &Searcher,
        by: Deadline,
    ) -> Result<Located, Outcome> {
        let filter = self.filter.fill(account);
        let searches = self.bases.iter().map(async |base| {
            // Two are enough to know that there is not exactly one; of more, a server may say that
            // they exceed the limit.
            let query = Query {
                base,
                scope: Scope::Subtree,
                filter: &filter,
                attributes,
                at_most: 2,
                follows_aliases: self.follows_aliases,
            };
            searcher.search(&query, &[SIZE_LIMIT_EXCEEDED], by).await
        });
        let mut entries: Vec<Located> = Vec::new();
        let mut server = None;
        let mut references = Vec::new();
        for reply in try_join_all(searches).await? {
            if reply.code == SIZE_LIMIT_EXCEEDED && reply.entries.len() < 2 {
                let outage = Outage::Refused { code: reply.code };
                return Err(Outcome::from(outage)
                    .from_server(&reply.server)
                    .with_detail("it found less than it was to find")
                    .ended_by("search", reply.code));
            }
            for entry in reply.entries {
                // Bases may lie within each other.
                let dn = Dn::parse(&entry.dn);
                if !entries.iter().any(|known| dn.is_some() && Dn::parse(&known.entry.dn) == dn) {
                    entries.push(Located { entry, server: Arc::clone(&reply.server) });
                }
            }
            references.extend(reply.references);
            server.get_or_insert(reply.server);
        }
        let ambiguous = entries.len() > 1;
        match (entries.pop(), server) {
            (Some(last), _) if ambiguous => {
                let others = entries.iter().map(|located| &*located.entry.dn).collect::<Vec<_>>();
                Err(Outcome::from(Outage::Ambiguous).from_server(&last.server).with_detail(
                    &format!("matches {} and {}", others.join(" and "), last.entry.dn),
                ))
            }
            (Some(only), _) => Ok(only),
            (None, Some(server)) if references.is_empty() => {
                Err(Outcome::from(Denial::UnknownUser).from_server(&server))
            }
            (None, Some(server)) => {
                // Domain controllers always refer to what else is below the domain's root.
                let is_routine = searcher.root_dse(by).await?.is_active_directory();
                let verdict = if is_routine {
                    Verdict::Denied(Denial::UnknownUser)
                } else {
                    Verdict::Unavailable(Outage::Referral)
                };
                let words = format!("no entry, but references to {}", references.join(", "));
                Err(Outcome::from(verdict).from_server(&server).with_detail(&words))
            }
            (None, None) => Err(Outage::Misconfigured.into()),
        }
    }
}

async fn read(
    dn: &str,
    attributes: &[&str],
    searcher: &Searcher,
    by: Deadline,
) -> Result<Located, Outcome> {
    let reply = searcher.search(&Query::entry(dn, attributes), &[NO_SUCH_OBJECT], by).await?;
    let missing = || Outcome::from(Denial::UnknownUser).from_server(&reply.server);
    let entry = reply.entries.into_iter().next().ok_or_else(missing)?;
    Ok(Located { entry, server: reply.server })
}
