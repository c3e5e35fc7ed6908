//! The groups that the user's own entry names in `memberOf`.

use super::membership::Membership;
use crate::directory::message::entry::Entry;
use crate::directory::names::dn::Dn;

pub(super) fn find(user: &Entry, membership: &mut Membership<'_>) {
    for group in user.texts("memberOf").filter_map(Dn::parse) {
        membership.found_in(&group);
    }
}
