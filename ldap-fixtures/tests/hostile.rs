//! The hostile server, as OpenLDAP's client sees it: honest but for the one answer.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use ldap_fixtures::hostile::{Attack, Hostile, Oddity, Step};
use ldap_fixtures::process::require;

/// What ldapsearch makes of it: its exit code, and how many entries it got.
fn search(server: &Hostile) -> (Option<i32>, usize) {
    let Output { status, stdout, .. } = Command::new(require("ldapsearch").unwrap())
        .args(["-x", "-LLL", "-o", "nettimeout=1", "-l", "1", "-H", &server.url()])
        .args(["-D", "cn=anybody", "-w", "anything", "-b", "dc=example,dc=com"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&stdout);
    (status.code(), text.lines().filter(|line| line.starts_with("dn:")).count())
}

#[test]
fn every_attack_is_carried_out_and_ends_with_its_server() {
    for step in Step::ALL {
        for attack in Attack::ALL {
            let server = Hostile::start(step, attack).unwrap();
            let before = Instant::now();
            let seen = search(&server);
            assert!(server.answered() > 0, "{step:?} {attack:?}");
            // libldap reads past what it was not asked for, and is lenient about texts.
            println!("{step:?} {attack:?}: {seen:?} after {:?}", before.elapsed());
            drop(server);
            assert!(before.elapsed() < Duration::from_secs(10), "{step:?} {attack:?}");
        }
    }
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
