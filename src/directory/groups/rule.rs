//! Who is let in: the groups of the configuration, and by which method membership is found out.

use std::fmt;

use super::group::Group;
use super::membership::Membership;
use super::walk::{NamedBy, Walk};
use super::{in_chain, member_of, token_groups};
use crate::deadline::Deadline;
use crate::directory::message::entry::Entry;
use crate::directory::pool::search::Searcher;
use crate::directory::session::root_dse::RootDse;
use crate::verdict::Outcome;

/// How membership is found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupMethod {
    /// By what the server offers: the user's `memberOf`, then the chain rule and `tokenGroups` on
    /// domain controllers, or the walk elsewhere.
    Auto,
    /// The user's `memberOf` alone.
    MemberOf,
    /// The groups' `member` and `uniqueMember`, from group to group.
    Member,
    /// The groups' `memberUid`, which holds login names (RFC 2307).
    MemberUid,
    /// Active Directory's chain rule.
    Chain,
    /// Active Directory's `tokenGroups`, which knows primary groups too.
    TokenGroups,
}

impl GroupMethod {
    /// Every method, by the name that it has in the configuration.
    pub const ALL: [(&'static str, Self); 6] = [
        ("auto", Self::Auto),
        ("memberof", Self::MemberOf),
        ("member", Self::Member),
        ("memberuid", Self::MemberUid),
        ("chain", Self::Chain),
        ("token-groups", Self::TokenGroups),
    ];
}

impl fmt::Display for GroupMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.into_iter().find(|(_, method)| method == self);
        f.write_str(name.map_or("auto", |(name, _)| name))
    }
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
}

impl GroupRule {
    /// The effective values; the groups by `key`.
    pub(in crate::directory) fn describe(&self, key: &'static str) -> Vec<(&'static str, String)> {
        if !self.is_needed() {
            return vec![(key, "none".to_owned())];
        }
        let names: Vec<String> = self.groups.iter().map(Group::to_string).collect();
        let matching = if self.all { "all" } else { "any" };
        vec![
            (key, names.join("; ")),
            ("require_group_match", matching.to_owned()),
            ("group_method", self.method.to_string()),
            ("nested_groups", self.nested.to_string()),
            ("group_base", self.base.clone().unwrap_or_else(|| "the naming context".to_owned())),
        ]
    }

    /// The rule about one of its groups alone.
    pub(in crate::directory) fn alone(&self, group: &Group) -> Self {
        Self { groups: vec![group.clone()], ..self.clone() }
    }

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

    /// Whether the user of this entry is in as many of the groups as the rule wants.
    pub async fn admits(
        &self,
        user: &Entry,
        searcher: &Searcher,
        by: Deadline,
    ) -> Result<bool, Outcome> {
        if !self.is_needed() {
            return Ok(true);
        }
        let mut membership = Membership::new(&self.groups, self.all);
        let found = &mut membership;
        match self.method {
            GroupMethod::Auto => self.find_by_any(user, searcher, found, by).await?,
            GroupMethod::MemberOf => member_of::find(user, found),
            GroupMethod::Member => self.walk(user, NamedBy::Dn, searcher, found, by).await?,
            GroupMethod::MemberUid => {
                self.walk(user, NamedBy::LoginName, searcher, found, by).await?;
            }
            GroupMethod::Chain => in_chain::find(user, searcher, found, by).await?,
            GroupMethod::TokenGroups => token_groups::find(user, searcher, found, by).await?,
        }
        Ok(membership.is_settled())
    }

    async fn find_by_any(
        &self,
        user: &Entry,
        searcher: &Searcher,
        membership: &mut Membership<'_>,
        by: Deadline,
    ) -> Result<(), Outcome> {
        member_of::find(user, membership);
        if membership.is_settled() {
            return Ok(());
        }
        let root_dse = searcher.root_dse(by).await?;
        if !root_dse.is_active_directory() {
            return self.walk(user, NamedBy::Either, searcher, membership, by).await;
        }
        if self.nested && root_dse.has_chain_rule() {
            in_chain::find(user, searcher, membership, by).await?;
        }
        // The chain rule does not see through the primary group.
        if self.nested && !membership.is_settled() {
            token_groups::find(user, searcher, membership, by).await?;
        }
        Ok(())
    }

    async fn walk(
        &self,
        user: &Entry,
        named_by: NamedBy,
        searcher: &Searcher,
        membership: &mut Membership<'_>,
        by: Deadline,
    ) -> Result<(), Outcome> {
        let root_dse = searcher.root_dse(by).await?;
        let bases = self.bases(&root_dse);
        Walk::new(searcher, &bases, named_by, by).find(user, self.nested, membership).await
    }

    fn bases<'a>(&'a self, root_dse: &'a RootDse) -> Vec<&'a str> {
        if let Some(base) = &self.base {
            return vec![base];
        }
        let contexts = self.groups.iter().map(|group| {
            // Of a server that does not say, the group alone can be asked about.
            root_dse.naming_context_of(group.dn()).unwrap_or(group.name())
        });
        let mut contexts: Vec<&str> = contexts.collect();
        contexts.sort_unstable();
        contexts.dedup();
        contexts
    }
}
