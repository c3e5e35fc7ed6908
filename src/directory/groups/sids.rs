//! The groups of which Active Directory keeps no names with the user but security identifiers (SID):
//! the primary group, and in `tokenGroups` all groups, however deep. Distribution groups are not there.

use super::membership::Memberships;
use crate::deadline::Deadline;
use crate::directory::message::Query;
use crate::directory::message::entry::Entry;
use crate::directory::pool::search::Searcher;
use crate::result_code::NO_SUCH_OBJECT;
use crate::verdict::Outcome;

/// The attributes that tell the primary group, in which a user is a direct member.
pub(super) const PRIMARY_GROUP: &[&str] = &["primaryGroupID", "objectSid"];

/// The attributes that tell all groups of a user, or at least the primary one to whom may not read
/// more.
pub(super) const ALL_GROUPS: &[&str] = &["tokenGroups", "primaryGroupID", "objectSid"];

/// Finds groups by these attributes of the user, which are told of one entry at a time. Returns
/// whether there were `tokenGroups`, which no user of Active Directory is without.
pub(super) async fn find(
    user: &Entry,
    attributes: &[&str],
    searcher: &Searcher,
    memberships: &mut Memberships<'_>,
    by: Deadline,
) -> Result<bool, Outcome> {
    let query = Query::entry(&user.dn, attributes);
    let mut is_read = false;
    for user in searcher.search(&query, &[NO_SUCH_OBJECT], by).await?.entries {
        for sid in user.values("tokenGroups") {
            memberships.found_by_sid(sid.to_vec());
            is_read = true;
        }
        if let Some(sid) = primary_group(&user) {
            memberships.found_by_sid(sid);
        }
    }
    Ok(is_read)
}

/// The SID of the primary group: that of the user with the group's relative identifier in the place
/// of the user's (MS-DTYP, section 2.4.2.2).
fn primary_group(user: &Entry) -> Option<Vec<u8>> {
    let id: u32 = user.text("primaryGroupID")?.parse().ok()?;
    let mut sid = user.values("objectSid").next()?.to_vec();
    sid.truncate(sid.len().checked_sub(4)?);
    sid.extend_from_slice(&id.to_le_bytes());
    Some(sid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(id: &str, sid: &[u8]) -> Entry {
        Entry::new(
            "cn=x",
            vec![
                ("primaryGroupID".to_owned(), vec![id.as_bytes().to_vec()]),
                ("objectSid".to_owned(), vec![sid.to_vec()]),
            ],
        )
    }

    #[test]
    fn the_primary_group_is_of_the_users_domain() {
        let sid = |rid: u32| [b"\x01\x05domain".as_slice(), &rid.to_le_bytes()].concat();
        assert_eq!(primary_group(&user("513", &sid(1104))), Some(sid(513)));
        for (id, sid) in [("", &*sid(1)), ("x", &*sid(1)), ("513", b"abc"), ("-1", &*sid(1))] {
            assert_eq!(primary_group(&user(id, sid)), None, "{id}");
        }
    }
}
