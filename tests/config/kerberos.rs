//! Signing in by Kerberos.

use std::fs;

use crate::{GOOD, read, site};

const KEYTAB: &str = "keytab = \"{dir}/keytab\"\n";
const PRINCIPAL: &str = "principal = \"svc-xmpp@CORP.EXAMPLE\"\n";

/// A keytab with a key of this principal that fits no lock.
fn keytab(realm: &str, name: &str) -> Vec<u8> {
    let text =
        |text: &str| [&u16::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat();
    let entry =
        [&[0, 1][..], &text(realm), &text(name), &[0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 18, 0, 2, 7, 7]]
            .concat();
    [b"\x05\x02", &i32::try_from(entry.len()).unwrap().to_be_bytes()[..], &entry].concat()
}

/// The problems of signing in by Kerberos with these keys in place of the password.
fn kerberos_problems(servers: &str, keys: &str) -> String {
    let keys = format!("sasl = \"gssapi\"\n{keys}");
    let config = GOOD
        .replace("bind_dn = \"cn=x\"\nbind_password_file = \"{dir}/password\"", &keys)
        .replace("ldaps://ldap.example.com", servers);
    let site = site(&config);
    let path = site.secret("keytab", "");
    fs::write(&path, keytab("CORP.EXAMPLE", "svc-xmpp")).unwrap();
    read(&site).configuration.err().map(|problems| problems.to_string()).unwrap_or_default()
}

#[test]
fn kerberos_needs_a_principal_with_its_keytab_and_servers_by_name() {
    let both = format!("{KEYTAB}{PRINCIPAL}");
    for (servers, keys, expected) in [
        ("ldap://dc.corp.example", KEYTAB, "sasl: gssapi needs principal = "),
        ("ldap://dc.corp.example", PRINCIPAL, "sasl: gssapi needs keytab = "),
        (
            "ldap://dc.corp.example",
            &both.replace("@CORP.EXAMPLE", ""),
            "principal: write it with its realm",
        ),
        (
            "ldap://dc.corp.example",
            &both.replace("svc-xmpp@", "other@"),
            "keytab: there is no key of principal in it, but of svc-xmpp@CORP.EXAMPLE",
        ),
        (
            "ldap://dc.corp.example",
            &both.replace("/keytab", "/password"),
            "keytab: this file is no keytab",
        ),
        ("ldaps://192.0.2.1", &both, "servers: Kerberos knows a server by its full host name"),
        (
            "ldaps://dc.corp.example",
            &format!("{both}sasl_seal = true\n"),
            "sasl_seal: ldaps:// is always TLS",
        ),
    ] {
        let problems = kerberos_problems(servers, keys);
        assert!(problems.contains(expected), "{keys}: {problems}");
    }
}

#[test]
fn kerberos_is_there_if_it_was_built_in() {
    let keys = format!("{KEYTAB}{PRINCIPAL}allow_clear_text = true\n");
    let problems = kerberos_problems("ldap://dc.corp.example", &keys);
    let says_so = problems.contains("built without Kerberos; build it with `cargo build");
    assert_eq!(says_so, !cfg!(feature = "gssapi"), "{problems}");
    assert_eq!(problems.is_empty(), cfg!(feature = "gssapi"), "{problems}");
}
