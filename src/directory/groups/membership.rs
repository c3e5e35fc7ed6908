//! In which of the groups that are asked about a user was found so far.

use super::group::Group;
use crate::directory::names::dn::Dn;

/// The groups in which a user was not found yet, and whether one that was found is enough.
#[derive(Debug)]
pub(super) struct Membership<'a> {
    missing: Vec<&'a Group>,
    is_in_one: bool,
    all: bool,
}

impl<'a> Membership<'a> {
    /// A user who was found in none of these groups, and must be in one of them or in all.
    pub(super) fn new(groups: &'a [Group], all: bool) -> Self {
        Self { missing: groups.iter().collect(), is_in_one: false, all }
    }

    /// Whether the user is in as many groups as are wanted.
    pub(super) fn is_settled(&self) -> bool {
        if self.all { self.missing.is_empty() } else { self.is_in_one }
    }

    /// The groups to ask about.
    pub(super) fn missing(&self) -> Vec<&'a Group> {
        self.missing.clone()
    }

    /// The user is in the group of this DN, which need not be among those that are asked about.
    pub(super) fn found_in(&mut self, dn: &Dn) {
        let before = self.missing.len();
        self.missing.retain(|group| group.dn() != dn);
        self.is_in_one |= self.missing.len() < before;
    }
}
