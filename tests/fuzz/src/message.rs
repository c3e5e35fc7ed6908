//! Messages of a hostile server: what may reach ldap3 is within limits, and ldap3 reads the same.

use ldap3::LdapResult;
use ldap3::asn1::{PL, StructureTag, Tag, parse_tag};
use xmpp_ldap_auth::directory::admitted;

/// Levels of elements within each other: those of an operation, its own and the message's.
const DEEPEST: usize = 10;

/// The input is what a server sends.
pub fn check(input: &[u8]) {
    let Some((message, code)) = admitted(input) else { return };
    assert!(input.starts_with(message));
    assert_eq!(admitted(message), Some((message, code)), "it depends on what follows");
    let (rest, element) = parse_tag(message).expect("ldap3 could not read it");
    assert!(rest.is_empty());
    assert!(depth(&element) <= DEEPEST);
    let PL::C(fields) = element.payload else { panic!("a message is constructed") };
    let mut fields = fields.into_iter();
    let [id, operation] = [(); 2].map(|()| fields.next().expect("it has an ID and an operation"));
    assert!(matches!(id.payload, PL::P(digits) if (1..=4).contains(&digits.len())));
    if let Some(code) = code {
        // It panics where a field is missing.
        let result = LdapResult::from(Tag::StructureTag(operation));
        assert_eq!(result.rc, code);
    }
}

fn depth(element: &StructureTag) -> usize {
    match &element.payload {
        PL::P(_) => 1,
        PL::C(children) => 1 + children.iter().map(depth).max().unwrap_or_default(),
    }
}
