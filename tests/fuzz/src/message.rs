//! Messages of a hostile server: whatever is read at all, ldap3 reads the same, unless it stumbles over
//! what is in parts that are to be ignored, or over text that is not UTF-8, which decides nothing.

use ldap3::LdapResult;
use ldap3::asn1::{PL, StructureTag, Tag, parse_tag};
use xmpp_ldap_auth::directory::message::ber::message_length;
use xmpp_ldap_auth::directory::message::entry::Entry;
use xmpp_ldap_auth::directory::message::{Envelope, Response};

/// The input is what a server sends.
pub fn check(input: &[u8]) {
    let Some((message, response)) = read_response(input) else { return };
    assert!(input.starts_with(message));
    let again =
        read_response(message).map(|(message, response)| (message, format!("{response:?}")));
    assert_eq!(again, Some((message, format!("{response:?}"))), "it depends on what follows");
    let code = match &response {
        Response::End(result) => Some(result.code),
        Response::Entry(_) | Response::NamelessEntry | Response::References(_) => None,
    };
    let Ok((rest, element)) = parse_tag(message) else {
        assert!(code.is_some(), "only results have parts that are to be ignored");
        return;
    };
    assert!(rest.is_empty());
    let PL::C(fields) = element.payload else { panic!("a message is constructed") };
    let mut fields = fields.into_iter();
    let [id, operation] = [(); 2].map(|()| fields.next().expect("it has an ID and an operation"));
    assert!(matches!(id.payload, PL::P(digits) if (1..=4).contains(&digits.len())));
    match &response {
        Response::Entry(entry) => check_entry(entry, &operation),
        Response::References(references) => {
            let sent: Vec<_> = parts(&operation).iter().map(lossy).collect();
            assert_eq!(*references, sent);
        }
        Response::End(result) => assert_eq!(result.text, lossy(&parts(&operation)[2])),
        Response::NamelessEntry => assert!(!is_text(&parts(&operation)[0])),
    }
    if let Some(code) = code.filter(|_| is_text(&operation)) {
        // It panics where a field is missing.
        let result = LdapResult::from(Tag::StructureTag(operation));
        assert_eq!(result.rc, code);
    }
}

/// The response at the start of what a server sent, if it is as the protocol says.
fn read_response(sent: &[u8]) -> Option<(&[u8], Response)> {
    let bytes = sent.get(..message_length(sent).ok()??)?;
    let response = Envelope::open(bytes).ok()?.response().ok()?;
    Some((bytes, response))
}

/// Whether an entry has the name and the values that were sent, and no others.
fn check_entry(entry: &Entry, sent: &StructureTag) {
    let [dn, attributes] = parts(sent) else { panic!("an entry has two parts") };
    assert_eq!(entry.dn, lossy(dn));
    for attribute in parts(attributes) {
        let name = lossy(&parts(attribute)[0]);
        let is_named = |other: &&StructureTag| lossy(&parts(other)[0]).eq_ignore_ascii_case(&name);
        let named = parts(attributes).iter().filter(is_named);
        let values = named.flat_map(|attribute| parts(&parts(attribute)[1])).map(bytes);
        assert!(entry.values(&name).eq(values), "{name}");
    }
}

fn parts(element: &StructureTag) -> &[StructureTag] {
    match &element.payload {
        PL::C(parts) => parts,
        PL::P(_) => panic!("it has parts"),
    }
}

fn bytes(element: &StructureTag) -> &[u8] {
    match &element.payload {
        PL::P(bytes) => bytes,
        PL::C(_) => panic!("it has no parts"),
    }
}

fn lossy(element: &StructureTag) -> String {
    String::from_utf8_lossy(bytes(element)).into_owned()
}

/// Whether all that it holds is UTF-8.
fn is_text(element: &StructureTag) -> bool {
    match &element.payload {
        PL::P(bytes) => std::str::from_utf8(bytes).is_ok(),
        PL::C(parts) => parts.iter().all(is_text),
    }
}
