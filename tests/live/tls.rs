//! TLS, StartTLS and what they protect.

use std::io::{Read, Write};
use std::net::{Ipv6Addr, TcpListener};
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
    secured_with(certificate, "")
}

/// The same with more lines in its configuration.
fn secured_with(
    certificate: impl Fn(&Authority) -> anyhow::Result<Credential>,
    global: &str,
) -> Secured {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::create(directory.path()).unwrap();
    let tls = Some((authority.certificate().to_owned(), certificate(&authority).unwrap()));
    let global = global.to_owned();
    let slapd =
        Options { tls, require_tls: true, verify_client: true, global, ..Options::default() }
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
    adapter.close_input();
    adapter.wait();
    adapter.log()
}

/// A server that says this to everybody, whatever they ask.
fn answering(bytes: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ldap://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 512]);
            let _ = stream.write_all(bytes);
        }
    });
    url
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
        assert!(log.contains("for other.example.net, not for 127.0.0.1"), "{log}");
        works(&trusting(&[&url], ca, directory, "server_name = \"other.example.net\""));
    }
}

#[test]
fn an_expired_certificate_is_refused() {
    let it = secured(Authority::expired);
    let log = outage_log(&trusting(&[&it.slapd.ldaps_url()], it.authority.certificate(), "", ""));
    assert!(log.contains("has expired on 20"), "{log}");
}

#[test]
fn a_certificate_of_tomorrow_is_refused() {
    let it = secured(Authority::early);
    let log = outage_log(&trusting(&[&it.slapd.ldaps_url()], it.authority.certificate(), "", ""));
    assert!(log.contains("is not valid before 20"), "{log}");
}

#[test]
fn a_certificate_without_names_is_refused() {
    let it = secured(Authority::nameless);
    let log = outage_log(&trusting(&[&it.slapd.ldaps_url()], it.authority.certificate(), "", ""));
    assert!(log.contains("has no subjectAltName"), "{log}");
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
    assert!(log.contains("is this a TLS port?"), "{log}");
    // Others answer that they do not understand.
    let url = answering(b"\x30\x0c\x02\x01\x00\x78\x07\x0a\x01\x02\x04\x00\x04\x00");
    let url = url.replace("ldap://", "ldaps://");
    let log = outage_log(&trusting(&[&url], it.authority.certificate(), "", ""));
    assert!(log.contains("does not speak TLS at this port"), "{log}");
}

#[test]
fn a_tls_port_is_not_asked_for_start_tls() {
    let it = secured(Authority::good);
    let url = it.slapd.ldaps_url().replace("ldaps://", "ldap://");
    let log = outage_log(&trusting(&[&url], it.authority.certificate(), "start_tls = true", ""));
    assert!(log.contains("is this its port for ldaps://?"), "{log}");
    // Others say in TLS that they do not understand.
    let url = answering(b"\x15\x03\x03\x00\x02\x02\x0a");
    let log = outage_log(&trusting(&[&url], it.authority.certificate(), "start_tls = true", ""));
    assert!(log.contains("write ldaps:// for this port"), "{log}");
}

#[test]
fn a_server_that_wants_a_client_certificate_is_told_from_others() {
    let it = secured_with(Authority::good, "TLSVerifyClient demand\n");
    let log = outage_log(&trusting(&[&it.slapd.ldaps_url()], it.authority.certificate(), "", ""));
    assert!(log.contains("does it want a client certificate"), "{log}");
}

#[test]
fn old_versions_are_not_spoken_where_a_newer_one_is_wanted() {
    let old = "TLSCipherSuite SECURE128:-VERS-ALL:+VERS-TLS1.2\n";
    let it = secured_with(Authority::good, old);
    let ca = it.authority.certificate();
    works(&trusting(&[&it.slapd.ldaps_url()], ca, "", "min_version = \"1.2\""));
    let new = trusting(&[&it.slapd.ldaps_url()], ca, "", "min_version = \"1.3\"");
    let log = outage_log(&new);
    assert!(log.contains("see min_version"), "{log}");
}

