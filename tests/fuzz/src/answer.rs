//! Answers of a server, from bytes.

use xmpp_ldap_auth::directory::message::oid::PASSWORD_POLICY;
use xmpp_ldap_auth::directory::message::{LdapResult, ResponseControl};

use crate::first_line;

/// The controls that anybody looks at, by the byte that stands for them, and one more.
const CONTROLS: [(u8, &str); 4] = [
    (b'p', PASSWORD_POLICY),
    (b'e', "2.16.840.1.113730.3.4.4"),
    (b'w', "2.16.840.1.113730.3.4.5"),
    (b'?', "1.2.840.113556.1.4.319"),
];

/// The answer of an input: a result code in one line, a message in the next, then [`controls`].
pub fn read(input: &[u8]) -> Option<LdapResult> {
    let (code, rest) = first_line(input)?;
    let (text, rest) = first_line(rest)?;
    Some(LdapResult {
        code: code.parse().ok()?,
        text: text.replace("\\n", "\n").replace("\\0", "\0"),
        controls: controls(rest),
        ..LdapResult::default()
    })
}

/// Controls, each as the byte for it, the length of its value in a byte, and the value.
pub fn controls(mut input: &[u8]) -> Vec<ResponseControl> {
    let mut controls = Vec::new();
    while let [kind, length, rest @ ..] = input {
        let known = CONTROLS.iter().find(|(known, _)| known == kind);
        let (value, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        controls.push(ResponseControl {
            oid: known.unwrap_or(&CONTROLS[3]).1.to_owned(),
            value: Some(value.to_vec()),
        });
        input = rest;
    }
    controls
}
