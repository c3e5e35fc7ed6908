//! TLS, StartTLS and what they protect.

use std::net::Ipv6Addr;
use std::path::Path;

use ldap_fixtures::proxy::{Fault, Proxy};
use ldap_fixtures::slapd::{Options, Slapd, WRITER_PASSWORD};
use ldap_fixtures::tls::{Authority, Credential};
use tempfile::TempDir;

use crate::support::Answer::{CannotTell, No, Yes};
use crate::support::{Adapter, Framing, Site};
use crate::{Lookup, site};

const RIGHT: &str = "auth:alice:example.com:secret";
const WRONG: &str = "auth:alice:example.com:wrong";

struct Secured {
    slapd: Slapd,
    authority: Authority,
    _directory: TempDir,
}

/// A slapd with a certificate, which refuses binds without TLS.
fn secured(certificate: impl Fn(&Authority) -> anyhow::Result<Credential>) -> Secured {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::create(directory.path()).unwrap();
    let tls = Some((authority.certificate().to_owned(), certificate(&authority).unwrap()));
    let slapd = Options { tls, require_tls: true, verify_client: true, ..Options::default() }
        .start()
        .unwrap();
    Secured { slapd, authority, _directory: directory }
}

fn trusting(servers: &[&str], ca_file: &Path, directory: &str, tls: &str) -> Site {
    let tls = format!("[directory.corp.tls]\nca_file = {ca_file:?}\n{tls}");
    site(servers, Lookup::Search, directory, &tls)
}

/// Asks once rightly and once wrongly, and gives the log of a refused connection.
fn outage_log(site: &Site) -> String {
    let mut adapter = Adapter::start(site, Framing::Packet);
    for request in [RIGHT, WRONG, "isuser:alice:example.com"] {
        assert_eq!(adapter.ask(request), CannotTell, "{}", adapter.log());
    }
    adapter.log()
}

fn works(site: &Site) {
    let mut adapter = Adapter::start(site, Framing::Packet);
    assert_eq!(adapter.ask(RIGHT), Yes, "{}", adapter.log());
    assert_eq!(adapter.ask(WRONG), No);
    assert_eq!(adapter.ask("isuser:nobody:example.com"), No);
}

#[test]
fn ldaps_and_start_tls_work_with_the_right_certificate() {
    let it = secured(Authority::good);
    let ca = it.authority.certificate();
    works(&trusting(&[&it.slapd.ldaps_url()], ca, "", ""));
    works(&trusting(&[&it.slapd.url()], ca, "start_tls = true", ""));
    works(&trusting(&[&it.slapd.ldaps_url().replace("127.0.0.1", "localhost")], ca, "", ""));
}

#[test]
fn addresses_of_ipv6_work_in_every_form() {
    let it = secured(Authority::good);
    let ca = it.authority.certificate();
    let localhost = Ipv6Addr::LOCALHOST.into();
    let plain = Proxy::start_on(localhost, it.slapd.address()).unwrap();
    works(&trusting(&[&plain.url()], ca, "start_tls = true", ""));
    let tls = Proxy::start_on(localhost, it.slapd.ldaps_address()).unwrap();
    works(&trusting(&[&tls.url().replace("ldap://", "ldaps://")], ca, "", ""));
    let slapd = Slapd::start().unwrap();
    let plain = Proxy::start_on(localhost, slapd.address()).unwrap();
    works(&site(&[&plain.url()], Lookup::Search, "", ""));
}

#[test]
fn a_certificate_for_another_name_is_refused_unless_that_name_is_expected() {
    let it = secured(Authority::wrong_name);
    let ca = it.authority.certificate();
    for (url, directory) in [(it.slapd.ldaps_url(), ""), (it.slapd.url(), "start_tls = true")] {
        let log = outage_log(&trusting(&[&url], ca, directory, ""));
        assert!(log.contains("for another name"), "{log}");
        works(&trusting(&[&url], ca, directory, "server_name = \"other.example.net\""));
    }
}

#[test]
fn an_expired_certificate_is_refused() {
    let it = secured(Authority::expired);
    let log = outage_log(&trusting(&[&it.slapd.ldaps_url()], it.authority.certificate(), "", ""));
    assert!(log.contains("has expired"), "{log}");
}

#[test]
fn a_certificate_of_an_unknown_authority_is_refused() {
    let it = secured(Authority::good);
    let other = tempfile::tempdir().unwrap();
    let other = (Authority::create(other.path()).unwrap(), other);
    let log = outage_log(&trusting(&[&it.slapd.ldaps_url()], other.0.certificate(), "", ""));
    assert!(log.contains("unknown CA"), "{log}");
    // Nor do the system's roots know it.
    let log = outage_log(&site(&[&it.slapd.ldaps_url()], Lookup::Search, "", ""));
    assert!(log.contains("unknown CA"), "{log}");
}

#[test]
fn a_plain_text_port_is_not_spoken_tls_to() {
    let it = secured(Authority::good);
    let url = it.slapd.url().replace("ldap://", "ldaps://");
    let log = outage_log(&trusting(&[&url], it.authority.certificate(), "", ""));
    assert!(log.contains("the directory cannot answer"), "{log}");
}

#[test]
fn a_server_that_wants_encryption_is_an_outage_and_says_so() {
    let it = secured(Authority::good);
    let log = outage_log(&trusting(&[&it.slapd.url()], it.authority.certificate(), "", ""));
    assert!(log.contains("result code 13"), "{log}");
}

#[test]
fn start_tls_never_falls_back_to_clear_text() {
    let it = secured(Authority::good);
    let proxy = Proxy::start(it.slapd.address()).unwrap();
    let site = trusting(&[&proxy.url()], it.authority.certificate(), "start_tls = true", "");
    works(&site);
    for code in [0, 2, 53] {
        proxy.set(Fault::StripStartTls(code));
        outage_log(&site);
    }
    assert!(proxy.accepted() >= 4);
    for secret in ["secret", WRITER_PASSWORD, "alice", "cn=writer"] {
        assert!(!proxy.has_received(secret.as_bytes()), "{secret} was sent in clear text");
    }
}

#[test]
fn a_client_certificate_signs_the_service_in() {
    let it = secured(Authority::good);
    let client = it.authority.client().unwrap();
    let files =
        format!("client_cert_file = {:?}\nclient_key_file = {:?}", client.certificate, client.key);
    let ca = it.authority.certificate();
    works(&trusting(&[&it.slapd.ldaps_url()], ca, "sasl = \"external\"", &files));
    works(&trusting(&[&it.slapd.url()], ca, "sasl = \"external\"\nstart_tls = true", &files));
}

#[test]
fn a_local_socket_signs_the_service_in() {
    let slapd = Slapd::start().unwrap();
    works(&site(&[&slapd.ldapi_url().unwrap()], Lookup::Search, "sasl = \"external\"", ""));
    works(&site(&[&slapd.ldapi_url().unwrap()], Lookup::Search, "", ""));
}
