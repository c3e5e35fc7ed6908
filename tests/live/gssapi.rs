//! Signing in to the directory by Kerberos, against Samba and its KDC.

use ldap_fixtures::samba::{BASE, HOST, PASSWORD, Samba};

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
