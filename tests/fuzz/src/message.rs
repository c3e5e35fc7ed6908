//! Messages of a hostile server: whatever is read at all, ldap3 reads the same, unless it stumbles over
//! what is in parts that are to be ignored.

use ldap3::LdapResult;
use ldap3::asn1::{PL, Tag, parse_tag};
use xmpp_ldap_auth::directory::message::read_response;

/// The input is what a server sends.
pub fn check(input: &[u8]) {
    let Some((message, code)) = read_response(input) else { return };
    assert!(input.starts_with(message));
    assert_eq!(read_response(message), Some((message, code)), "it depends on what follows");
    let Ok((rest, element)) = parse_tag(message) else {
        assert!(code.is_some(), "only results have parts that are to be ignored");
        return;
    };
    assert!(rest.is_empty());
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
