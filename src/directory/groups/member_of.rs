//! The groups that the user's own entry names in `memberOf`.

use super::membership::Membership;
use crate::directory::message::entry::Entry;
use crate::directory::names::dn::Dn;

pub(super) fn find(user: &Entry, membership: &mut Membership<'_>) {
    user.texts("memberOf").filter_map(Dn::parse).for_each(|group| membership.found_in(group));
}
