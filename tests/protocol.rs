//! Properties of the codecs, for every byte stream and every cut of it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use proptest::prelude::*;
use secrecy::ExposeSecret;
use xmpp_ldap_auth::jid::Account;
use xmpp_ldap_auth::protocol::dialect::Framing;
use xmpp_ldap_auth::protocol::line::{LONGEST_LINE, LineDecoder};
use xmpp_ldap_auth::protocol::{Decoder, StreamEnd};
use xmpp_ldap_auth::request::{Refused, Request, Verb, Whom};
use xmpp_ldap_auth::verdict::Denial;

/// Everything that a caller could see of a request.
fn shown(request: &Result<Request, Refused>) -> String {
    let request = match request {
        Ok(request) => request,
        Err(Refused { verb, whom, denial }) => {
            return format!("{verb:?} {whom:?} {:?}", format!("{denial:?}"));
        }
    };
    let password = match request {
        Request::Auth { password, .. } | Request::SetPass { password, .. } => {
            password.expose_secret()
        }
        Request::IsUser { .. } => "",
    };
    format!("{:?} {:?} {password:?}", request.verb(), Some(request.account().to_string()))
}

/// Decodes a stream that arrives in these pieces.
fn decode<'a>(framing: Framing, pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<String>, bool) {
    let mut decoder = Decoder::new(framing);
    let mut requests = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        while let Some(request) = decoder.next_request() {
            requests.push(shown(&request));
        }
    }
    match decoder.finish() {
        StreamEnd::Clean => (requests, false),
        StreamEnd::Last(request) => {
            requests.push(shown(&request));
            (requests, false)
        }
        StreamEnd::Cut => (requests, true),
    }
}

/// The pieces of `stream` between the cuts.
fn pieces<'a>(stream: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
    places.sort_unstable();
    let mut rest = stream;
    let mut start = 0;
    let mut pieces = Vec::new();
    for place in places {
        let (piece, after) = rest.split_at(place - start);
        pieces.push(piece);
        rest = after;
        start = place;
    }
    pieces.push(rest);
    pieces
}

fn framed(framing: Framing, text: &[u8]) -> Vec<u8> {
    match framing {
        Framing::Line => [text, b"\n"].concat(),
        Framing::Packet => {
            let length = u16::try_from(text.len()).unwrap().to_be_bytes();
            [&length[..], text].concat()
        }
    }
}

fn framings() -> impl Strategy<Value = Framing> {
    prop_oneof![Just(Framing::Line), Just(Framing::Packet)]
}

/// Bytes that are likely to hit the grammar, its limits, or neither.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..40),
        4 => "(auth|isuser|setpass|tryregister|):?[a-zäé*()\\\\]{0,8}:?[a-z.]{0,8}:?[ -~]{0,20}\n?".prop_map(String::into_bytes),
        1 => (900..1100usize, any::<u8>()).prop_map(|(length, byte)| vec![byte; length]),
        1 => Just(b"\n".to_vec()),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

#[test]
fn a_decoder_does_not_show_what_it_holds() {
    for framing in [Framing::Line, Framing::Packet] {
        let mut decoder = Decoder::new(framing);
        decoder.push(b"auth:alice:h:tops3cret");
        let shown = format!("{decoder:?}");
        assert!(shown.contains("held: 22"), "{shown}");
        assert!(!shown.contains("tops3cret") && !shown.contains("116, 111, 112"), "{shown}");
    }
}

