//! Active Directory's rule that walks a chain of DNs, LDAP_MATCHING_RULE_IN_CHAIN (MS-ADTS, section
//! 3.1.1.3.4.4): one search for each group says whether the user is in it, however deep.

use super::membership::Memberships;
use crate::deadline::Deadline;
use crate::directory::message::entry::Entry;
use crate::directory::message::oid::MATCHING_RULE_IN_CHAIN;
use crate::directory::message::{Filter, Query};
use crate::directory::pool::search::Searcher;
use crate::verdict::Outcome;

pub(super) async fn find(
    user: &Entry,
    searcher: &Searcher,
    memberships: &mut Memberships<'_>,
    by: Deadline,
) -> Result<(), Outcome> {
    for group in memberships.open() {
        let name = group.name().as_bytes();
        let filter = Filter::extensible("memberOf", MATCHING_RULE_IN_CHAIN, name);
        let query = Query { filter: &filter, ..Query::entry(&user.dn, &[]) };
        if !searcher.search(&query, &[], by).await?.entries.is_empty() {
            memberships.found_in(group.dn().clone(), group.name());
        }
        if memberships.is_decided() {
            break;
        }
    }
    Ok(())
}
