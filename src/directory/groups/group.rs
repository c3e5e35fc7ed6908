//! A group that the configuration names, and what the directory says of it.

use std::fmt;

use crate::deadline::Deadline;
use crate::directory::message::Query;
use crate::directory::message::entry::Entry;
use crate::directory::names::dn::Dn;
use crate::directory::pool::search::Searcher;
use crate::result_code::{INVALID_DN_SYNTAX, NO_SUCH_OBJECT, REFERRAL, SUCCESS};
use crate::verdict::{Outage, Outcome, Verdict};

/// A group, by its DN as written and in comparable form.
#[derive(Clone, Debug)]
pub struct Group {
    name: String,
    dn: Dn,
}

/// What became of reading a group.
#[derive(Debug)]
pub enum GroupEntry {
    /// Its entry.
    There(Entry),
    /// There is none, or none that may be seen.
    Missing,
    /// The server does not hold it and names another one.
    Elsewhere,
}

impl GroupEntry {
    /// What the answer to the search for a group says; `None` if it says nothing about the group.
    pub(in crate::directory) fn of(code: u32, entries: Vec<Entry>) -> Option<Self> {
        match (code, entries.into_iter().next()) {
            (REFERRAL, _) => Some(Self::Elsewhere),
            (SUCCESS, Some(entry)) => Some(Self::There(entry)),
            (SUCCESS | NO_SUCH_OBJECT, _) => Some(Self::Missing),
            _ => None,
        }
    }
}

impl Group {
    /// The attributes that tell one group from another, and of which kind it is.
    const ATTRIBUTES: [&str; 3] = ["objectClass", "objectSid", "groupType"];

    /// Reads a DN; the error says what to write instead.
    pub fn parse(source: &str) -> Result<Self, String> {
        let dn = Dn::of_one_entry(source).filter(|dn| dn.depth() > 0).ok_or(
            "it is no DN; write the group's, such as \"cn=chat,ou=groups,dc=example,dc=com\"",
        )?;
        Ok(Self { name: source.to_owned(), dn })
    }

    /// Its DN as written.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its DN in comparable form.
    pub(in crate::directory) fn dn(&self) -> &Dn {
        &self.dn
    }

    /// The search that reads it.
    pub(in crate::directory) fn query(&self) -> Query<'_> {
        Query::entry(&self.name, &Self::ATTRIBUTES)
    }

    /// What the directory says of it.
    pub(super) async fn read(
        &self,
        searcher: &Searcher,
        by: Deadline,
    ) -> Result<GroupEntry, Outcome> {
        let reply = searcher.search(&self.query(), &[NO_SUCH_OBJECT, REFERRAL], by).await;
        let about_it = |outcome: Outcome| {
            let text = format!("{self}: {}", outcome.detail.as_deref().unwrap_or_default());
            let outage = Outage::Refused { code: Some(INVALID_DN_SYNTAX) };
            if outcome.verdict == Verdict::Unavailable(outage) {
                let text = format!("{text}; write the DN in require_group as the server does");
                return Outcome { verdict: Verdict::Unavailable(Outage::Misconfigured), ..outcome }
                    .with_detail(&text);
            }
            outcome.with_detail(&text)
        };
        let reply = reply.map_err(about_it)?;
        Ok(GroupEntry::of(reply.code, reply.entries).unwrap_or(GroupEntry::Missing))
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
