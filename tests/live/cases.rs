//! What every OpenLDAP with the seed must answer, wherever it runs.

use ldap_fixtures::ldif::{State, accounts};
use ldap_fixtures::xmpp::{Client, Outcome};

use crate::load::UNGUARDED;
use crate::support::Answer::{CannotTell, No, Yes};
use crate::support::{Adapter, Answer, Framing};
use crate::{Lookup, site};

/// "Cannot tell", as far as the framing can say it.
pub fn outage(framing: Framing) -> Answer {
    match framing {
        Framing::Line => No,
        Framing::Packet => CannotTell,
    }
}

/// A refused password change, which ejabberd must not take for a success.
fn refusal(framing: Framing) -> Answer {
    outage(framing)
}

/// Each account of the seed signs in with its own password and no other, and exists.
pub fn every_account(url: &str) {
    for (framing, lookup) in Framing::BOTH
        .into_iter()
        .flat_map(|framing| [(framing, Lookup::Search), (framing, Lookup::Name)])
    {
        let site = site(&[url], lookup, "", "[log]\nlevel = \"trace\"\n");
        let mut adapter = Adapter::start(&site, framing);
        for account in accounts().unwrap() {
            let named_after_uid = account.dn.starts_with("uid=");
            let (right, exists) = match (account.state, lookup) {
                (_, Lookup::Name) if !named_after_uid => (No, No),
                (State::Open, _) => (Yes, Yes),
                (State::Shut | State::MustChange, _) => (No, Yes),
                (State::Ambiguous, Lookup::Search) => (outage(framing), outage(framing)),
                (State::Ambiguous, Lookup::Name) => (Yes, Yes),
            };
            let wrong = if right == Yes { No } else { right };
            let uid = &account.uid;
            let context = format!("{framing:?} {lookup:?} {account:?}");
            for (password, expected) in [
                (&*account.password, right),
                (&*format!("{}x", account.password), wrong),
                (
                    &account.password[..account.password.len() - last_length(&account.password)],
                    wrong,
                ),
            ] {
                let answer = adapter.ask(&format!("auth:{uid}:example.com:{password}"));
                assert_eq!(
                    answer,
                    expected,
                    "{context} with {password:?}; log:\n{}",
                    adapter.log()
                );
            }
            assert_eq!(adapter.ask(&format!("isuser:{uid}:example.com")), exists, "{context}");
        }
        assert_eq!(adapter.ask("auth:nopass:example.com:x"), No);
        assert_eq!(adapter.ask("isuser:nopass:example.com"), Yes);
        let log = adapter.log();
        for account in accounts().unwrap().iter().filter(|account| account.password.len() > 6) {
            assert!(!log.contains(&account.password), "{} is in the log", account.password);
        }
        let (rest, status) = adapter.finish();
        assert!(rest.is_empty() && status.success());
    }
}

fn last_length(text: &str) -> usize {
    text.chars().last().map_or(0, char::len_utf8)
}

/// Names that are syntax of filters and DNs find nobody.
pub fn injections(url: &str) {
    for (framing, lookup) in Framing::BOTH
        .into_iter()
        .flat_map(|framing| [(framing, Lookup::Search), (framing, Lookup::Name)])
    {
        let site = site(&[url], lookup, "", "");
        let mut adapter = Adapter::start(&site, framing);
        for user in [
            "*",
            "al*",
            "alice)(uid=*",
            "*)(objectClass=*",
            "x)(|(uid=alice)",
            "alice,ou=people,dc=example,dc=com",
            "alice,ou=people,dc=example,dc=com#",
            "alice+cn=x",
            "\\61lice",
            "\\2a",
            "#616c696365",
            "\"alice\"",
            "nobody",
        ] {
            let context = format!("{framing:?} {lookup:?} {user:?}");
            assert_eq!(adapter.ask(&format!("isuser:{user}:example.com")), No, "{context}");
            assert_eq!(adapter.ask(&format!("auth:{user}:example.com:secret")), No, "{context}");
        }
        for request in [
            "auth:alice:example.com:",
            "auth:alice:other.example:secret",
            "auth::example.com:secret",
            "auth:alice::secret",
            "auth:alice:example.com",
            "isuser:alice",
            "isuser:alice:example.com:secret",
            "tryregister:new:example.com:secret",
            "removeuser:alice:example.com",
            "removeuser3:alice:example.com:secret",
            "certauth:alice:example.com:x",
            "whatever",
            "",
        ] {
            assert_eq!(adapter.ask(request), No, "{framing:?} {request:?}");
        }
        assert_eq!(adapter.ask("auth:alice:EXAMPLE.com:secret"), Yes);
    }
}