#[test]
fn a_pinned_key_is_needed_beside_the_authority_or_instead_of_it() {
    let it = secured(Authority::wrong_name);
    let ca = it.authority.certificate();
    let named = "server_name = \"other.example.net\"";
    let none = "pins = [\"sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"]";
    let log = outage_log(&trusting(&[&it.slapd.ldaps_url()], ca, "", &format!("{named}\n{none}")));
    let (_, pin) = log.split_once("if it was changed on purpose, add \\\"").unwrap();
    let (pin, _) = pin.split_once('\\').unwrap();
    let right =
        format!("pins = [\"sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\", {pin:?}]");
    works(&trusting(&[&it.slapd.ldaps_url()], ca, "", &format!("{named}\n{right}")));
    // Beside the authority, the name still counts.
    let log = outage_log(&trusting(&[&it.slapd.ldaps_url()], ca, "", &right));
    assert!(log.contains("for another name"), "{log}");
    let tls = format!("[directory.corp.tls]\npins_only = true\n{right}");
    for (url, directory) in [(it.slapd.ldaps_url(), ""), (it.slapd.url(), "start_tls = true")] {
        works(&site(&[&url], Lookup::Search, directory, &tls));
    }
    let tls = format!("[directory.corp.tls]\npins_only = true\n{none}");
    let log = outage_log(&site(&[&it.slapd.ldaps_url()], Lookup::Search, "", &tls));
    assert!(log.contains("is not among the pins"), "{log}");
}

#[test]
fn files_that_change_are_read_again_and_bad_ones_are_not_used() {
    let it = secured(Authority::good);
    let other = tempfile::tempdir().unwrap();
    let other = (Authority::create(other.path()).unwrap(), other);
    let ca = other.1.path().join("changing.pem");
    let put = |from: &Path| {
        let fresh = ca.with_extension("new");
        std::fs::copy(from, &fresh).unwrap();
        std::fs::rename(&fresh, &ca).unwrap();
    };
    put(other.0.certificate());
    // Each connection is new.
    let pool = "\n[directory.corp.pool]\nidle = \"10ms\"\nlifetime = \"10ms\"";
    let site = trusting(&[&it.slapd.ldaps_url()], &ca, "", pool);
    let mut adapter = Adapter::start(&site, Framing::Packet);
    assert_eq!(adapter.ask(RIGHT), CannotTell);
    put(it.authority.certificate());
    adapter.logs("the configuration was read again and is in use");
    assert_eq!(adapter.ask(RIGHT), Yes, "{}", adapter.log());
    std::fs::write(&ca, "nothing").unwrap();
    adapter.logs("the new configuration is wrong; nothing has changed");
    assert_eq!(adapter.ask(RIGHT), Yes, "{}", adapter.log());
    put(other.0.certificate());
    adapter.logs("the new configuration does not work; nothing has changed");
    adapter.logs("unknown CA");
    assert_eq!(adapter.ask(RIGHT), Yes, "{}", adapter.log());
}

#[test]
fn a_client_certificate_that_is_renewed_is_read_again() {
    let it = secured(Authority::good);
    let stranger = tempfile::tempdir().unwrap();
    let stranger = (Authority::create(stranger.path()).unwrap(), stranger);
    let client = stranger.0.client().unwrap();
    let files = format!(
        "client_cert_file = {:?}\nclient_key_file = {:?}\n[directory.corp.pool]\nidle = \"10ms\"\nlifetime = \"10ms\"",
        client.certificate, client.key
    );
    let url = it.slapd.ldaps_url();
    let site = trusting(&[&url], it.authority.certificate(), "sasl = \"external\"", &files);
    let mut adapter = Adapter::start(&site, Framing::Packet);
    assert_eq!(adapter.ask(RIGHT), CannotTell);
    let renewed = it.authority.client().unwrap();
    std::fs::copy(renewed.certificate, client.certificate).unwrap();
    std::fs::copy(renewed.key, client.key).unwrap();
    adapter.logs("the configuration was read again and is in use");
    assert_eq!(adapter.ask(RIGHT), Yes, "{}", adapter.log());
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
