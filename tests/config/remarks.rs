//! What is right by itself but cannot be meant, or does nothing, is remarked on with its key.

use crate::{GOOD, read, site};

#[test]
fn what_can_hardly_be_meant_is_remarked_on() {
    for (from, to, expected) in [
        ("base = ", "start_tls = true\nbase = ", "directory.corp.start_tls: it is for ldap://"),
        (
            "ldaps://ldap.example.com",
            "ldaps://ldap.example.com:389",
            "directory.corp.servers: 389 is the port for ldap://: write ldap://ldap.example.com:389 with start_tls = true",
        ),
        (
            "servers = [\"ldaps://ldap.example.com\"]",
            "servers = [\"ldap://ldap.example.com:636\"]\nallow_clear_text = true",
            "directory.corp.servers: 636 is the port for ldaps://",
        ),
        (
            "servers = [\"ldaps://ldap.example.com\"]",
            "servers = [\"ldap://ldap.example.com\"]\nallow_clear_text = true",
            "directory.corp.tls: no server is spoken TLS with",
        ),
        ("\"cn=x\"", "\"xmpp\"", "directory.corp.bind_dn: it is no DN"),
        ("\"cn=x\"", "\"cn=x ou=y dc=z\"", "directory.corp.bind_dn: commas stand between"),
        (
            "bind_dn = \"cn=x\"",
            "preset = \"active-directory\"\nbind_dn = \"svc\"",
            "directory.corp.bind_dn: domain controllers take a DN, name@domain or 'DOMAIN\\name'",
        ),
        (
            "bind_dn = \"cn=x\"",
            "preset = \"openldap\"\nbind_dn = \"svc@example.com\"",
            "directory.corp.bind_dn: it is no DN",
        ),
        ("[domain", "[cache]\ngood_for = \"1h\"\n[domain", "cache.good_for: nothing is remembered"),
        (
            "bind_dn",
            "require_group = [\"cn=x\", \"OU=chat,dc=x\"]\nbind_dn",
            "directory.corp.require_group: this names a unit and no group",
        ),
        (
            "[directory.corp]",
            "answer_within = \"29900ms\"\n[directory.corp]",
            "answer_within: ejabberd gives up after 30s",
        ),
        (
            "[directory.corp]",
            "answer_within = \"20ms\"\n[directory.corp]",
            "answer_within: few directories answer so soon",
        ),
    ] {
        let site = site(&GOOD.replacen(from, to, 1));
        let reading = read(&site);
        assert!(reading.configuration.is_ok(), "{to:?}: {:?}", reading.configuration);
        let remarks: Vec<String> = reading.remarks.iter().map(ToString::to_string).collect();
        assert!(remarks.iter().any(|remark| remark.contains(expected)), "{to:?}: {remarks:?}");
    }
}
