//! How a user is named in the directory, and the one entry that is so named.

use std::sync::Arc;

use futures_util::future::try_join_all;

use crate::deadline::Deadline;
use crate::directory::groups::Belonging;
use crate::directory::message::entry::Entry;
use crate::directory::message::filter_template::FilterTemplate;
use crate::directory::message::{Filter, Query, Scope};
use crate::directory::names::bind_name::PlainTemplate;
use crate::directory::names::dn::Dn;
use crate::directory::names::dn_template::DnTemplate;
use crate::directory::names::name_rule::NameRule;
use crate::directory::pool::search::Searcher;
use crate::jid::Account;
use crate::result_code::{NO_SUCH_OBJECT, SIZE_LIMIT_EXCEEDED};
use crate::verdict::{Denial, Outage, Outcome, Verdict};

/// The attribute that an alias has, and no other entry.
const ALIAS: &str = "aliasedObjectName";

/// A search for a user's entry.
#[derive(Clone, Debug)]
pub struct Search {
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
    Search(Search),
    /// By a DN made from the account.
    Dn(DnLookup),
    /// By another name to bind with, which says nothing about an entry.
    Plain(PlainTemplate),
}

/// The one entry of a user.
#[derive(Debug)]
pub(in crate::directory) struct Located {
    pub(in crate::directory) entry: Entry,
    pub(in crate::directory) server: Arc<str>,
}

impl Located {
    /// Whether the user is let in who belongs so to the groups of a rule.
    pub(in crate::directory) fn admitted(&self, belonging: Belonging) -> Result<(), Outcome> {
        match belonging {
            Belonging::In => Ok(()),
            Belonging::NotIn(why) => {
                Err(Outcome::from(Denial::NotInGroup).from_server(&self.server).with_detail(&why))
            }
        }
    }
}

impl Lookup {
    /// The search, if there is one.
    pub(in crate::directory) fn search(&self) -> Option<&Search> {
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

impl Search {
    async fn find(
        &self,
        account: &Account,
        attributes: &[&str],
        searcher: &Searcher,
        by: Deadline,
    ) -> Result<Located, Outcome> {
        let filter = self.filter.fill(account);
        let bearing = Bearing::new(self.filter.name_rule(), account, attributes, self.has_aliases);
        let searches = self.bases.iter().map(async |base| {
            // Two are enough to know that there is not exactly one; of more, a server may say that
            // they exceed the limit.
            let query = Query {
                scope: Scope::Subtree,
                filter: &filter,
                at_most: Some(2),
                follows_aliases: self.follows_aliases,
                ..Query::entry(base, &bearing.attributes)
            };
            searcher.search(&query, &[SIZE_LIMIT_EXCEEDED], by).await
        });
        let mut entries: Vec<Located> = Vec::new();
        let mut refusal = None;
        let mut references = Vec::new();
        let mut exceeds = false;
        for reply in try_join_all(searches).await? {
            if reply.code == SIZE_LIMIT_EXCEEDED && reply.entries.len() < 2 {
                let outage = Outage::Refused { code: reply.code };
                return Err(Outcome::from(outage)
                    .from_server(&reply.server)
                    .with_detail("it found less than it was to find")
                    .ended_by("search", reply.code));
            }
            exceeds |= reply.code == SIZE_LIMIT_EXCEEDED;
            for entry in reply.entries {
                // Bases may lie within each other.
                let dn = Dn::parse(&entry.dn);
                if !entries.iter().any(|known| dn.is_some() && Dn::parse(&known.entry.dn) == dn) {
                    entries.push(Located { entry, server: Arc::clone(&reply.server) });
                }
            }
            references.extend(reply.references);
            refusal.get_or_insert(Outcome::from(Denial::UnknownUser).from_server(&reply.server));
        }
        let mut bearers = Vec::new();
        for located in entries {
            match bearing.judge(&located) {
                Err(outcome) if !exceeds && matches!(outcome.verdict, Verdict::Denied(_)) => {
                    refusal = Some(outcome);
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
        if let Some((only, judged)) = bearers.pop() {
            return judged.map(|()| only);
        }
        let refusal = refusal.unwrap_or_else(|| Outage::Misconfigured.into());
        if references.is_empty() {
            return Err(refusal);
        }
        // Domain controllers always refer to what else is below the domain's root.
        let root_dse = searcher.root_dse(by).await?;
        let is_routine = root_dse.is_some_and(|root_dse| root_dse.is_active_directory());
        if is_routine && refusal.detail.is_some() {
            return Err(refusal);
        }
        let verdict =
            if is_routine { refusal.verdict } else { Verdict::Unavailable(Outage::Referral) };
        let words = format!("no entry, but references to {}", references.join(", "));
        Err(Outcome { verdict, ..refusal }.with_detail(&words))
    }
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
        let reply = searcher.search(&query, &[NO_SUCH_OBJECT], by).await?;
        let missing = || Outcome::from(Denial::UnknownUser).from_server(&reply.server);
        let entry = reply.entries.into_iter().next().ok_or_else(missing)?;
        let located = Located { entry, server: reply.server };
        bearing.judge(&located)?;
        Ok(located)
    }
}

/// Whether an entry that was found bears the name that was asked for.
struct Bearing<'a> {
    rule: &'a NameRule,
    account: &'a Account,
    attributes: Vec<&'a str>,
}

impl<'a> Bearing<'a> {
    /// Read from these attributes and those that hold the name.
    fn new(
        rule: &'a NameRule,
        account: &'a Account,
        attributes: &[&'a str],
        has_aliases: bool,
    ) -> Self {
        let names = rule.assertions().into_iter().map(|name| name.attribute.as_str());
        let mut attributes: Vec<&str> = attributes.iter().copied().chain(names).collect();
        attributes.extend(has_aliases.then_some(ALIAS));
        attributes.sort_unstable();
        attributes.dedup();
        Self { rule, account, attributes }
    }

    fn judge(&self, located: &Located) -> Result<(), Outcome> {
        let entry = &located.entry;
        if entry.dn.trim().is_empty() {
            let outcome = Outcome::from(Outage::BadReply).from_server(&located.server);
            return Err(outcome
                .with_detail("an entry without a DN was found, or with one that is not UTF-8"));
        }
        if let Some(target) = entry.text(ALIAS) {
            let text = format!("{} is an alias of {target}, and nobody's entry", entry.dn);
            let outcome = Outcome::from(Denial::UnknownUser).from_server(&located.server);
            return Err(outcome.with_detail(&text));
        }
        let values = |name: &str| entry.values_of_any_name(name, &self.attributes);
        if self.rule.is_borne(self.account, &values) {
            return Ok(());
        }
        let names = self.rule.assertions().into_iter().map(|name| name.attribute.as_str());
        let names: Vec<&str> = names.collect();
        let is_unread = names.iter().all(|name| values(name).is_empty());
        let names = names.join(" and ");
        let (verdict, text) = if is_unread {
            let text = format!("the service account may not read {names} of {}", entry.dn);
            (Verdict::Unavailable(Outage::Misconfigured), text)
        } else {
            let text = format!("{} was found, but its {names} is not that name", entry.dn);
            (Verdict::Denied(Denial::UnknownUser), text)
        };
        Err(Outcome::from(verdict).from_server(&located.server).with_detail(&text))
    }
}
