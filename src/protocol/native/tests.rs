//! Both codecs of the native protocol.

use std::sync::Arc;

use proptest::prelude::*;
use secrecy::SecretString;

use super::*;
use crate::jid::Account;

fn ask(line: &str) -> Ask {
    match read_client(line.as_bytes()) {
        Ok(FromClient::Ask(ask)) => ask,
        other => panic!("{line}: {other:?}"),
    }
}

fn denial(line: &str) -> Denial {
    ask(line).request.unwrap_err().denial
}

#[test]
fn a_hello_names_a_version_and_nothing_else_counts() {
    for (line, version) in [(r#"{"hello":1}"#, 1), (r#"{"id":1,"hello":2,"cancel":"x"}"#, 2)] {
        let Ok(FromClient::Hello { version: read }) = read_client(line.as_bytes()) else {
            panic!("{line}");
        };
        assert_eq!(read, version);
    }
    for line in [r#"{"hello":"1"}"#, r#"{"hello":null}"#, r#"{"hello":1.5}"#, r#"{"hello":-1}"#] {
        assert_eq!(read_client(line.as_bytes()).unwrap_err(), ProtocolFault::Hello, "{line}");
    }
}

#[test]
fn an_id_is_an_integer_that_every_language_can_hold() {
    for (id, number) in [("1", 1), ("9007199254740991", RequestId::LAST)] {
        assert_eq!(ask(&format!("{{\"id\":{id}}}")).id, RequestId::new(number).unwrap());
    }
    for id in ["0", "-1", "9007199254740992", "1.5", "\"7\"", "null", "true", "[1]", "1e400"] {
        for key in ["id", "cancel"] {
            let line = format!("{{\"{key}\":{id}}}");
            assert_eq!(read_client(line.as_bytes()).unwrap_err(), ProtocolFault::Id, "{line}");
        }
    }
    assert_eq!(read_client(br#"{"verb":"auth"}"#).unwrap_err(), ProtocolFault::Id);
    assert_eq!(RequestId(NonZeroU64::new(RequestId::LAST).unwrap()).next(), RequestId::FIRST);
}

#[test]
fn a_field_that_is_no_text_for_it_is_a_no_and_the_connection_lives() {
    for fields in [
        r#""user":1,"domain":"h","password":"p""#,
        r#""user":"a","domain":null,"password":"p""#,
        r#""user":"a","domain":"h","password":["p"]"#,
        r#""user":"a","domain":"h""#,
        r#""user":"a","password":"p""#,
        r#""user":"","domain":"h","password":"p""#,
        r#""user":"a","domain":"","password":"p""#,
        r#""user":"a\ud800","domain":"h","password":"p""#,
        r#""user":"a","domain":"\udc00","password":"p""#,
        r#""user":"a","domain":"h","password":"\ud83dp""#,
        r#""user":"a\n","domain":"h","password":"p""#,
        r#""user":"a","domain":"h\u007f","password":"p""#,
        r#""user":"a","domain":"h","password":"p\u0085""#,
        r#""user":"a","domain":"h","password":"a\nauth:x""#,
    ] {
        for verb in ["auth", "setpass"] {
            let line = format!("{{\"id\":1,\"verb\":\"{verb}\",{fields},\"within_ms\":1}}");
            assert_eq!(denial(&line), Denial::Malformed, "{line}");
        }
    }
    for verb in ["1", "null", "\"auth\\ud800\""] {
        let line = format!("{{\"id\":1,\"verb\":{verb},\"user\":\"a\",\"domain\":\"h\"}}");
        assert_eq!(denial(&line), Denial::Malformed, "{line}");
    }
    for verb in ["", "AUTH", "tryregister", "removeuser"] {
        let line = format!("{{\"id\":1,\"verb\":\"{verb}\",\"user\":1}}");
        assert_eq!(denial(&line), Denial::Unsupported, "{line}");
    }
}

#[test]
fn a_password_on_isuser_is_ignored_whatever_it_is() {
    for password in ["\"p\"", "\"\\n\"", "1", "\"\\ud800\"", "{}"] {
        let line = format!(
            "{{\"id\":1,\"verb\":\"isuser\",\"user\":\"a\",\"domain\":\"H\",\"password\":{password}}}"
        );
        assert!(matches!(ask(&line).request, Ok(Request::IsUser { .. })), "{line}");
    }
}

#[test]
fn fractions_of_a_millisecond_are_cut() {
    for (within, expected) in [
        ("5000", Some(5000)),
        ("1", Some(1)),
        ("1.9", Some(1)),
        ("2e3", Some(2000)),
        ("0.9", None),
        ("0", None),
        ("-5", None),
        ("\"5\"", None),
        ("null", None),
    ] {
        let read = ask(&format!("{{\"id\":1,\"within_ms\":{within}}}")).within;
        assert_eq!(read, expected.map(Duration::from_millis), "{within}");
    }
    assert_eq!(ask(r#"{"id":1}"#).within, None);
    assert!(ask(r#"{"id":1,"within_ms":1e400}"#).within.unwrap() > Duration::from_secs(1 << 40));
}

#[test]
fn what_a_daemon_says_is_read_with_care() {
    let id = |number| RequestId::new(number).unwrap();
    for (line, expected) in [
        (r#"{"hello":1,"server":"x"}"#, FromDaemon::Hello { version: 1 }),
        (r#"{"hello":2}"#, FromDaemon::Hello { version: 2 }),
        (r#"{"bye":1}"#, FromDaemon::Bye),
        (r#"{"error":"version"}"#, FromDaemon::Error { is_version: true }),
        (r#"{"error":"json"}"#, FromDaemon::Error { is_version: false }),
        (r#"{"news":1}"#, FromDaemon::Other),
        (r#"{"id":"7","verdict":"yes"}"#, FromDaemon::Other),
        (r#"{"id":7,"verdict":"yes"}"#, FromDaemon::Answer(id(7), Verdict::Granted)),
        (
            r#"{"id":7,"verdict":"no","reason":"wrong-password"}"#,
            FromDaemon::Answer(id(7), Verdict::Denied(Denial::WrongPassword)),
        ),
        (
            r#"{"id":7,"verdict":"no","reason":5}"#,
            FromDaemon::Answer(id(7), Verdict::Denied(Denial::Unexplained)),
        ),
        (
            r#"{"id":7,"verdict":"unknown","reason":"no-server"}"#,
            FromDaemon::Answer(id(7), Verdict::Unavailable(Outage::NoServer)),
        ),
        (
            r#"{"id":7,"verdict":"perhaps","reason":"ok"}"#,
            FromDaemon::Answer(id(7), Verdict::Unavailable(Outage::Unexplained)),
        ),
        (r#"{"id":7}"#, FromDaemon::Answer(id(7), Verdict::Unavailable(Outage::Unexplained))),
        (
            r#"{"id":7,"verdict":true}"#,
            FromDaemon::Answer(id(7), Verdict::Unavailable(Outage::Unexplained)),
        ),
    ] {
        assert_eq!(read_daemon(line.as_bytes()), Ok(expected), "{line}");
    }
    assert_eq!(read_daemon(b"yes"), Err(ProtocolFault::Json));
}

#[test]
fn no_debug_output_shows_a_password() {
    let line = br#"{"id":1,"verb":"auth","user":"a","domain":"h","password":"tops3cret"}"#;
    assert!(!format!("{:?}", read_client(line)).contains("tops3cret"));
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(
        any::<char>().prop_filter("a control character", |c| !c.is_control()),
        0..40,
    )
    .prop_map(String::from_iter)
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_it_was(
        localpart in "[a-z\"\\\\ü]{1,20}",
        password in text(),
        verb in 0..3,
        number in 1..=RequestId::LAST,
        within in 1_u64..100_000,
    ) {
        let account = Arc::new(Account::new(&localpart, "example.com").unwrap());
        let secret = SecretString::from(password.as_str());
        let request = match verb {
            0 => Request::Auth { account, password: secret },
            1 => Request::SetPass { account, password: secret },
            _ => Request::IsUser { account },
        };
        let (id, mut line) = (RequestId::new(number).unwrap(), Vec::new());
        write_request(&mut line, id, &request, Duration::from_millis(within));
        prop_assert_eq!(line.pop(), Some(b'\n'));
        prop_assert!(!line.contains(&b'\n'));
        let Ok(FromClient::Ask(ask)) = read_client(&line) else { panic!("{line:?}") };
        prop_assert_eq!((ask.id, ask.within), (id, Some(Duration::from_millis(within))));
        let read = ask.request.unwrap();
        prop_assert_eq!(read.verb(), request.verb());
        prop_assert_eq!(read.account(), request.account());
        match (read, request) {
            (Request::Auth { password: read, .. }, Request::Auth { password, .. })
            | (Request::SetPass { password: read, .. }, Request::SetPass { password, .. }) => {
                prop_assert_eq!(read.expose_secret(), password.expose_secret());
            }
            _ => {}
        }
    }

    #[test]
    fn no_line_panics(line in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = (read_client(&line), read_daemon(&line));
    }
}
