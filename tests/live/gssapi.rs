//! Signing in to the directory by Kerberos, against Samba and its KDC.

use std::net::{SocketAddr, TcpListener, UdpSocket};

use ldap_fixtures::samba::{BASE, HOST, PASSWORD, READER, SERVICE_PASSWORD, Samba};

use crate::support::Answer::{CannotTell, No, Yes};
use crate::support::{Adapter, Framing, Site};

/// Samba's own limits are what makes sealing the way to go there: it takes no Kerberos over TLS.
const SEALED: &str = "start_tls = true\nsasl_seal = true";

/// `server` is its URL, `directory` more lines of `[directory.corp]`.
fn site(samba: &Samba, server: &str, directory: &str) -> Site {
    let site = Site::new(&format!(
        "[directory.corp]\npreset = \"samba\"\nservers = [\"{server}\"]\nbase = \"{BASE}\"\n\
         sasl = \"gssapi\"\nprincipal = \"svc-xmpp@EXAMPLE.COM\"\nkeytab = {:?}\n\
         sasl_host = \"{HOST}\"\n{directory}\n\
         [directory.corp.tls]\nca_file = {:?}\nserver_name = \"{HOST}\"\n\
         [domain.\"example.com\"]\ndirectory = \"corp\"\n",
        samba.keytab(),
        samba.ca()
    ));
    site.with_variable("KRB5_CONFIG", samba.krb5_conf().to_str().unwrap())
}

#[test]
fn users_are_found_signed_in_and_given_passwords() {
    let samba = Samba::shared().unwrap();
    let directory = format!("{SEALED}\nrequire_group = \"CN=outer,CN=Users,{BASE}\"\n");
    let members = site(&samba, &samba.url(), &format!("{directory}isuser_require_group = []"));
    for framing in Framing::BOTH {
        let mut adapter = Adapter::start(&members, framing);
        let mut expect = |request: &str, expected| {
            let answer = adapter.ask(request);
            assert_eq!(answer, expected, "{request}: {}", adapter.log());
        };
        expect(&format!("auth:alice:example.com:{PASSWORD}"), Yes);
        expect("auth:alice:example.com:Passw0rd.Wrong", No);
        expect(&format!("auth:bob:example.com:{PASSWORD}"), No);
        expect("isuser:bob:example.com", Yes);
        expect("isuser:nobody:example.com", No);
    }
    let everybody = site(&samba, &samba.url(), &format!("{SEALED}\nset_password = \"auto\""));
    let mut adapter = Adapter::start(&everybody, Framing::Packet);
    let set = adapter.ask("setpass:changer4:example.com:Passw0rd.Changed1");
    assert_eq!(set, Yes, "{}", adapter.log());
    assert_eq!(adapter.ask("auth:changer4:example.com:Passw0rd.Changed1"), Yes);
    // Not a no, which ejabberd takes for success.
    assert_eq!(adapter.ask("setpass:changer4:example.com:Ab1."), CannotTell);
    adapter.logs("password is too short");
}

#[test]
fn a_refusal_of_kerberos_over_tls_says_what_to_configure() {
    let samba = Samba::shared().unwrap();
    let place = site(&samba, &samba.ldaps_url(), "");
    let mut adapter = Adapter::start(&place, Framing::Packet);
    assert_eq!(adapter.ask("isuser:alice:example.com"), CannotTell);
    adapter.logs("sasl_seal = true");
}

#[test]
fn a_server_that_cannot_prove_its_name_is_not_asked() {
    let samba = Samba::shared().unwrap();
    let place = site(&samba, &samba.url(), SEALED);
    let text = std::fs::read_to_string(place.config()).unwrap();
    let other = format!("sasl_host = {HOST:?}");
    place.write("config.toml", &text.replace(&other, "sasl_host = \"dc9.example.com\""));
    let mut adapter = Adapter::start(&place, Framing::Packet);
    assert_eq!(adapter.ask("isuser:alice:example.com"), CannotTell);
    adapter.logs("the KDC does not know ldap/dc9.example.com@EXAMPLE.COM");
}

