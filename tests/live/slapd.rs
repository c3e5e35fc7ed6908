//! OpenLDAP as a process.

use std::collections::BTreeSet;
use std::time::Duration;

use ldap_fixtures::ldif::Entry;
use ldap_fixtures::proxy::Proxy;
use ldap_fixtures::slapd::{Options, Slapd};

use crate::load::UNGUARDED;
use crate::support::Answer::{CannotTell, No, Yes};
use crate::support::{Adapter, Framing, binary};
use crate::{Lookup, cases, site};

#[test]
fn every_account_signs_in() {
    cases::every_account(&Slapd::start().unwrap().url());
}

#[test]
fn injections_find_nobody() {
    cases::injections(&Slapd::start().unwrap().url());
}

#[test]
fn passwords_are_changed_through_lines() {
    cases::password_changes(&Slapd::start().unwrap().url(), Framing::Line);
}

#[test]
fn passwords_are_changed_through_packets() {
    cases::password_changes(&Slapd::start().unwrap().url(), Framing::Packet);
}

#[test]
fn passwords_are_not_changed_by_default() {
    cases::password_changes_are_off_by_default(&Slapd::start().unwrap().url());
}

#[test]
fn a_sign_in_is_one_bind_and_connections_are_kept() {
    let slapd = Slapd::start().unwrap();
    let site = site(&[&slapd.url()], Lookup::Search, "", UNGUARDED);
    let mut adapter = Adapter::start(&site, Framing::Packet);
    for _ in 0..10 {
        assert_eq!(adapter.ask("auth:alice:example.com:secret"), Yes);
        assert_eq!(adapter.ask("auth:alice:example.com:wrong"), No);
    }
    assert_eq!(slapd.binds("uid=alice,ou=people,dc=example,dc=com"), 20);
    assert_eq!(slapd.binds(ldap_fixtures::slapd::WRITER_DN), 1);
    assert_eq!(slapd.log().matches(" ACCEPT from IP=").count() - started_with(&slapd), 2);
}

/// The connections by which the harness saw that the server is there.
fn started_with(slapd: &Slapd) -> usize {
    slapd.log().matches("SRCH base=\"\" scope=0").count()
}

#[test]
fn requests_that_arrive_together_are_bound_side_by_side_within_the_pool() {
    let slapd = Slapd::start().unwrap();
    let site = site(&[&slapd.url()], Lookup::Search, "pool.size = 3", "");
    let mut adapter = Adapter::start(&site, Framing::Packet);
    for _ in 0..50 {
        for user in ["alice", "bob", "carol", "nobody"] {
            adapter.send(&format!("auth:{user}:example.com:secret"));
        }
    }
    for _ in 0..50 {
        let answers: [_; 4] = std::array::from_fn(|_| adapter.answer());
        assert_eq!(answers, [Yes, Yes, Yes, No]);
    }
    assert!(adapter.is_silent_for(Duration::from_millis(50)));
    let log = slapd.log();
    let connections = log.matches(" ACCEPT from IP=").count() - started_with(&slapd);
    let binds = log.lines().filter(|line| line.contains("BIND dn=\"uid="));
    let of_users: BTreeSet<&str> =
        binds.filter_map(|line| Some(line.split_once("conn=")?.1.split_once(' ')?.0)).collect();
    assert_eq!(of_users.len(), 3);
    // The others, up to four, are for searches.
    assert!((4..=3 + 4).contains(&connections), "{connections}");
}

#[test]
fn the_last_line_needs_no_newline() {
    let slapd = Slapd::start().unwrap();
    let site = site(&[&slapd.url()], Lookup::Search, "", "");
    let mut adapter = Adapter::start(&site, Framing::Line);
    adapter.send("auth:alice:example.com:wrong");
    adapter.send_raw(b"auth:alice:example.com:secret");
    let (answers, status) = adapter.finish();
    assert_eq!(answers, [No, Yes]);
    assert!(status.success());
}

