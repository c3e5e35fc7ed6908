//! Prosody's lines.

use xmpp_ldap_auth::protocol::dialect::Framing;
use xmpp_ldap_auth::protocol::line::LONGEST_LINE;
use xmpp_ldap_auth::request::{Refused, Request};

use crate::stream::{self, Decoded, facts};

/// See [`stream::check`].
pub fn check(input: &[u8]) {
    stream::check(input, Framing::Line, LONGEST_LINE, expected);
}

fn expected(stream: &[u8]) -> Decoded {
    let mut lines: Vec<&[u8]> = stream.split(|byte| *byte == b'\n').collect();
    if lines.last().is_some_and(|last| last.is_empty()) {
        lines.pop();
    }
    let request = |line: &&[u8]| match line.len() {
        0..=LONGEST_LINE => Request::parse(line),
        _ => Err(Refused::unreadable()),
    };
    (lines.iter().map(request).map(|request| facts(&request)).collect(), false)
}
