//! What was found out so far about the groups of a user.

use std::collections::{HashMap, HashSet};

use super::group::Group;
use crate::directory::message::entry::Entry;
use crate::directory::names::dn::Dn;
use crate::verdict::Outcome;

/// Whether a user is in a group.
#[derive(Clone, Debug)]
pub enum Membership {
    /// The user is in it.
    In,
    /// The user is not in it; and what is wrong with the group, if that may be why.
    NotIn(Option<String>),
    /// The directory does not tell.
    Unknown(Outcome),
}

/// Whether a user is in as many groups as a rule wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Belonging {
    /// In as many as are wanted.
    In,
    /// Not in so many; and what is wrong with the groups, if that may be why.
    NotIn(String),
}

/// What is known of a user and some groups.
#[derive(Debug)]
pub struct Memberships<'a> {
    /// Each group; nothing is known of the user in it as long as nobody needed to know.
    known: Vec<(&'a Group, Option<Membership>)>,
    /// Whether it takes all of the groups, and not just one, to know enough.
    all: bool,
    /// The groups that the user is in, each as it was called.
    dns: HashMap<Dn, String>,
    sids: HashSet<Vec<u8>>,
}

impl<'a> Memberships<'a> {
    /// Nothing is known yet; there is enough when the user is found in one of the groups, or in all.
    pub(super) fn new(groups: &'a [Group], all: bool) -> Self {
        let known = groups.iter().map(|group| (group, None)).collect();
        Self { known, all, dns: HashMap::new(), sids: HashSet::new() }
    }

    /// Each group, and what was found out.
    pub fn iter(&self) -> impl Iterator<Item = (&'a Group, Option<&Membership>)> {
        self.known.iter().map(|(group, membership)| (*group, membership.as_ref()))
    }

    /// Whether the user is in one of the groups, or in all of them, if so many are wanted. The outcome
    /// says why nobody can tell.
    pub fn belonging(&self, all: bool) -> Result<Belonging, Outcome> {
        if self.suffices(all) {
            return Ok(Belonging::In);
        }
        let (mut faults, mut is_outside, mut unknown) = (Vec::new(), false, None);
        for (_, membership) in self.iter() {
            match membership {
                Some(Membership::NotIn(fault)) => {
                    is_outside = true;
                    faults.extend(fault.as_deref());
                }
                Some(Membership::Unknown(outcome)) => unknown = Some(outcome),
                Some(Membership::In) | None => {}
            }
        }
        match unknown {
            Some(outcome) if !(all && is_outside) => Err(outcome.clone()),
            _ => Ok(Belonging::NotIn(faults.join("; "))),
        }
    }

    /// Whether there is nothing more to find out.
    pub(super) fn is_decided(&self) -> bool {
        self.suffices(self.all)
    }

    fn suffices(&self, all: bool) -> bool {
        let mut each = self.known.iter().map(|(_, known)| matches!(known, Some(Membership::In)));
        self.known.is_empty() || if all { each.all(|is_in| is_in) } else { each.any(|is_in| is_in) }
    }

    /// The groups to ask about.
    pub(super) fn open(&self) -> Vec<&'a Group> {
        self.iter().filter(|(_, known)| known.is_none()).map(|(group, _)| group).collect()
    }

    /// The user is in the group of this DN, which need not be among those that are asked about, or
    /// may be called by another spelling there.
    pub(super) fn found_in(&mut self, dn: Dn, name: &str) {
        self.learn(&dn, &Membership::In);
        self.dns.insert(dn, name.to_owned());
    }

    /// What the groups that the user is in are called that may be this one, where servers differ in which
    /// letters are the same.
    pub(super) fn names_like(&self, name: &str) -> Vec<String> {
        let dn = Dn::parse(name);
        let names = self.dns.values().filter(|known| dn.is_some() && Dn::parse(known) == dn);
        names.cloned().collect()
    }

    /// The user is in the group with this security identifier; an empty one is none.
    pub(super) fn found_by_sid(&mut self, sid: Vec<u8>) {
        if !sid.is_empty() {
            self.sids.insert(sid);
        }
    }

    /// Whether the user was found in the group of this entry, whatever the configuration calls it.
    pub(super) fn recognizes(&self, entry: &Entry) -> bool {
        Dn::of_one_entry(&entry.dn).is_some_and(|dn| self.dns.contains_key(&dn))
            || entry.values("objectSid").any(|sid| self.sids.contains(sid))
    }

    /// This was found out about the group of this DN, unless it was before.
    pub(super) fn learn(&mut self, dn: &Dn, membership: &Membership) {
        for (group, known) in &mut self.known {
            if known.is_none() && group.dn() == dn {
                *known = Some(membership.clone());
            }
        }
    }

    /// Nobody can tell about the groups that are open.
    pub(super) fn give_up(&mut self, why: &Outcome) {
        for (_, known) in &mut self.known {
            known.get_or_insert_with(|| Membership::Unknown(why.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Outage;

    #[test]
    fn one_group_or_all_of_them_are_wanted() {
        let groups = ["cn=a", "cn=b"].map(|name| Group::parse(name).unwrap());
        let [is_in, outside, at_fault, unknown] = [
            Membership::In,
            Membership::NotIn(None),
            Membership::NotIn(Some("fault".to_owned())),
            Membership::Unknown(Outage::Referral.into()),
        ];
        let not_in = |why: &str| Some(Belonging::NotIn(why.to_owned()));
        for (first, second, any, all) in [
            (Some(&is_in), Some(&is_in), Some(Belonging::In), Some(Belonging::In)),
            (Some(&is_in), Some(&outside), Some(Belonging::In), not_in("")),
            (Some(&is_in), Some(&unknown), Some(Belonging::In), None),
            (Some(&unknown), Some(&at_fault), None, not_in("fault")),
            (Some(&at_fault), Some(&at_fault), not_in("fault; fault"), not_in("fault; fault")),
            (Some(&unknown), Some(&unknown), None, None),
            (Some(&is_in), None, Some(Belonging::In), not_in("")),
        ] {
            let mut known = Memberships::new(&groups, true);
            for (group, membership) in groups.iter().zip([first, second]) {
                membership.into_iter().for_each(|membership| known.learn(group.dn(), membership));
            }
            assert_eq!(known.belonging(false).ok(), any, "{first:?} {second:?}");
            assert_eq!(known.belonging(true).ok(), all, "{first:?} {second:?}");
        }
        assert_eq!(Memberships::new(&[], false).belonging(false).unwrap(), Belonging::In);
    }

    #[test]
    fn what_is_known_of_a_group_stays_known() {
        let groups = [Group::parse("cn=A,dc=x").unwrap()];
        let mut known = Memberships::new(&groups, false);
        known.found_in(Dn::of_one_entry("CN=a, DC=x").unwrap(), "CN=a, DC=x");
        assert!(known.is_decided() && known.open().is_empty());
        known.learn(groups[0].dn(), &Membership::NotIn(None));
        known.give_up(&Outage::Referral.into());
        assert_eq!(known.belonging(true).unwrap(), Belonging::In);
    }
    #[test]
    fn an_identifier_that_is_empty_is_nobodys() {
        let groups = [Group::parse("cn=A,dc=x").unwrap()];
        let mut known = Memberships::new(&groups, false);
        let entry =
            |sid: &[u8]| Entry::new("cn=A,dc=x", vec![("objectSid".into(), vec![sid.into()])]);
        known.found_by_sid(Vec::new());
        known.found_by_sid(vec![1]);
        assert!(known.recognizes(&entry(&[1])) && !known.recognizes(&entry(&[])));
    }
}
