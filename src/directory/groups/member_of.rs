//! The groups that the user's own entry names in `memberOf`.

use super::membership::Memberships;
use crate::directory::message::entry::Entry;
use crate::directory::names::dn::Dn;

pub(super) fn find(user: &Entry, memberships: &mut Memberships<'_>) {
    user.texts("memberOf").filter_map(Dn::parse).for_each(|group| memberships.found_in(group));
}
