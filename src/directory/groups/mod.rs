//! Whether a user is in the groups that may sign in, also through groups within groups.

use std::collections::HashSet;
use std::fmt;

use crate::deadline::Deadline;
use crate::directory::message::entry::Entry;
use crate::directory::message::{Filter, Query, Scope};
use crate::directory::names::dn::Dn;
use crate::directory::pool::search::Searcher;
use crate::directory::session::root_dse::RootDse;
use crate::verdict::{Outage, Outcome};

/// Groups within groups are followed this far up, and a user may be in so many of them. Whoever has
/// more is not judged.
const LEVELS: usize = 16;
const GROUPS: usize = 2000;

/// So many names go into one filter.
const NAMES: usize = 40;

const NO_SUCH_OBJECT: u32 = 32;

/// Active Directory's rule that walks a chain of DNs, LDAP_MATCHING_RULE_IN_CHAIN (MS-ADTS, section
/// 3.1.1.3.4.4).
const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";

/// How membership is found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
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

impl Method {
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

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.into_iter().find(|(_, method)| method == self);
        f.write_str(name.map_or("auto", |(name, _)| name))
    }
}

/// A group, by its DN as written and in comparable form.
#[derive(Clone, Debug)]
pub struct Group {
    name: String,
    dn: Dn,
}

impl Group {
    /// Reads a DN; the error says what to write instead.
    pub fn parse(source: &str) -> Result<Self, String> {
        let dn = Dn::parse(source).filter(|dn| dn.depth() > 0).ok_or(
            "it is no DN; write the group's, such as \"cn=chat,ou=groups,dc=example,dc=com\"",
        )?;
        Ok(Self { name: source.to_owned(), dn })
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
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
    pub method: Method,
    /// Whether members of groups within the groups count.
    pub nested: bool,
    /// Where groups are; else the naming context of each group.
    pub base: Option<String>,
}

/// The groups that are asked about, and in which of them the user was found so far.
#[derive(Debug)]
struct Membership<'a> {
    rule: &'a GroupRule,
    found: Vec<bool>,
}

impl<'a> Membership<'a> {
    fn is_settled(&self) -> bool {
        let mut found = self.found.iter();
        if self.rule.all { found.all(|found| *found) } else { found.any(|found| *found) }
    }

    fn missing(&self) -> Vec<(usize, &'a Group)> {
        let groups = self.rule.groups.iter().enumerate().zip(&self.found);
        groups.filter(|(_, found)| !**found).map(|(group, _)| group).collect()
    }

    fn mark(&mut self, index: usize) {
        if let Some(found) = self.found.get_mut(index) {
            *found = true;
        }
    }

