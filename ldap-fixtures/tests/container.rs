//! That slapd in a container is the same as outside of it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;

use ldap_fixtures::container::ContainerSlapd;
use ldap_fixtures::slapd::{
    Options, PASSWORD, SERVICE_DN, SERVICE_PASSWORD, answers, change_password,
};
use ldap_fixtures::tls::Authority;
use tempfile::NamedTempFile;

const ALICE: &str = "uid=alice,ou=people,dc=example,dc=com";

fn accepts(url: &str, dn: &str, password: &str) -> bool {
    // Not an argument, which everybody could read.
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(password.as_bytes()).unwrap();
    let mut command = Command::new("ldapwhoami");
    command.args(["-x", "-H", url, "-D", dn, "-y"]).arg(file.path());
    command.output().unwrap().status.success()
}

/// The processes that have this in their command line, such as the address that slapd listens on.
fn processes(mark: &str) -> Vec<String> {
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| fs::read(entry.ok()?.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(mark))
        .collect()
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
fn two_run_at_the_same_time() {
    let (mut one, two) = (ContainerSlapd::start().unwrap(), ContainerSlapd::start().unwrap());
    assert_ne!(one.address(), two.address());
    assert!(accepts(&one.url(), ALICE, PASSWORD));
    one.stop();
    assert!(!answers(&one.url()));
    assert!(accepts(&two.url(), ALICE, PASSWORD));
}

#[test]
fn a_test_that_panics_leaves_nothing() {
    let mut address = String::new();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let slapd = ContainerSlapd::start().unwrap();
        address = format!("{}/", slapd.url());
        assert!(!processes(&address).is_empty());
        panic!("as a test that fails");
    }));
    assert!(outcome.is_err());
    assert!(address.starts_with("ldap://"), "it did not start");
    assert_eq!(processes(&address), Vec::<String>::new());
}

#[test]
fn it_restarts_with_its_data_and_leaves_nothing() {
    let mut slapd = ContainerSlapd::start().unwrap();
    let url = slapd.url();
    change_password(&url, ALICE, "other").unwrap();
    slapd.stop();
    assert!(!answers(&url));
    slapd.restart().unwrap();
    assert!(accepts(&url, ALICE, "other"));
    drop(slapd);
    assert!(!answers(&url));
    assert_eq!(processes(&format!("{url}/")), Vec::<String>::new());
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