#[test]
fn a_kdc_that_cannot_be_reached_is_named() {
    let samba = Samba::shared().unwrap();
    let place = site(&samba, &samba.url(), SEALED);
    let nowhere = std::fs::read_to_string(samba.krb5_conf()).unwrap();
    let nowhere = nowhere.replace(&format!("kdc = {}", samba.address()), "kdc = 127.0.0.1:9");
    let path = place.write("krb5.conf", &nowhere);
    let place = place.with_variable("KRB5_CONFIG", path.to_str().unwrap());
    let mut adapter = Adapter::start(&place, Framing::Packet);
    assert_eq!(adapter.ask(&format!("auth:alice:example.com:{PASSWORD}")), CannotTell);
    adapter.logs("can the KDC");
}

/// A KDC that takes every request, by TCP and UDP, and answers none.
struct SilentKdc {
    address: SocketAddr,
    _streams: TcpListener,
    _datagrams: UdpSocket,
}

impl SilentKdc {
    fn start() -> Self {
        loop {
            let streams = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = streams.local_addr().unwrap();
            if let Ok(datagrams) = UdpSocket::bind(address) {
                return Self { address, _streams: streams, _datagrams: datagrams };
            }
        }
    }
}

#[test]
fn a_kdc_that_never_answers_keeps_nobody_else_waiting() {
    let samba = Samba::shared().unwrap();
    let kdc = SilentKdc::start();
    let place = site(&samba, &samba.url(), SEALED);
    let text = std::fs::read_to_string(place.config()).unwrap();
    let other = format!(
        "answer_within = \"3s\"\n{text}[directory.other]\npreset = \"samba\"\nservers = [{:?}]\n\
         base = \"{BASE}\"\nbind_dn = \"{READER}\"\nbind_password_file = \"{{dir}}/password\"\n\
         [directory.other.tls]\nca_file = {:?}\nserver_name = \"{HOST}\"\n\
         [domain.\"example.org\"]\ndirectory = \"other\"\n",
        samba.ldaps_url(),
        samba.ca()
    );
    place.write("config.toml", &other);
    place.secret("password", SERVICE_PASSWORD);
    let silent = std::fs::read_to_string(samba.krb5_conf()).unwrap();
    let silent =
        silent.replace(&format!("kdc = {}", samba.address()), &format!("kdc = {}", kdc.address));
    let path = place.write("krb5.conf", &silent);
    let place = place.with_variable("KRB5_CONFIG", path.to_str().unwrap());
    let mut adapter = Adapter::start(&place, Framing::Packet);
    for _ in 0..3 {
        // Together, so that the first is on its way while the others are answered.
        for user in ["alice", "bob"] {
            adapter.send(&format!("auth:{user}:example.com:{PASSWORD}"));
            adapter.send(&format!("auth:{user}:example.org:{PASSWORD}"));
        }
        for _ in 0..2 {
            let answers = [adapter.answer(), adapter.answer()];
            assert_eq!(answers, [CannotTell, Yes], "{}", adapter.log());
        }
    }
    adapter.logs("can the KDC");
    let (rest, status) = adapter.finish();
    assert!(rest.is_empty() && status.success(), "{status}");
}

#[test]
fn the_library_reads_its_own_files_within_the_confinement() {
    let samba = Samba::shared().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let real = elsewhere.path().join("real.conf");
    std::fs::copy(samba.krb5_conf(), &real).unwrap();
    let linked = tempfile::tempdir().unwrap();
    let link = linked.path().join("krb5.conf");
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let missing = elsewhere.path().join("missing.conf");
    for path in [link.clone(), std::env::join_paths([missing, link]).unwrap().into()] {
        let place = site(&samba, &samba.url(), SEALED);
        let place = place.with_variable("KRB5_CONFIG", path.to_str().unwrap());
        let mut adapter = Adapter::start(&place, Framing::Packet);
        assert_eq!(adapter.ask("isuser:alice:example.com"), Yes, "{}", adapter.log());
        assert!(!adapter.log().contains("not confined"), "{}", adapter.log());
        // A new one in its place is read as well.
        let new = elsewhere.path().join("new.conf");
        std::fs::copy(samba.krb5_conf(), &new).unwrap();
        std::fs::rename(new, &real).unwrap();
        assert_eq!(adapter.ask("isuser:bob:example.com"), Yes, "{}", adapter.log());
    }
}

#[test]
fn probe_and_explain_sign_in_by_kerberos() {
    let samba = Samba::shared().unwrap();
    let place = site(&samba, &samba.url(), SEALED);
    for arguments in [&["probe"][..], &["explain", "alice@example.com"]] {
        let output = place.command().args(arguments).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{arguments:?}: {text}");
    }
}