    fn mark_by_name(&mut self, dn: &Dn) {
        for (index, group) in self.missing() {
            if group.dn == *dn {
                self.mark(index);
            }
        }
    }
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
            Method::Auto => &["memberOf", "uid"],
            Method::MemberOf => &["memberOf"],
            Method::MemberUid => &["uid"],
            Method::Member | Method::Chain | Method::TokenGroups => &[],
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
        let mut membership = Membership { rule: self, found: vec![false; self.groups.len()] };
        match self.method {
            Method::MemberOf => of_entry(user, &mut membership),
            Method::Member => self.walk(user, false, searcher, &mut membership, by).await?,
            Method::MemberUid => self.walk(user, true, searcher, &mut membership, by).await?,
            Method::Chain => by_chain_rule(user, searcher, &mut membership, by).await?,
            Method::TokenGroups => by_token_groups(user, searcher, &mut membership, by).await?,
            Method::Auto => {
                of_entry(user, &mut membership);
                if !membership.is_settled() {
                    self.admits_indirectly(user, searcher, &mut membership, by).await?;
                }
            }
        }
        Ok(membership.is_settled())
    }

    async fn admits_indirectly(
        &self,
        user: &Entry,
        searcher: &Searcher,
        membership: &mut Membership<'_>,
        by: Deadline,
    ) -> Result<(), Outcome> {
        let root_dse = searcher.root_dse(by).await?;
        if !root_dse.is_active_directory() {
            return self.walk(user, true, searcher, membership, by).await;
        }
        if self.nested && root_dse.has_chain_rule() {
            by_chain_rule(user, searcher, membership, by).await?;
        }
        // The chain rule does not see through the primary group.
        if self.nested && !membership.is_settled() {
            by_token_groups(user, searcher, membership, by).await?;
        }
        Ok(())
    }

    /// From the user up: the groups that name the user, the groups that name those, and so on.
    async fn walk(
        &self,
        user: &Entry,
        by_login_name: bool,
        searcher: &Searcher,
        membership: &mut Membership<'_>,
        by: Deadline,
    ) -> Result<(), Outcome> {
        let root_dse = searcher.root_dse(by).await?;
        let bases = self.bases(&root_dse);
        let mut visited = HashSet::new();
        let mut members = vec![user.dn.clone()];
        let login_names: Vec<&str> =
            if by_login_name { user.texts("uid").collect() } else { Vec::new() };
        let mut conditions: Vec<Vec<Filter>> = login_names
            .into_iter()
            .map(|name| vec![Filter::equality("memberUid", name.as_bytes())])
            .collect();
        for level in 0.. {
            if self.method != Method::MemberUid {
                conditions.extend(members.iter().map(|dn| {
                    ["member", "uniqueMember"].map(|it| Filter::equality(it, dn.as_bytes())).into()
                }));
            }
            members.clear();
            for some in conditions.chunks(NAMES) {
                for base in &bases {
                    let filter = Filter::or(some.iter().flatten());
                    let query = Query {
                        base,
                        scope: Scope::Subtree,
                        filter: &filter,
                        attributes: &[],
                        at_most: 0,
                    };
                    for group in searcher.search(&query, &[NO_SUCH_OBJECT], by).await?.entries {
                        let Some(dn) = Dn::parse(&group.dn) else { continue };
                        membership.mark_by_name(&dn);
                        if visited.insert(dn) {
                            members.push(group.dn);
                        }
                    }
                }
            }
            conditions.clear();
            if membership.is_settled() || !self.nested || members.is_empty() {
                return Ok(());
            }
            if level == LEVELS || visited.len() > GROUPS {
                return Err(Outage::GroupsTooDeep.into());
            }
        }
        Ok(())
    }

    fn bases<'a>(&'a self, root_dse: &'a RootDse) -> Vec<&'a str> {
        if let Some(base) = &self.base {
            return vec![base];
        }
        let contexts = self.groups.iter().map(|group| {
            // Of a server that does not say, the group alone can be asked about.
            root_dse.naming_context_of(&group.dn).unwrap_or(&group.name)
        });
        let mut contexts: Vec<&str> = contexts.collect();
        contexts.sort_unstable();
        contexts.dedup();
        contexts
    }
}

fn of_entry(user: &Entry, membership: &mut Membership<'_>) {
    for group in user.texts("memberOf").filter_map(Dn::parse) {
        membership.mark_by_name(&group);
    }
}

async fn by_chain_rule(
    user: &Entry,
    searcher: &Searcher,
    membership: &mut Membership<'_>,
    by: Deadline,
) -> Result<(), Outcome> {
    for (index, group) in membership.missing() {
        let filter = Filter::extensible("memberOf", IN_CHAIN, group.name.as_bytes());
        let query = Query {
            base: &user.dn,
            scope: Scope::Base,
            filter: &filter,
            attributes: &[],
            at_most: 1,
        };
        if !searcher.search(&query, &[], by).await?.entries.is_empty() {
            membership.mark(index);
        }
        if membership.is_settled() {
            break;
        }
    }
    Ok(())
}

/// `tokenGroups` holds the security identifiers of all groups of a user, however deep, the primary
/// group among them; distribution groups are not there.
async fn by_token_groups(
    user: &Entry,
    searcher: &Searcher,
    membership: &mut Membership<'_>,
    by: Deadline,
) -> Result<(), Outcome> {
    let Some(user) = read(&user.dn, "tokenGroups", searcher, by).await? else { return Ok(()) };
    let tokens: HashSet<&[u8]> = user.values("tokenGroups").collect();
    for (index, group) in membership.missing() {
        let group = read(&group.name, "objectSid", searcher, by).await?;
        if group.is_some_and(|group| group.values("objectSid").any(|sid| tokens.contains(sid))) {
            membership.mark(index);
        }
        if membership.is_settled() {
            break;
        }
    }
    Ok(())
}

/// One attribute of an entry; `None` where there is no such entry.
async fn read(
    dn: &str,
    attribute: &str,
    searcher: &Searcher,
    by: Deadline,
) -> Result<Option<Entry>, Outcome> {
    let attributes = [attribute];
    let query = Query::entry(dn, &attributes);
    Ok(searcher.search(&query, &[NO_SUCH_OBJECT], by).await?.entries.into_iter().next())
}