proptest! {
    #[test]
    fn any_cut_gives_the_same_requests(
        framing in framings(),
        stream in hostile(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let whole = decode(framing, [&stream[..]]);
        prop_assert_eq!(&whole, &decode(framing, pieces(&stream, &cuts)));
        prop_assert_eq!(&whole, &decode(framing, stream.chunks(1)));
    }

    #[test]
    fn what_was_framed_comes_out_again(
        framing in framings(),
        user in prop_oneof!["[a-z0-9._à-öø-þ一-龥]{1,40}", "[^:\\p{C}]{1,40}"],
        host in "[a-z][a-z.]{0,20}",
        password in "[^\\p{C}]{0,200}",
        verb in prop_oneof![Just("auth"), Just("setpass")],
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let text = format!("{verb}:{user}:{host}:{password}");
        let stream = framed(framing, text.as_bytes());
        let (requests, cut) = decode(framing, pieces(&stream, &cuts));
        let expected_verb = if verb == "auth" { Verb::Auth } else { Verb::SetPass };
        prop_assert!(!cut);
        if framing == Framing::Packet || text.len() <= LONGEST_LINE {
            let expected = match Account::new(&user, &host) {
                Some(account) => format!("{expected_verb:?} {:?} {password:?}", Some(account.to_string())),
                None => {
                    let whom = Whom::Written(user.into(), host.into());
                    format!("{expected_verb:?} {whom:?} \"Malformed\"")
                }
            };
            prop_assert_eq!(requests, vec![expected]);
        } else {
            prop_assert_eq!(requests.len(), 1);
        }
    }

    #[test]
    fn every_line_gives_one_request(stream in hostile()) {
        let newlines = stream.iter().filter(|byte| **byte == b'\n').count();
        let unfinished = stream.last().is_some_and(|byte| *byte != b'\n');
        let (requests, _) = decode(Framing::Line, [&stream[..]]);
        prop_assert_eq!(requests.len(), newlines + usize::from(unfinished));
    }

    #[test]
    fn debug_never_shows_a_password(password in "[a-zA-Z0-9]{12,40}", verb in "(auth|setpass)") {
        let request = Request::parse(format!("{verb}:alice:example.com:{password}").as_bytes());
        let shown = format!("{request:?}");
        prop_assert!(!shown.contains(&password), "{}", shown);
    }

    #[test]
    fn a_control_character_is_never_carried_further(
        before in "[ -~&&[^:]]{0,10}",
        control in "[\\x00-\\x1f\\x7f\u{80}-\u{9f}]",
        after in "[ -~]{0,10}",
    ) {
        for text in [
            format!("auth:alice:example.com:{before}{control}{after}"),
            format!("setpass:alice:example.com:{before}{control}{after}"),
            format!("auth:a{control}:example.com:{before}"),
            format!("isuser:alice:exa{control}mple.com"),
        ] {
            let request = Request::parse(text.as_bytes());
            let refused = matches!(request, Err(Refused { denial: Denial::Malformed, .. }));
            prop_assert!(refused, "{:?} gave {:?}", text, request);
        }
    }
}

#[test]
fn an_overlong_line_costs_one_no_and_no_memory() {
    let mut decoder = LineDecoder::default();
    let mut requests = Vec::new();
    for _ in 0..1000 {
        decoder.push(&[b'a'; 4096]);
        requests.extend(decoder.next_request());
    }
    assert!(requests.is_empty());
    decoder.push(b"\nauth:alice:example.com:secret\n");
    while let Some(request) = decoder.next_request() {
        requests.push(request);
    }
    assert!(matches!(requests[0], Err(Refused { denial: Denial::Malformed, .. })));
    assert!(matches!(requests[1], Ok(Request::Auth { .. })));
    assert_eq!(requests.len(), 2);
}

#[test]
fn a_line_may_be_just_as_long_as_the_limit() {
    let head = "auth:alice:example.com:";
    for (length, accepted) in [(LONGEST_LINE, true), (LONGEST_LINE + 1, false)] {
        let line = format!("{head}{}\n", "p".repeat(length - head.len()));
        let mut decoder = LineDecoder::default();
        decoder.push(line.as_bytes());
        let request = decoder.next_request().unwrap();
        assert_eq!(matches!(request, Ok(Request::Auth { .. })), accepted, "{length}");
    }
}

#[test]
fn the_largest_packet_is_read_whole() {
    let head = "auth:alice:example.com:";
    let text = format!("{head}{}", "p".repeat(65_535 - head.len()));
    let stream = framed(Framing::Packet, text.as_bytes());
    let (requests, cut) = decode(Framing::Packet, stream.chunks(1000));
    assert_eq!((requests.len(), cut), (1, false));
    assert!(requests[0].starts_with("Auth"), "{}", &requests[0][..20]);
}

#[test]
fn an_empty_packet_is_a_malformed_request() {
    let (requests, cut) = decode(Framing::Packet, [&[0, 0, 0, 0][..]]);
    assert_eq!(requests.len(), 2);
    assert!(!cut);
}

#[test]
fn a_cut_packet_is_noticed() {
    assert!(decode(Framing::Packet, [&[0, 5, b'a'][..]]).1);
    assert!(decode(Framing::Packet, [&[0][..]]).1);
}
