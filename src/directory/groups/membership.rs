//! What was found out so far about the groups of a user.

use std::collections::HashSet;

use super::group::Group;
use crate::directory::message::entry::Entry;
use crate::directory::names::dn::Dn;

/// The groups in which a user must be and was not found yet, and those in which the user was found.
#[derive(Debug)]
pub(super) struct Membership<'a> {
    missing: Vec<&'a Group>,
    is_in_one: bool,
    all: bool,
    dns: HashSet<Dn>,
    sids: HashSet<Vec<u8>>,
}

impl<'a> Membership<'a> {
    /// A user who was found in none of these groups, and must be in one of them or in all.
    pub(super) fn new(groups: &'a [Group], all: bool) -> Self {
        Self {
            missing: groups.iter().collect(),
            is_in_one: false,
            all,
            dns: HashSet::new(),
            sids: HashSet::new(),
        }
    }

    /// Whether the user is in as many groups as are wanted.
    pub(super) fn is_settled(&self) -> bool {
        if self.all { self.missing.is_empty() } else { self.is_in_one }
    }

    /// The groups to ask about.
    pub(super) fn missing(&self) -> Vec<&'a Group> {
        self.missing.clone()
    }

    /// The user is in the group of this DN, which need not be among those that are asked about, or
    /// may be called by another spelling there.
    pub(super) fn found_in(&mut self, dn: Dn) {
        let before = self.missing.len();
        self.missing.retain(|group| *group.dn() != dn);
        self.is_in_one |= self.missing.len() < before;
        self.dns.insert(dn);
    }

    /// The user is in the group with this security identifier.
    pub(super) fn found_by_sid(&mut self, sid: Vec<u8>) {
        self.sids.insert(sid);
    }

    /// Whether the user was found in the group of this entry, whatever the configuration calls it.
    pub(super) fn recognize(&mut self, group: &Group, entry: &Entry) -> bool {
        let is_in = Dn::parse(&entry.dn).is_some_and(|dn| self.dns.contains(&dn))
            || entry.values("objectSid").any(|sid| self.sids.contains(sid));
        if is_in {
            self.found_in(group.dn().clone());
        }
        is_in
    }
}
