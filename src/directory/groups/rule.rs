//! Who is let in: the groups of the configuration, and by which method membership is found out.

use super::group::{Group, GroupEntry};
use super::membership::{Belonging, Membership, Memberships};
use super::method::GroupMethod;
use super::walk::{NamedBy, Walk};
use super::{in_chain, kind, member_of, sids};
use crate::deadline::Deadline;
use crate::directory::account::preset::Preset;
use crate::directory::message::entry::Entry;
use crate::directory::names::dn::Dn;
use crate::directory::pool::search::Searcher;
use crate::directory::session::root_dse::RootDse;
use crate::verdict::{Outage, Outcome};

/// Who is asked about groups.
#[derive(Clone, Copy, Debug)]
pub struct Searchers<'a> {
    /// Who knows the groups of the directory.
    pub own: &'a Searcher,
    /// Who knows those of other domains of the forest as well.
    pub catalog: Option<&'a Searcher>,
}

/// Which server is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SearcherRole {
    /// The only one.
    Alone,
    /// One of the domain, before the global catalog.
    First,
    /// The global catalog, about groups that the domain does not have.
    Catalog,
}

/// Who is let in.
#[derive(Clone, Debug)]
pub struct GroupRule {
    /// The groups; without any, everybody is let in.
    pub groups: Vec<Group>,
    /// Whether a user must be in all of them, and not just in one.
    pub all: bool,
    /// How membership is found out.
    pub method: GroupMethod,
    /// Whether members of groups within the groups count.
    pub nested: bool,
    /// Where groups are; else the naming context of each group.
    pub base: Option<String>,
    /// The product that the directory is said to be.
    pub preset: Option<Preset>,
}

impl GroupRule {
    /// Whether another rule lets the same users in.
    pub(in crate::directory) fn is_same_as(&self, other: &Self) -> bool {
        let names = |rule: &Self| rule.groups.iter().map(Group::to_string).collect::<Vec<_>>();
        (names(self), self.all) == (names(other), other.all)
    }

    /// Whether there is anything to find out.
    pub fn is_needed(&self) -> bool {
        !self.groups.is_empty()
    }

