//! Active Directory's `tokenGroups`: the security identifiers of all groups of a user, however deep,
//! the primary group among them. Distribution groups are not there.

use std::collections::HashSet;

use super::membership::Membership;
use crate::deadline::Deadline;
use crate::directory::message::Query;
use crate::directory::message::entry::Entry;
use crate::directory::pool::search::Searcher;
use crate::result_code::NO_SUCH_OBJECT;
use crate::verdict::Outcome;

pub(super) async fn find(
    user: &Entry,
    searcher: &Searcher,
    membership: &mut Membership<'_>,
    by: Deadline,
) -> Result<(), Outcome> {
    let Some(user) = read(&user.dn, "tokenGroups", searcher, by).await? else { return Ok(()) };
    let tokens: HashSet<&[u8]> = user.values("tokenGroups").collect();
    for group in membership.missing() {
        let entry = read(group.name(), "objectSid", searcher, by).await?;
        if entry.is_some_and(|entry| entry.values("objectSid").any(|sid| tokens.contains(sid))) {
            membership.found_in(group.dn());
        }
        if membership.is_settled() {
            break;
        }
    }
    Ok(())
}

/// One attribute of an entry; `None` where there is no such entry.
async fn read(
    dn: &str,
    attribute: &str,
    searcher: &Searcher,
    by: Deadline,
) -> Result<Option<Entry>, Outcome> {
    let attributes = [attribute];
    let query = Query::entry(dn, &attributes);
    Ok(searcher.search(&query, &[NO_SUCH_OBJECT], by).await?.entries.into_iter().next())
}