#[test]
fn login_shows_the_steps_and_tells_by_its_exit_code() {
    use std::io::Write;
    use std::process::Stdio;

    let slapd = Slapd::start().unwrap();
    let site = site(&[&slapd.url()], Lookup::Search, "", "");
    for (jid, password, code, words) in [
        ("alice@example.com", "secret", 0, &["search", "bind as the user", "granted"][..]),
        ("alice@example.com", "tops3cret", 77, &["result code 49", "denied: wrong-password"]),
        ("nobody@example.com", "secret", 77, &["0 entries", "denied: unknown-user"]),
        ("alice@other.example", "secret", 77, &["denied: unknown-domain"]),
        ("dupe@example.com", "secret", 69, &["cannot tell: ambiguous", "user_filter"]),
    ] {
        let mut child = site
            .command()
            .args(["login", jid, "--password-stdin"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(format!("{password}\n").as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(code), "{jid}: {text}");
        for word in words {
            assert!(text.contains(word), "{jid}: no {word:?} in {text}");
        }
        assert!(!text.contains("tops3cret"), "{text}");
    }
    let output = binary().args(["login", "nobody"]).output().unwrap();
    assert_eq!(output.status.code(), Some(64));
}

#[test]
fn a_directory_that_is_read_only_sets_no_password_and_answers_everything_else() {
    let provider = Slapd::start().unwrap();
    let watched = Proxy::start(provider.address()).unwrap();
    // A replica names its provider, to which no password must follow.
    let replica = "rootdn cn=root,dc=example,dc=com\nsyncrepl rid=1 provider=ldap://127.0.0.1:9 type=refreshOnly retry=\"60 +\" \
         searchbase=\"dc=example,dc=com\" bindmethod=simple\n";
    for (database, words) in [
        ("readonly on\n".to_owned(), "the database is read-only"),
        (format!("{replica}updateref {}\n", watched.url()), "refers to another one for changes"),
        (replica.to_owned(), "the server is a replica"),
    ] {
        let slapd = Options { database, ..Options::default() }.start().unwrap();
        let place = site(&[&slapd.url()], Lookup::Search, "set_password = \"auto\"", "");
        for framing in Framing::BOTH {
            let mut adapter = Adapter::start(&place, framing);
            let refused = if framing == Framing::Line { No } else { CannotTell };
            assert_eq!(adapter.ask("setpass:alice:example.com:new-secret"), refused);
            adapter.logs("read-only");
            adapter.logs(words);
            assert_eq!(adapter.ask("auth:alice:example.com:secret"), Yes, "{}", adapter.log());
            assert_eq!(adapter.ask("auth:alice:example.com:new-secret"), No);
            assert_eq!(adapter.ask("isuser:alice:example.com"), Yes);
        }
    }
    assert_eq!(watched.accepted(), 0);
}

#[test]
fn references_to_other_servers_are_not_followed() {
    let other = Slapd::start().unwrap();
    let watched = Proxy::start(other.address()).unwrap();
    let attributes = [
        ("objectClass", "referral"),
        ("objectClass", "extensibleObject"),
        ("ou", "abroad"),
        ("ref", &format!("{}/ou=people,dc=example,dc=com??sub", watched.url())),
    ]
    .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    let dn = "ou=abroad,dc=example,dc=com".to_owned();
    let reference = Entry { dn, attributes: attributes.to_vec() };
    let slapd = Options { entries: vec![reference], ..Options::default() }.start().unwrap();
    let place = site(&[&slapd.url()], Lookup::Search, "", "");
    let mut adapter = Adapter::start(&place, Framing::Packet);
    assert_eq!(adapter.ask("auth:alice:example.com:secret"), Yes, "{}", adapter.log());
    // Nobody here knows who is there.
    assert_eq!(adapter.ask("isuser:nobody:example.com"), CannotTell, "{}", adapter.log());
    // A base that is elsewhere altogether.
    let abroad = std::fs::read_to_string(place.config()).unwrap();
    let abroad = abroad.replace("base = \"dc=example", "base = \"ou=abroad,dc=example");
    place.write("config.toml", &abroad);
    let mut adapter = Adapter::start(&place, Framing::Packet);
    assert_eq!(adapter.ask("isuser:alice:example.com"), CannotTell, "{}", adapter.log());
    adapter.logs("base");
    assert_eq!(watched.accepted(), 0);
}
