//! Messages of a hostile server: whatever is read at all, ldap3 reads the same, unless it stumbles over
//! what is in parts that are to be ignored, or over text that is not UTF-8, which decides nothing.

use ldap3::LdapResult;
use ldap3::asn1::{PL, StructureTag, Tag, parse_tag};
use xmpp_ldap_auth::directory::message::ber::message_length;
use xmpp_ldap_auth::directory::message::{Envelope, Response};

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
    if let Some(code) = code.filter(|_| is_text(&operation)) {
        // It panics where a field is missing.
        let result = LdapResult::from(Tag::StructureTag(operation));
        assert_eq!(result.rc, code);
    }
}

/// The response at the start of what a server sent, if it is as the protocol says, and the result
/// code in it, if there is one.
fn read_response(sent: &[u8]) -> Option<(&[u8], Option<u32>)> {
    let bytes = sent.get(..message_length(sent).ok()??)?;
    let code = match Envelope::open(bytes).ok()?.response().ok()? {
        Response::End(result) => Some(result.code),
        Response::Entry(_) | Response::NamelessEntry | Response::References(_) => None,
    };
    Some((bytes, code))
}

/// Whether all that it holds is UTF-8.
fn is_text(element: &StructureTag) -> bool {
    match &element.payload {
        PL::P(bytes) => std::str::from_utf8(bytes).is_ok(),
        PL::C(parts) => parts.iter().all(is_text),
    }
}
