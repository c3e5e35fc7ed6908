//! That the hostile server attacks as it says, and is otherwise understood by OpenLDAP's client.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Output};
use std::time::Duration;

use ldap_fixtures::hostile::{Attack, Hostile, Oddity, Step};
use ldap_fixtures::process::require;

/// Simple bind without name and password, message 1.
const BIND: &[u8] = b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00";
/// Search for `(objectClass=*)` at the root, message 2.
const SEARCH: &[u8] = b"\x30\x25\x02\x01\x02\x63\x20\x04\x00\x0a\x01\x00\x0a\x01\x00\x02\x01\x00\
    \x02\x01\x00\x01\x01\x00\x87\x0bobjectClass\x30\x00";

/// The beginning of what comes, until there is a pause.
fn receive(mut client: &TcpStream) -> Vec<u8> {
    let mut bytes = vec![0; 1 << 20];
    let mut length = 0;
    while length < bytes.len() {
        match client.read(&mut bytes[length..]) {
            Ok(more @ 1..) => length += more,
            Ok(0) | Err(_) => break,
        }
    }
    bytes.truncate(length);
    bytes
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[test]
fn every_attack_is_carried_out_and_ends_with_its_server() {
    for (step, attack) in Step::ALL.into_iter().flat_map(|step| Attack::ALL.map(|it| (step, it))) {
        let server = Hostile::start(step, attack).unwrap();
        let mut client = TcpStream::connect(server.url().strip_prefix("ldap://").unwrap()).unwrap();
        client.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        client.write_all(BIND).unwrap();
        if step == Step::Search {
            assert!(contains(&receive(&client), b"\x0a\x84\x00\x00\x00\x01\x00"));
            assert_eq!(server.answered(), 0);
            client.write_all(SEARCH).unwrap();
        }
        let answer = receive(&client);
        assert_eq!(server.answered(), 1, "{step:?} {attack:?}");
        let (least, most) = match attack {
            Attack::Silence | Attack::CloseAtOnce => (0, 0),
            Attack::EmptySequence => (2, 2),
            Attack::NestedElements => (48_000, 49_000),
            Attack::GiantLength | Attack::InnerLongerThanOuter => (1 << 20, 1 << 20),
            _ => (20, 1000),
        };
        assert!((least..=most).contains(&answer.len()), "{step:?} {attack:?}: {answer:x?}");
        drop(server);
        let rest = io::copy(&mut client, &mut io::sink());
        assert!(
            !matches!(&rest, Err(error) if error.kind() == io::ErrorKind::WouldBlock),
            "{step:?} {attack:?} goes on: {rest:?}"
        );
    }
}

/// What ldapsearch makes of it: its exit code, and how many entries it got.
fn search(server: &Hostile) -> (Option<i32>, usize) {
    let Output { status, stdout, .. } = Command::new(require("ldapsearch").unwrap())
        .args(["-x", "-LLL", "-H", &server.url(), "-D", "cn=anybody", "-w", "anything"])
        .args(["-b", "dc=example,dc=com"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&stdout);
    (status.code(), text.lines().filter(|line| line.starts_with("dn:")).count())
}

#[test]
fn oddities_are_well_formed() {
    for (oddity, seen) in [
        (Oddity::Reference, (0, 1)),
        (Oddity::TwoEntries, (0, 2)),
        (Oddity::SizeLimit, (4, 1)),
        (Oddity::Referral, (10, 0)),
        (Oddity::Busy, (51, 0)),
    ] {
        let server = Hostile::odd(oddity).unwrap();
        assert_eq!(search(&server), (Some(seen.0), seen.1), "{oddity:?}");
        assert_eq!(server.answered(), 1);
    }
}
