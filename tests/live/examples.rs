//! The shipped configurations, each through a login at the product that it is for. Only the names of
//! the company are replaced by those of the fixtures.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use ldap_fixtures::tls::Authority;
use ldap_fixtures::{ds389, samba, slapd};

use crate::support::{Adapter, Answer, Framing, Site};

/// A site with this example, its words replaced.
fn site(example: &str, replacements: &[(&str, &str)], password: &str, ca: &Path) -> Site {
    let path = format!("{}/examples/{example}.toml", env!("CARGO_MANIFEST_DIR"));
    let mut config = fs::read_to_string(path).unwrap();
    let ca = ca.to_str().unwrap();
    let files = [
        ("/etc/xmpp-ldap-auth/company-ca.pem", ca),
        ("/etc/xmpp-ldap-auth/company.password", "{dir}/password"),
    ];
    for (old, new) in replacements.iter().chain(&files) {
        assert!(config.contains(old), "{example} does not say {old:?}");
        config = config.replace(old, new);
    }
    let site = Site::new(&config);
    site.secret("password", password);
    site
}

fn login(site: &Site, user: &str, password: &str) -> (Option<i32>, String) {
    let mut child = site
        .command()
        .args(["login", user, "--password-stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{password}").unwrap();
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

#[track_caller]
fn signs_in(site: &Site, user: &str, password: &str) {
    let (code, text) = login(site, user, password);
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = login(site, user, "Wrong-0");
    assert_eq!(code, Some(77), "{text}");
    let mut adapter = Adapter::start(site, Framing::Line);
    let (localpart, domainpart) = user.split_once('@').unwrap();
    assert_eq!(adapter.ask(&format!("isuser:{localpart}:{domainpart}")), Answer::Yes);
    assert_eq!(adapter.ask(&format!("isuser:nobody:{domainpart}")), Answer::No);
}

#[test]
fn openldap_and_generic() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::create(directory.path()).unwrap();
    let tls = Some((authority.certificate().to_owned(), authority.good().unwrap()));
    let server = slapd::Options { tls, ..slapd::Options::default() }.start().unwrap();
    for (example, replacements) in [
        (
            "openldap",
            &[
                ("ldap://ldap1.example.com", &*server.url()),
                ("cn=xmpp,ou=services,dc=example,dc=com", slapd::SERVICE_DN),
            ][..],
        ),
        (
            "generic",
            &[
                ("ldaps://ldap.example.com", &server.ldaps_url()),
                ("cn=xmpp,dc=example,dc=com", slapd::SERVICE_DN),
                ("ou=staff", "ou=people"),
                ("ou=guests", "ou=contractors"),
            ],
        ),
    ] {
        let site = site(example, replacements, slapd::SERVICE_PASSWORD, authority.certificate());
        signs_in(&site, "alice@example.com", slapd::PASSWORD);
    }
}

#[test]
fn samba_and_active_directory() {
    let server = samba::Samba::shared().unwrap();
    let dns = server.address().to_string();
    for (example, replacements) in [
        (
            "samba",
            &[
                (
                    "[\"ldaps://dc1.example.com\"]",
                    &*format!("[]\ndiscover = \"example.com\"\nnameservers = [{dns:?}]"),
                ),
                ("xmpp@example.com", samba::READER),
            ][..],
        ),
        (
            "active-directory",
            &[
                ("\"ldaps://dc1.corp.example\", \"ldaps://dc2.corp.example\"", ""),
                (
                    "# discover = \"corp.example\"",
                    &*format!("discover = \"example.com\"\nnameservers = [{dns:?}]"),
                ),
                ("dc=corp,dc=example", samba::BASE),
                ("xmpp@corp.example", samba::READER),
                ("corp.example", "example.com"),
            ],
        ),
    ] {
        let site = site(example, replacements, samba::SERVICE_PASSWORD, &server.ca());
        signs_in(&site, "alice@example.com", samba::PASSWORD);
    }
}

#[test]
fn directory_server_389() {
    let server = ds389::Ds389::start().unwrap();
    let replacements = [
        ("ldaps://ds1.example.com", &*server.ldaps_url()),
        ("uid=xmpp,ou=services,dc=example,dc=com", ds389::READER_DN),
    ];
    let site = site("389ds", &replacements, ds389::READER_PASSWORD, &server.ca());
    signs_in(&site, "alice@example.com", ds389::PASSWORD);
}
