//! That slapd is what the tests take it for.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::path::Path;
use std::process::Command;
use std::thread;

use ldap_fixtures::ldif::{self, State, accounts};
use ldap_fixtures::slapd::{
    BASE, Hash, Options, PASSWORD, SERVICE_DN, SERVICE_PASSWORD, Slapd, WRITER_DN, answers,
    change_password,
};
use ldap_fixtures::tls::{Authority, Credential};
use tempfile::TempDir;

const ALICE: &str = "uid=alice,ou=people,dc=example,dc=com";

/// An authority, and the directory that it lives in.
fn authority() -> (Authority, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    (Authority::create(directory.path()).unwrap(), directory)
}

/// Whether a client that trusts this authority can read the root DSE.
fn trusts(authority: &Path, url: &str) -> bool {
    Command::new("ldapsearch")
        .args(["-x", "-LLL", "-H", url, "-s", "base", "-b", "", "1.1"])
        .env("LDAPTLS_CACERT", authority)
        .output()
        .unwrap()
        .status
        .success()
}

/// Who slapd takes somebody for who says nothing but EXTERNAL.
fn external(url: &str, authority: &Path, client: Option<&Credential>) -> String {
    let mut command = Command::new("ldapwhoami");
    command.args(["-Y", "EXTERNAL", "-Q", "-H", url]).env("LDAPTLS_CACERT", authority);
    if let Some(client) = client {
        command.env("LDAPTLS_CERT", &client.certificate).env("LDAPTLS_KEY", &client.key);
    }
    String::from_utf8(command.output().unwrap().stdout).unwrap().trim().to_owned()
}

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
    let mut slapd = Slapd::start().unwrap();
    let url = slapd.url();
    change_password(&url, ALICE, "other").unwrap();
    for end in [Slapd::stop, Slapd::kill] {
        end(&mut slapd);
        assert!(!answers(&url));
        assert!(slapd.accepts(ALICE, "other").is_err());
        slapd.restart().unwrap();
        assert_eq!(slapd.url(), url);
        assert!(slapd.accepts(ALICE, "other").unwrap());
        assert!(!slapd.accepts(ALICE, PASSWORD).unwrap());
    }
    drop(slapd);
    assert!(!answers(&url));
}

#[test]
fn many_start_at_once_and_share_nothing() {
    let starts: Vec<_> = (0..3).map(|_| thread::spawn(|| Slapd::start().unwrap())).collect();
    let slapds: Vec<_> = starts.into_iter().map(|start| start.join().unwrap()).collect();
    assert!(slapds[1].accepts(ALICE, PASSWORD).unwrap());
    assert_eq!([0, 1, 2].map(|index: usize| slapds[index].binds(ALICE)), [0, 1, 0]);
}

#[test]
fn a_paused_one_says_nothing_until_it_is_resumed() {
    let slapd = Slapd::start().unwrap();
    slapd.pause();
    assert!(!answers(&slapd.url()));
    slapd.resume();
    assert!(slapd.accepts(ALICE, PASSWORD).unwrap());
}

#[test]
fn passwords_are_stored_in_every_way_and_entries_added() {
    for hash in [Hash::Ssha, Hash::Argon2, Hash::Pbkdf2] {
        let entries = ldif::parse(&format!(
            "dn: uid=zoe,ou=people,{BASE}\nobjectClass: inetOrgPerson\nuid: zoe\ncn: Zoe\n\
             sn: Zoe\nuserPassword:: IHNwYWNlIA==\n"
        ))
        .unwrap();
        let slapd = Options { users: 20, entries, hash, ..Options::default() }.start().unwrap();
        let last = format!("uid=user00020,ou=people,{BASE}");
        assert!(slapd.accepts(&last, PASSWORD).unwrap(), "{hash:?}");
        assert!(!slapd.accepts(&last, "wrong").unwrap(), "{hash:?}");
        assert!(slapd.accepts(&format!("uid=zoe,ou=people,{BASE}"), " space ").unwrap());
    }
}

#[test]
fn a_search_by_a_service_finds_more_than_others_may() {
    let slapd = Options { users: 600, ..Options::default() }.start().unwrap();
    let output = Command::new("ldapsearch")
        .args(["-x", "-LLL", "-H", &slapd.url(), "-D", SERVICE_DN, "-w", SERVICE_PASSWORD])
        .args(["-b", BASE, "(uid=user*)", "1.1"])
        .output()
        .unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).unwrap().matches("dn: ").count(), 600);
}

#[test]
fn it_speaks_tls() {
    let (authority, _directory) = authority();
    let tls = Some((authority.certificate().to_owned(), authority.good().unwrap()));
    let slapd = Options { tls, require_tls: true, ..Options::default() }.start().unwrap();
    assert!(!slapd.accepts(SERVICE_DN, SERVICE_PASSWORD).unwrap());
    let ldaps = slapd.ldaps_url();
    for url in [&ldaps, &ldaps.replace("127.0.0.1", "localhost")] {
        let output = Command::new("ldapwhoami")
            .args(["-x", "-H", url, "-D", SERVICE_DN, "-w", SERVICE_PASSWORD])
            .env("LDAPTLS_CACERT", authority.certificate())
            .output()
            .unwrap();
        assert!(output.status.success(), "{url}: {output:?}");
    }
}

#[test]
fn bad_certificates_are_bad_for_a_real_client() {
    let (authority, _directory) = authority();
    let (stranger, _other_directory) = self::authority();
    for (credential, trusted) in
        [(authority.good(), true), (authority.wrong_name(), false), (authority.expired(), false)]
    {
        let tls = Some((authority.certificate().to_owned(), credential.unwrap()));
        let slapd = Options { tls, ..Options::default() }.start().unwrap();
        assert_eq!(trusts(authority.certificate(), &slapd.ldaps_url()), trusted);
        assert!(!trusts(stranger.certificate(), &slapd.ldaps_url()));
    }
}

#[test]
fn a_certificate_and_a_local_socket_say_who_somebody_is() {
    let (authority, _directory) = authority();
    let (stranger, _other_directory) = self::authority();
    let ca = authority.certificate();
    let tls = Some((ca.to_owned(), authority.good().unwrap()));
    let slapd = Options { tls, verify_client: true, ..Options::default() }.start().unwrap();
    let expected = format!("dn:{WRITER_DN}");
    let ours = authority.client().unwrap();
    assert_eq!(external(&slapd.ldaps_url(), ca, Some(&ours)), expected);
    assert_eq!(external(&slapd.ldapi_url().unwrap(), ca, None), expected);
    let theirs = stranger.client().unwrap();
    assert_eq!(external(&slapd.ldaps_url(), ca, Some(&theirs)), "");
    assert_eq!(external(&slapd.ldaps_url(), ca, None), "");
}
