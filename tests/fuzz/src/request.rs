//! The text of a request.

use xmpp_ldap_auth::jid::Account;
use xmpp_ldap_auth::request::{Request, Verb, Whom};
use xmpp_ldap_auth::verdict::Denial;

use crate::stream::facts;

/// The longest part of a JID in bytes (RFC 7622, sections 3.2 and 3.3).
const LONGEST_PART: usize = 1023;

/// The input is the request.
pub fn check(input: &[u8]) {
    let request = Request::parse(input);
    let (verb, whom, password, denial) = facts(&request);
    let written = input.split(|byte| *byte == b':').next().unwrap_or_default();
    match verb {
        Verb::Other => assert!(!matches!(written, b"auth" | b"isuser" | b"setpass")),
        Verb::Auth | Verb::IsUser | Verb::SetPass => assert_eq!(written, verb.name().as_bytes()),
    }
    if let Some(denial) = denial {
        let expected = if verb == Verb::Other { Denial::Unsupported } else { Denial::Malformed };
        assert_eq!(denial, expected);
        assert!(!is_plain(input), "a plain request was refused");
        assert_eq!(whom, readable(verb, input), "who it was is not known");
        assert!(password.is_none());
        return;
    }
    let Whom::Account(account) = whom else { panic!("nobody is asked about") };
    assert_eq!(password.is_some(), verb != Verb::IsUser);
    let text = std::str::from_utf8(input).unwrap();
    let host = text.split(':').nth(2).unwrap();
    // An international name has a second spelling, in ASCII.
    if !host.to_lowercase().contains("xn--") {
        assert_eq!(account.domainpart(), host.to_lowercase());
    }
    let mut fields = vec![verb.name(), account.localpart(), host];
    fields.extend(password.as_deref());
    assert_eq!(fields.join(":"), text);

    let parts = [account.localpart(), account.domainpart()];
    let again = Account::new(parts[0], parts[1]);
    assert_eq!(again.as_ref(), Some(&*account), "passed on, it is another");
    if !parts[1].contains('@') {
        assert_eq!(Account::written(&account.to_string()), again, "written down, it is another");
    }
    assert!(parts.iter().all(|part| (1..=LONGEST_PART).contains(&part.len())), "{account}");
    let mut characters = parts.into_iter().chain(password.as_deref()).flat_map(str::chars);
    assert!(!characters.any(char::is_control), "a control character got through");
    assert!(account.unescaped().is_none_or(|account| !account.localpart().is_empty()));

    fields.truncate(3);
    if verb != Verb::IsUser {
        fields.push("another");
    }
    let another = Request::parse(fields.join(":").as_bytes());
    assert_eq!(format!("{request:?}"), format!("{another:?}"), "the password shows");
}

/// Whom a request with one of the verbs names whose fields are known.
fn readable(verb: Verb, input: &[u8]) -> Whom {
    let fields: Vec<&[u8]> = input.split(|byte| *byte == b':').collect();
    let [_, user, host, ..] = fields[..] else { return Whom::Unreadable };
    if verb == Verb::Other {
        return Whom::Unreadable;
    }
    let account = std::str::from_utf8(user)
        .ok()
        .zip(std::str::from_utf8(host).ok())
        .and_then(|(user, host)| Account::new(user, host));
    let [user, host] = [user, host].map(String::from_utf8_lossy);
    account.map_or(Whom::Written(user.into(), host.into()), |account| Whom::Account(account.into()))
}

/// Whether nobody could have anything against it.
fn is_plain(input: &[u8]) -> bool {
    let is_name = |part: &[u8]| {
        (1..=LONGEST_PART).contains(&part.len())
            && part.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    match *input.split(|byte| *byte == b':').collect::<Vec<_>>() {
        [b"isuser", user, host] => is_name(user) && is_name(host),
        [b"auth" | b"setpass", user, host, password] => {
            is_name(user) && is_name(host) && password.iter().all(u8::is_ascii_graphic)
        }
        _ => false,
    }
}
