//! Byte streams: however one is cut, the same requests come out of it.

use secrecy::ExposeSecret;
use xmpp_ldap_auth::protocol::dialect::Framing;
use xmpp_ldap_auth::protocol::{Decoder, StreamEnd};
use xmpp_ldap_auth::request::{Refused, Request, Verb, Whom};
use xmpp_ldap_auth::verdict::Denial;

/// Everything that a request says.
pub type Facts = (Verb, Whom, Option<String>, Option<Denial>);

/// What a stream amounts to: its requests, and whether it ends within one.
pub type Decoded = (Vec<Facts>, bool);

/// What this request says.
pub fn facts(request: &Result<Request, Refused>) -> Facts {
    let request = match request {
        Ok(request) => request,
        Err(Refused { verb, whom, denial }) => {
            return (*verb, whom.clone(), None, Some(*denial));
        }
    };
    let password = match request {
        Request::Auth { password, .. } | Request::SetPass { password, .. } => {
            Some(password.expose_secret().to_owned())
        }
        Request::IsUser { .. } => None,
    };
    (request.verb(), Whom::Account(request.account().clone()), password, None)
}

/// The input is the lengths of the pieces, one a byte, a newline, and the stream.
pub fn check(input: &[u8], framing: Framing, longest: usize, expected: fn(&[u8]) -> Decoded) {
    let mut halves = input.splitn(2, |byte| *byte == b'\n');
    let lengths = halves.next().unwrap_or_default();
    let stream = halves.next().unwrap_or_default();
    let expected = expected(stream);
    assert_eq!(decode(framing, longest, [stream]), expected);
    assert_eq!(decode(framing, longest, stream.chunks(1)), expected);
    assert_eq!(decode(framing, longest, pieces(stream, lengths)), expected);
}

/// Pieces of these lengths, over and over.
fn pieces<'a>(mut stream: &'a [u8], lengths: &[u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    let mut lengths = lengths.iter().cycle();
    while !stream.is_empty() {
        let length = lengths.next().map_or(stream.len(), |length| usize::from(*length).max(1));
        let (piece, rest) = stream.split_at(length.min(stream.len()));
        pieces.push(piece);
        stream = rest;
    }
    pieces
}

fn decode<'a>(
    framing: Framing,
    longest: usize,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Decoded {
    let mut decoder = Decoder::new(framing);
    let mut requests = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        while let Some(request) = decoder.next_request() {
            requests.push(facts(&request));
        }
        assert!(decoder.held() <= longest, "{} bytes are held", decoder.held());
    }
    match decoder.finish() {
        StreamEnd::Clean => (requests, false),
        StreamEnd::Last(request) => {
            requests.push(facts(&request));
            (requests, false)
        }
        StreamEnd::Cut => (requests, true),
    }
}
