//! Lines of the native protocol, of both sides, and of an administrator's orders.

use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::Value;
use serde_json::value::RawValue;
use xmpp_ldap_auth::protocol::control::Order;
use xmpp_ldap_auth::protocol::native::{
    Ask, FromClient, FromDaemon, Lines, ProtocolFault, read_client, read_daemon, write_answer,
    write_cancel, write_request,
};
use xmpp_ldap_auth::request::{Request, Verb};
use xmpp_ldap_auth::verdict::Verdict;

/// Lines may be so long.
const LONGEST: usize = 300;

/// The first byte says how the rest arrives, which is a stream of lines.
pub fn check(input: &[u8]) {
    let Some((size, stream)) = input.split_first() else { return };
    let lines = cut(stream, usize::from(*size).max(1));
    assert_eq!(lines, cut(stream, stream.len().max(1)), "it matters how the stream arrives");
    for line in lines {
        check_client(&line);
        check_daemon(&line);
        check_order(&line);
    }
}

/// The lines up to the first that is too long.
fn cut(stream: &[u8], size: usize) -> Vec<Vec<u8>> {
    let mut lines = Lines::default();
    let mut cut = Vec::new();
    for chunk in stream.chunks(size) {
        lines.room(chunk.len()).extend_from_slice(chunk);
        while let Some(line) = lines.next_line(LONGEST) {
            let Ok(line) = line else { return cut };
            assert!(line.len() < LONGEST && !line.contains(&b'\n'));
            cut.push(line.to_vec());
        }
    }
    cut
}

fn check_client(line: &[u8]) {
    let read = read_client(line);
    let text = std::str::from_utf8(line).ok();
    let is_json = text.is_some_and(|text| serde_json::from_str::<&RawValue>(text).is_ok());
    assert!(is_json || read.as_ref().err() == Some(&ProtocolFault::Json), "that is no JSON");
    if let Ok(FromClient::Cancel(id)) = read {
        let again = rewritten(|out| write_cancel(out, id), read_client);
        assert!(matches!(again, FromClient::Cancel(again) if again == id));
    }
    let Ok(FromClient::Ask(Ask { id, within, request: Ok(request) })) = read else { return };
    let (verb, account, password) = facts(&request);
    let fields = [account.localpart(), account.domainpart(), password.unwrap_or_default()];
    assert!(!fields.iter().any(|field| field.contains(char::is_control)));
    assert_eq!(password.is_some(), verb != Verb::IsUser);
    let Some(within) = within else { return };
    let again = rewritten(|out| write_request(out, id, &request, within), read_client);
    let FromClient::Ask(again) = again else { panic!("it is not read again") };
    assert_eq!(again.id, id);
    assert_eq!(facts(&again.request.unwrap()), (verb, account, password));
    // Longer times are not counted to the millisecond.
    if within < Duration::from_secs(1 << 40) {
        assert_eq!(again.within, Some(within));
    }
}

/// What is read of what was written, which is one line.
fn rewritten<T>(
    write: impl FnOnce(&mut Vec<u8>),
    read: impl FnOnce(&[u8]) -> Result<T, ProtocolFault>,
) -> T {
    let mut line = Vec::new();
    write(&mut line);
    assert_eq!(line.pop(), Some(b'\n'));
    assert!(!line.contains(&b'\n'), "it is one line");
    read(&line).unwrap_or_else(|fault| panic!("it is not read again: {fault}"))
}

fn facts(request: &Request) -> (Verb, &xmpp_ldap_auth::jid::Account, Option<&str>) {
    let password = match request {
        Request::Auth { password, .. } | Request::SetPass { password, .. } => {
            Some(password.expose_secret())
        }
        Request::IsUser { .. } => None,
    };
    (request.verb(), request.account(), password)
}

fn check_daemon(line: &[u8]) {
    if let Ok(answer @ FromDaemon::Answer(id, verdict)) = read_daemon(line) {
        let again = rewritten(|out| write_answer(out, id, verdict), read_daemon);
        assert_eq!(again, answer, "it is passed on as another");
        let said: Option<Value> = serde_json::from_slice(line).ok();
        let word = said.as_ref().map(|said| &said["verdict"]);
        // What holds half a surrogate pair is nothing that can be looked at otherwise.
        if let Some(word) = word {
            assert_eq!(verdict == Verdict::Granted, word == "yes");
            assert_eq!(matches!(verdict, Verdict::Denied(_)), word == "no");
        }
    }
}

/// An administrator's order, which is read as it was written.
fn check_order(line: &[u8]) {
    let Some(order) = Order::read(line) else { return };
    let mut written = order.line();
    assert_eq!(written.pop(), Some(b'\n'));
    assert!(!written.contains(&b'\n'), "an order is one line");
    let again = Order::read(&written).expect("it is read again");
    let same = match (&order, &again) {
        (Order::Status, Order::Status) => true,
        (Order::Forgive { jid }, Order::Forgive { jid: again }) => jid == again,
        (Order::Login { jid, password, .. }, Order::Login { jid: again, password: secret, .. }) => {
            jid == again && password.expose_secret() == secret.expose_secret()
        }
        _ => false,
    };
    assert!(same, "it is read as another");
    if let Order::Login { jid, within, .. } = order {
        let another = Order::Login { jid, password: "another".into(), within };
        let [shown, expected] = [&again, &another].map(|order| format!("{order:?}"));
        if within < Duration::from_secs(1 << 40) {
            assert_eq!(shown, expected, "the password shows");
        }
    }
}
