//! Groups of a kind in which a method finds nobody.

use super::group::GroupEntry;
use super::method::GroupMethod;
use crate::directory::message::entry::Entry;

/// Classes of groups that list DNs.
const LIST_DNS: [&str; 6] = [
    "groupOfNames",
    "groupOfUniqueNames",
    "groupOfMembers",
    "groupOfEntries",
    "group",
    "nestedGroup",
];

/// Classes of what is no group, unless it is one besides.
const NO_GROUPS: [&str; 12] = [
    "person",
    "organizationalPerson",
    "inetOrgPerson",
    "account",
    "posixAccount",
    "contact",
    "foreignSecurityPrincipal",
    "container",
    "domain",
    "organization",
    "organizationalRole",
    "organizationalUnit",
];

/// The bit of `groupType` that makes a security group, which has a place in `tokenGroups` (MS-ADTS,
/// section 2.2.12).
const SECURITY_GROUP: i32 = i32::MIN;

/// The bit of `groupType` that makes a universal group.
const UNIVERSAL_GROUP: i32 = 8;

/// Why nobody is found in such a group by this method, with what to do about it.
/// `is_foreign`: a global catalog says so, of a group of another domain.
pub(super) fn fault(
    method: GroupMethod,
    entry: &GroupEntry,
    is_foreign: bool,
) -> Option<&'static str> {
    let entry = match entry {
        GroupEntry::There(entry) => entry,
        GroupEntry::Missing => {
            return Some("does not exist, or the service account may not see it");
        }
        GroupEntry::Elsewhere => {
            return Some(
                "lies in another domain, or on another server; the groups of a forest are known to its global catalog: write global_catalog = [\"ldaps://…:3269\"]",
            );
        }
    };
    if entry.has("objectClass", "nsRoleDefinition") {
        return Some(
            "is a role, which lists nobody: ask for it in user_filter, such as (&(uid={localpart})(nsRole=…))",
        );
    }
    let lists_dns = LIST_DNS.iter().any(|class| entry.has("objectClass", class));
    let lists_names = entry.has("objectClass", "posixGroup");
    let is_other = NO_GROUPS.iter().any(|class| entry.has("objectClass", class));
    match method {
        _ if is_other && !lists_dns && !lists_names => {
            Some("is no group, but a person, a role or a place: write the DN of a group")
        }
        _ if is_foreign && group_type(entry).is_some_and(|kind| kind & UNIVERSAL_GROUP == 0) => {
            Some(
                "is no universal group, and of no other one a global catalog knows the members: make it universal",
            )
        }
        GroupMethod::TokenGroups
            if group_type(entry).is_some_and(|kind| kind & SECURITY_GROUP == 0) =>
        {
            Some(
                "is a distribution group, which tokenGroups does not hold: write group_method = \"auto\"",
            )
        }
        GroupMethod::Member | GroupMethod::MemberOf if lists_names && !lists_dns => {
            Some("lists login names and no DNs: write group_method = \"memberuid\", or \"auto\"")
        }
        GroupMethod::MemberUid if lists_dns && !lists_names => {
            Some("lists DNs and no login names: write group_method = \"member\", or \"auto\"")
        }
        _ => None,
    }
}

fn group_type(entry: &Entry) -> Option<i32> {
    entry.text("groupType").and_then(|kind| kind.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_global_catalog_knows_the_members_of_universal_groups_alone() {
        for (kind, is_foreign, is_said) in [
            ("-2147483640", true, false),
            ("8", true, false),
            ("-2147483646", true, true),
            ("-2147483644", true, true),
            ("2", true, true),
            ("-2147483644", false, false),
        ] {
            let values = |value: &str| vec![value.as_bytes().to_vec()];
            let attributes = vec![
                ("objectClass".to_owned(), values("group")),
                ("groupType".to_owned(), values(kind)),
            ];
            let entry = GroupEntry::There(Entry::new("cn=x", attributes));
            let fault = fault(GroupMethod::Auto, &entry, is_foreign);
            assert_eq!(fault.is_some_and(|it| it.contains("universal")), is_said, "{kind}");
        }
    }
}
