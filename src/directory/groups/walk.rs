//! From the user up: the groups that name the user, the groups that name those, and so on.

use std::collections::HashSet;

use super::membership::Memberships;
use crate::deadline::Deadline;
use crate::directory::message::entry::Entry;
use crate::directory::message::{Filter, Query, Scope};
use crate::directory::names::dn::Dn;
use crate::directory::pool::search::Searcher;
use crate::result_code::NO_SUCH_OBJECT;
use crate::verdict::{Outage, Outcome};

/// Groups within groups are followed this far up, and a user may be in so many of them. For a user
/// who is in more, the answer is "cannot tell": the group that is asked about may be among the rest.
const LEVELS: usize = 16;
const GROUPS: usize = 2000;

/// So many members go into one filter.
const MEMBERS: usize = 40;

/// By what groups name their members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NamedBy {
    /// `member` and `uniqueMember`, which hold DNs.
    Dn,
    /// `memberUid`, which holds login names (RFC 2307), so that groups have no groups within them.
    LoginName,
    /// Both.
    Either,
}

/// A walk through the groups below some bases.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    searcher: &'a Searcher,
    bases: &'a [&'a str],
    named_by: NamedBy,
    by: Deadline,
    visited: HashSet<Dn>,
}

/// The filters of which a group that names a member passes one.
type Naming = Vec<Filter>;

impl<'a> Walk<'a> {
    pub(super) fn new(
        searcher: &'a Searcher,
        bases: &'a [&'a str],
        named_by: NamedBy,
        by: Deadline,
    ) -> Self {
        Self { searcher, bases, named_by, by, visited: HashSet::new() }
    }

    /// Walks until as many groups are found as are wanted; one level alone where groups within groups
    /// do not count.
    pub(super) async fn find(
        mut self,
        user: &Entry,
        nested: bool,
        memberships: &mut Memberships<'_>,
    ) -> Result<(), Outcome> {
        let mut members = self.naming_user(user);
        for _ in 0..=LEVELS {
            let groups = self.level(&members, memberships).await?;
            if memberships.is_decided() || !nested || groups.is_empty() {
                return Ok(());
            }
            if self.visited.len() > GROUPS {
                break;
            }
            members = groups.iter().filter_map(|dn| self.naming_dn(dn)).collect();
        }
        Err(Outage::GroupsTooDeep.into())
    }

    /// The DNs of the groups that name these members and were not seen before.
    async fn level(
        &mut self,
        members: &[Naming],
        memberships: &mut Memberships<'_>,
    ) -> Result<Vec<String>, Outcome> {
        let mut groups = Vec::new();
        for some in members.chunks(MEMBERS) {
            let filter = Filter::or(some.iter().flatten());
            for base in self.bases {
                let query = Query {
                    scope: Scope::Subtree,
                    filter: &filter,
                    at_most: None,
                    ..Query::entry(base, &[])
                };
                let reply = self.searcher.search(&query, &[NO_SUCH_OBJECT], self.by).await?;
                let is_group = || memberships.open().iter().any(|group| group.name() == *base);
                if reply.code == NO_SUCH_OBJECT && !is_group() {
                    let text = format!(
                        "there is no {base}, or the service account may not see it, so that no groups are found there; see group_base"
                    );
                    let outcome = Outcome::from(Outage::Misconfigured).with_detail(&text);
                    return Err(outcome.from_server(&reply.server));
                }
                for group in reply.entries {
                    let Some(dn) = Dn::of_one_entry(&group.dn).filter(|dn| dn.depth() > 0) else {
                        let text = format!("a group whose DN cannot be read: {:?}", group.dn);
                        let outcome = Outcome::from(Outage::UnreadableEntry).with_detail(&text);
                        return Err(outcome.from_server(&reply.server));
                    };
                    memberships.found_in(dn.clone(), &group.dn);
                    if self.visited.insert(dn) {
                        groups.push(group.dn);
                    }
                }
            }
        }
        Ok(groups)
    }

    fn naming_user(&self, user: &Entry) -> Vec<Naming> {
        let mut naming = Vec::new();
        if self.named_by != NamedBy::Dn {
            let login_names = user.texts("uid");
            naming.extend(
                login_names.map(|name| vec![Filter::equality("memberUid", name.as_bytes())]),
            );
        }
        naming.extend(self.naming_dn(&user.dn));
        naming
    }

    fn naming_dn(&self, dn: &str) -> Option<Naming> {
        let attributes = ["member", "uniqueMember"];
        (self.named_by != NamedBy::LoginName)
            .then(|| attributes.map(|name| Filter::equality(name, dn.as_bytes())).into())
    }
}
