//! That slapd in a container is the same as outside of it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::process::Command;

use ldap_fixtures::container::ContainerSlapd;
use ldap_fixtures::slapd::{
    Options, PASSWORD, SERVICE_DN, SERVICE_PASSWORD, WRITER_DN, WRITER_PASSWORD, answers,
};
use ldap_fixtures::tls::Authority;

const ALICE: &str = "uid=alice,ou=people,dc=example,dc=com";

fn accepts(url: &str, dn: &str, password: &str) -> bool {
    let arguments = ["-x", "-H", url, "-D", dn, "-w", password];
    Command::new("ldapwhoami").args(arguments).output().unwrap().status.success()
}

#[test]
fn it_has_the_seed() {
    let slapd = ContainerSlapd::start().unwrap();
    assert!(accepts(&slapd.url(), SERVICE_DN, SERVICE_PASSWORD));
    assert!(accepts(&slapd.url(), ALICE, PASSWORD));
    assert!(!accepts(&slapd.url(), ALICE, "wrong"));
    assert!(slapd.log().contains("BIND dn="), "{}", slapd.log());
}

#[test]
fn it_restarts_with_its_data_and_leaves_nothing() {
    let mut slapd = ContainerSlapd::start().unwrap();
    let url = slapd.url();
    let changed = Command::new("ldappasswd")
        .args(["-x", "-H", &url, "-D", WRITER_DN, "-w", WRITER_PASSWORD, "-s", "other", ALICE])
        .status()
        .unwrap();
    assert!(changed.success());
    slapd.stop();
    assert!(!answers(&url));
    slapd.restart().unwrap();
    assert!(accepts(&url, ALICE, "other"));
    drop(slapd);
    assert!(!answers(&url));
}

#[test]
fn it_speaks_tls() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::create(directory.path()).unwrap();
    let tls = Some((authority.certificate().to_owned(), authority.good().unwrap()));
    let slapd = ContainerSlapd::with(&Options { tls, ..Options::default() }).unwrap();
    let arguments =
        ["-x", "-H", &slapd.ldaps_url().unwrap(), "-D", SERVICE_DN, "-w", SERVICE_PASSWORD];
    let status = Command::new("ldapwhoami")
        .args(arguments)
        .env("LDAPTLS_CACERT", authority.certificate())
        .status()
        .unwrap();
    assert!(status.success());
}
