//! That slapd is what the tests take it for.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use ldap_fixtures::ldif::{State, accounts};
use ldap_fixtures::slapd::{Hash, Options, SERVICE_DN, SERVICE_PASSWORD, Slapd, answers};
use ldap_fixtures::tls::Authority;

#[test]
fn every_account_of_the_seed_is_in_its_state() {
    let slapd = Slapd::start().unwrap();
    assert!(slapd.accepts(SERVICE_DN, SERVICE_PASSWORD).unwrap());
    for account in accounts().unwrap() {
        let expected = account.state != State::Shut;
        let accepted = slapd.accepts(&account.dn, &account.password).unwrap();
        assert_eq!(accepted, expected, "{account:?}");
        assert!(!slapd.accepts(&account.dn, "wrong").unwrap(), "{account:?}");
    }
    assert_eq!(slapd.binds(SERVICE_DN), 1);
}

#[test]
fn it_restarts_with_its_data() {
    let mut slapd =
        Options { users: 20, hash: Hash::Argon2, ..Options::default() }.start().unwrap();
    let url = slapd.url();
    slapd.stop();
    assert!(!answers(&url));
    slapd.restart().unwrap();
    assert!(slapd.accepts("uid=user00020,ou=people,dc=example,dc=com", "secret").unwrap());
    drop(slapd);
    assert!(!answers(&url));
}

#[test]
fn it_speaks_tls() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::create(directory.path()).unwrap();
    let tls = Some((authority.certificate().to_owned(), authority.good().unwrap()));
    let slapd = Options { tls, require_tls: true, ..Options::default() }.start().unwrap();
    assert!(!slapd.accepts(SERVICE_DN, SERVICE_PASSWORD).unwrap());
    let status = std::process::Command::new("ldapwhoami")
        .args(["-x", "-H", &slapd.ldaps_url(), "-D", SERVICE_DN, "-w", SERVICE_PASSWORD])
        .env("LDAPTLS_CACERT", authority.certificate())
        .status()
        .unwrap();
    assert!(status.success());
}