/// Passwords are set, also such as are hard to carry, and the old one ends with that.
pub fn password_changes(url: &str, framing: Framing) {
    let site = site(&[url], Lookup::Search, "set_password = \"exop\"", UNGUARDED);
    let mut adapter = Adapter::start(&site, framing);
    let mut old = "secret".to_owned();
    for new in [
        "*()\\,=+<>#;\"/",
        "a:b::c:",
        " both ends ",
        "pässwörd",
        "🔑😀",
        &"x".repeat(900),
        "secret",
    ] {
        assert_eq!(
            adapter.ask(&format!("setpass:bob:example.com:{new}")),
            Yes,
            "{new:?}: {}",
            adapter.log()
        );
        assert_eq!(adapter.ask(&format!("auth:bob:example.com:{new}")), Yes, "{new:?}");
        if old != new {
            assert_eq!(adapter.ask(&format!("auth:bob:example.com:{old}")), No, "{old:?}");
        }
        new.clone_into(&mut old);
    }
    // Sent without waiting, the three keep their order.
    for request in [
        "setpass:bob:example.com:first",
        "auth:bob:example.com:first",
        "setpass:bob:example.com:secret",
    ] {
        adapter.send(request);
    }
    assert_eq!([adapter.answer(), adapter.answer(), adapter.answer()], [Yes, Yes, Yes]);
    for refused in [
        "setpass:erin:example.com:short",
        "setpass:nobody:example.com:whatever",
        "setpass:alice:example.com:",
        "setpass:alice:other.example:x",
        "setpass:alice:example.com:a\rb",
        "setpass:dupe:example.com:x",
    ] {
        assert_eq!(adapter.ask(refused), refusal(framing), "{refused}");
    }
    assert_eq!(adapter.ask("auth:erin:example.com:secret"), Yes);
    assert_eq!(adapter.ask("auth:alice:example.com:secret"), Yes);
}

/// Without `set_password`, nothing is changed.
pub fn password_changes_are_off_by_default(url: &str) {
    for framing in Framing::BOTH {
        let site = site(&[url], Lookup::Search, "", "");
        let mut adapter = Adapter::start(&site, framing);
        assert_eq!(adapter.ask("setpass:alice:example.com:new"), refusal(framing));
        assert_eq!(adapter.ask("auth:alice:example.com:new"), No);
        assert_eq!(adapter.ask("auth:alice:example.com:secret"), Yes);
        adapter.logs("password-change-off");
    }
}

/// What whoever may not sign in is told, by each XMPP server.
pub fn refused() -> Outcome {
    Outcome::NotSignedIn("not-authorized".to_owned())
}

/// Real clients, and those of another account, sign in with their own password and no other.
#[track_caller]
pub fn own_password_only(client: Client, another: (&str, &str), log: impl Fn() -> String) {
    let users = [
        ("alice", "secret"),
        ("alice", "wrong"),
        ("nobody", "secret"),
        ("dave", "secret"),
        ("jürgen", "secret"),
        ("pwcolons", "a:b::c:"),
        ("pwspecial", "*()\\,=+<>#;\"/"),
        ("pwemoji", "🔑😀"),
        ("st*r", "secret"),
        ("*", "secret"),
        ("a)(uid=*", "secret"),
        another,
    ];
    let outcomes = client.logins(&users).unwrap();
    for (user, outcome) in users.iter().zip(outcomes) {
        let expected = match user {
            ("alice", "wrong") | ("nobody" | "dave" | "*", _) => refused(),
            _ => Outcome::Success,
        };
        assert_eq!(outcome, expected, "{user:?}: {}", log());
    }
}
