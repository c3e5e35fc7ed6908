//! Names that nobody has, to find out whether a server judges binds at all.

use std::sync::Arc;

/// A name of the same form as this one, which a server takes in a bind the same way; `None` if the form
/// is not known.
pub(in crate::directory) fn nobody_like(name: &str) -> Option<Arc<str>> {
    let nobody = format!("xmpp-ldap-auth-{:016x}", fastrand::u64(..));
    if let Some((domain, _)) = name.split_once('\\').filter(|_| !name.contains('=')) {
        return Some(format!("{domain}\\{nobody}").into());
    }
    if !name.contains('=') {
        return name.rsplit_once('@').map(|(_, domain)| format!("{nobody}@{domain}").into());
    }
    let is_escaped =
        |at: usize| name.as_bytes().get(..at).is_some_and(|before| before.ends_with(b"\\"));
    let parent = name.match_indices(',').find(|(at, _)| !is_escaped(*at));
    let parent = parent.and_then(|(at, _)| name.get(at..)).unwrap_or_default();
    Some(format!("cn={nobody}{parent}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_kept_and_the_name_is_not() {
        for (name, end) in [
            ("uid=alice,ou=people,dc=x", ",ou=people,dc=x"),
            ("cn=Doe\\, Jane,ou=people,dc=x", ",ou=people,dc=x"),
            ("alice@corp.example", "@corp.example"),
        ] {
            let nobody = nobody_like(name).unwrap();
            assert!(nobody.ends_with(end) && !nobody.contains("alice"), "{nobody}");
            assert_ne!(nobody, nobody_like(name).unwrap());
        }
        assert!(nobody_like("CORP\\alice").unwrap().starts_with("CORP\\xmpp-ldap-auth-"));
        assert_eq!(nobody_like("alice"), None);
        assert!(nobody_like("uid=alice").unwrap().starts_with("cn=xmpp-ldap-auth-"));
    }
}