    /// The attributes of the user's entry that [`admits`](Self::admits) reads.
    pub fn attributes(&self) -> &'static [&'static str] {
        match self.method {
            _ if !self.is_needed() => &[],
            GroupMethod::Auto => &["memberOf", "uid"],
            GroupMethod::MemberOf => &["memberOf"],
            GroupMethod::MemberUid => &["uid"],
            GroupMethod::Member | GroupMethod::Chain | GroupMethod::TokenGroups => &[],
        }
    }

    /// What a group is of which this is said, if nobody is found in it, and what to do about it.
    /// `is_foreign`: a global catalog says so, of a group of another domain.
    pub(in crate::directory) fn fault(
        &self,
        entry: &GroupEntry,
        is_foreign: bool,
    ) -> Option<&'static str> {
        kind::fault(self.method, entry, is_foreign)
    }

    /// Whether the user of this entry is in as many of the groups as the rule wants.
    pub async fn admits(
        &self,
        user: &Entry,
        searchers: Searchers<'_>,
        by: Deadline,
    ) -> Result<Belonging, Outcome> {
        self.find_out(user, self.all, searchers, by).await.belonging(self.all)
    }

    /// Whether the user of this entry is in each of the groups, although less may do.
    pub async fn memberships(
        &self,
        user: &Entry,
        searchers: Searchers<'_>,
        by: Deadline,
    ) -> Memberships<'_> {
        self.find_out(user, true, searchers, by).await
    }

    async fn find_out(
        &self,
        user: &Entry,
        all: bool,
        searchers: Searchers<'_>,
        by: Deadline,
    ) -> Memberships<'_> {
        let mut found = Memberships::new(&self.groups, all);
        let Searchers { own, catalog } = searchers;
        let first = if catalog.is_some() { SearcherRole::First } else { SearcherRole::Alone };
        let in_turn = [Some((own, first)), catalog.map(|catalog| (catalog, SearcherRole::Catalog))];
        for (searcher, asked) in in_turn.into_iter().flatten() {
            if !found.is_decided()
                && !found.open().is_empty()
                && let Err(outcome) =
                    Box::pin(self.search(user, searcher, asked, &mut found, by)).await
            {
                found.give_up(&outcome);
            }
        }
        found
    }

    /// Finds out what this server knows; where it is not the last that is asked, groups that it does not
    /// hold stay open.
    async fn search(
        &self,
        user: &Entry,
        searcher: &Searcher,
        asked: SearcherRole,
        found: &mut Memberships<'_>,
        by: Deadline,
    ) -> Result<(), Outcome> {
        let by_sid = self.find(user, searcher, found, by).await?;
        if !found.is_decided() && !by_sid.is_empty() {
            let is_read = sids::find(user, by_sid, searcher, found, by).await?;
            if self.method == GroupMethod::TokenGroups && !is_read {
                let text = format!("the service account may not read tokenGroups of {}", user.dn);
                return Err(Outcome::from(Outage::Misconfigured).with_detail(&text));
            }
        }
        self.recognize(searcher, asked, found, by).await;
        Ok(())
    }

    /// Finds groups by their names. Returns the attributes of the user that hold the SIDs of more.
    async fn find(
        &self,
        user: &Entry,
        searcher: &Searcher,
        found: &mut Memberships<'_>,
        by: Deadline,
    ) -> Result<&'static [&'static str], Outcome> {
        match self.method {
            GroupMethod::Auto => return self.find_by_any(user, searcher, found, by).await,
            GroupMethod::TokenGroups => return Ok(sids::ALL_GROUPS),
            GroupMethod::MemberUid => {
                self.walk(user, NamedBy::LoginName, searcher, found, by).await?;
                return Ok(&[]);
            }
            GroupMethod::MemberOf => member_of::find(user, found),
            GroupMethod::Member => self.walk(user, NamedBy::Dn, searcher, found, by).await?,
            GroupMethod::Chain => in_chain::find(user, searcher, found, by).await?,
        }
        let is_elsewhere = self.preset.is_some_and(|preset| !preset.is_active_directory());
        Ok(if is_elsewhere { &[] } else { sids::PRIMARY_GROUP })
    }

    async fn find_by_any(
        &self,
        user: &Entry,
        searcher: &Searcher,
        found: &mut Memberships<'_>,
        by: Deadline,
    ) -> Result<&'static [&'static str], Outcome> {
        if self.nested || self.preset.is_some_and(Preset::member_of_is_direct) {
            member_of::find(user, found);
            if found.is_decided() {
                return Ok(&[]);
            }
        }
        let root_dse = searcher.root_dse(by).await?;
        let has_chain_rule = match &root_dse {
            Some(root_dse) if root_dse.is_active_directory() => root_dse.has_chain_rule(),
            // No domain controller hides it.
            None if self.preset.is_none_or(Preset::is_active_directory) => {
                return Err(hidden("preset, and group_base"));
            }
            _ => {
                self.walk(user, NamedBy::Either, searcher, found, by).await?;
                return Ok(&[]);
            }
        };
        member_of::find(user, found);
        if !self.nested {
            return Ok(sids::PRIMARY_GROUP);
        }
        if has_chain_rule {
            in_chain::find(user, searcher, found, by).await?;
        }
        // The chain rule does not see through the primary group.
        Ok(sids::ALL_GROUPS)
    }

    async fn walk(
        &self,
        user: &Entry,
        named_by: NamedBy,
        searcher: &Searcher,
        found: &mut Memberships<'_>,
        by: Deadline,
    ) -> Result<(), Outcome> {
        let root_dse = match self.base {
            Some(_) => None,
            None => searcher.root_dse(by).await?,
        };
        let bases = self.bases(root_dse.as_deref())?;
        Walk::new(searcher, &bases, named_by, by).find(user, self.nested, found).await
    }

    fn bases<'a>(&'a self, root_dse: Option<&'a RootDse>) -> Result<Vec<&'a str>, Outcome> {
        if let Some(base) = &self.base {
            return Ok(vec![base]);
        }
        let Some(root_dse) = root_dse.filter(|root_dse| root_dse.has_naming_contexts()) else {
            // The groups themselves can be asked about, and no groups within them.
            let groups = self.groups.iter().map(Group::name).collect();
            return if self.nested { Err(hidden("group_base")) } else { Ok(groups) };
        };
        let names = self.groups.iter().filter_map(|group| Dn::parse(group.name()));
        let mut contexts: Vec<&str> =
            names.filter_map(|dn| root_dse.naming_context_of(&dn)).collect();
        contexts.sort_unstable();
        contexts.dedup();
        Ok(contexts)
    }

    /// Reads the groups that were not found by the names that the configuration has for them, and
    /// compares them as the server calls them.
    async fn recognize(
        &self,
        searcher: &Searcher,
        asked: SearcherRole,
        found: &mut Memberships<'_>,
        by: Deadline,
    ) {
        for group in found.open() {
            if found.is_decided() {
                return;
            }
            let membership = match read_as_called(group, searcher, found, by).await {
                Ok(GroupEntry::There(entry)) if found.recognizes(&entry) => Membership::In,
                // Windows refers to another server, Samba knows no such entry.
                Ok(GroupEntry::Elsewhere | GroupEntry::Missing) if asked == SearcherRole::First => {
                    continue;
                }
                Ok(entry) => {
                    let fault = self.fault(&entry, asked == SearcherRole::Catalog);
                    let fault = fault.map(|fault| format!("{group} {fault}"));
                    match entry {
                        GroupEntry::Elsewhere => {
                            let outcome = Outcome::from(Outage::Referral);
                            Membership::Unknown(outcome.with_detail(&fault.unwrap_or_default()))
                        }
                        GroupEntry::There(_) | GroupEntry::Missing => Membership::NotIn(fault),
                    }
                }
                Err(outcome) => Membership::Unknown(outcome),
            };
            found.learn(group.dn(), &membership);
        }
    }
}

/// Reads a group, and those that may be it by the spelling of `memberOf`, which can be that of whoever
/// added the member: the server tells whether they are.
async fn read_as_called(
    group: &Group,
    searcher: &Searcher,
    found: &mut Memberships<'_>,
    by: Deadline,
) -> Result<GroupEntry, Outcome> {
    let read = group.read(searcher, by).await?;
    if let GroupEntry::There(entry) = &read
        && !found.recognizes(entry)
    {
        for name in found.names_like(&entry.dn) {
            let Ok(named) = Group::parse(&name) else { continue };
            if let GroupEntry::There(entry) = named.read(searcher, by).await?
                && let Some(dn) = Dn::of_one_entry(&entry.dn)
            {
                found.found_in(dn, &entry.dn);
            }
        }
    }
    Ok(read)
}

fn hidden(keys: &str) -> Outcome {
    Outcome::from(Outage::Misconfigured).with_detail(&format!(
        "the service account may not read the root DSE, in which the server says what it is and where groups are: write {keys}"
    ))
}
