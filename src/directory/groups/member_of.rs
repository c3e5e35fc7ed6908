//! The groups that the user's own entry names in `memberOf`.

use super::membership::Memberships;
use crate::directory::message::entry::Entry;
use crate::directory::names::dn::Dn;

pub(super) fn find(user: &Entry, memberships: &mut Memberships<'_>) {
    for name in user.texts("memberOf") {
        if let Some(dn) = Dn::of_one_entry(name) {
            memberships.found_in(dn, name);
        }
    }
}
