//! ejabberd's packets.

use xmpp_ldap_auth::protocol::dialect::Framing;
use xmpp_ldap_auth::request::Request;

use crate::stream::{self, Decoded, facts};

/// A length and all but the last byte of the longest packet.
const LONGEST: usize = 2 + 0xffff - 1;

/// See [`stream::check`].
pub fn check(input: &[u8]) {
    stream::check(input, Framing::Packet, LONGEST, expected);
}

fn expected(stream: &[u8]) -> Decoded {
    let mut requests = Vec::new();
    let mut at = 0;
    while at + 2 <= stream.len() {
        let start = at + 2;
        let end = start + usize::from(stream[at]) * 256 + usize::from(stream[at + 1]);
        if end > stream.len() {
            break;
        }
        requests.push(facts(&Request::parse(&stream[start..end])));
        at = end;
    }
    (requests, at < stream.len())
}
