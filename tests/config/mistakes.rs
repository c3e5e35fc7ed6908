//! What is wrong is told all at once, once each, with its line and what to write instead.

use crate::{GOOD, problems};

#[test]
fn every_problem_is_reported_at_once_with_its_line() {
    let text = problems(
        r#"caller = "openfire"
anser_within = "4s"
[directory.corp]
servers = ["http://ldap.example.com", "ldap://ldap.example.com"]
base = 7
user_filter = "(uid={user})"
bind_dn = "cn=x"
bind_password = "hunter2"
set_password = "always"
[directory.corp.pool]
size = 0
idle = "soon"
[domain."example.com"]
directory = "crop"
[log]
level = "loud"
"#,
    );
    let expected = [
        "line 1: caller: write \"prosody\", \"ejabberd\" or \"mongooseim\"",
        "line 2: anser_within: there is no such key; did you mean answer_within?",
        "line 4: directory.corp.servers: write ldaps://host, ldap://host or ldapi://%2Fpath%2Fto%2Fsocket",
        "line 4: directory.corp.servers: passwords would cross the network in clear text; write ldaps://, or start_tls = true, or, knowing what it means, allow_clear_text = true",
        "line 5: directory.corp.base: write a string in double quotes, or a list of them",
        "line 6: directory.corp.user_filter: {user} is no placeholder; write {localpart}, {domain}, {jid} or {address}",
        "line 8: directory.corp.bind_password: a password does not belong in this file; put it into a file of its own and write bind_password_file",
        "line 9: directory.corp.set_password: write one of \"off\", \"auto\", \"exop\", \"unicode-pwd\"",
        "line 11: directory.corp.pool.size: write a whole number from 1 to 256",
        "line 12: directory.corp.pool.idle: write a duration from \"10ms\" to \"24h\", such as \"4s\", \"1500ms\" or \"30m\"",
        "line 14: domain.example.com.directory: there is no such [directory]; write one of: corp",
        "line 16: log.level: write \"error\", \"warn\", \"info\", \"debug\" or \"trace\"",
    ];
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn each_mistake_is_told_with_what_to_write() {
    for (from, to, expected) in [
        (
            "caller = \"ejabberd\"",
            "",
            "line 1: caller: write caller = \"ejabberd\", \"prosody\" or \"mongooseim\"",
        ),
        (
            "caller = \"ejabberd\"",
            "caller = \"ejabberd\"\nanswer_within = \"30s\"",
            "line 2: answer_within: ejabberd gives up after 30s",
        ),
        (
            "[directory.corp]",
            "[directory.corp]\nbind_passwd = \"hunter2\"",
            "directory.corp.bind_passwd: a password does not belong in this file",
        ),
        (
            "[directory.corp]",
            "[throttle]\nwithin = \"366days\"\n[directory.corp]",
            "line 3: throttle.within: write a duration from \"10ms\" to \"365days\"",
        ),
        (
            "servers = [\"ldaps://ldap.example.com\"]",
            "",
            "line 2: directory.corp.servers: write servers =",
        ),
        (
            "servers = [\"ldaps://ldap.example.com\"]",
            "servers = \"ldaps://ldap.example.com\"",
            "line 3: directory.corp.servers: write a list of strings",
        ),
        (
            "base = \"dc=example,dc=com\"",
            "",
            "line 2: directory.corp.base: write the DN below which",
        ),
        (
            "user_filter = \"(uid={localpart})\"",
            "",
            "line 2: directory.corp.user_filter: write how a user is found",
        ),
        (
            "(uid={localpart})",
            "uid={localpart}",
            "it is no filter of RFC 4515: put it in parentheses",
        ),
        (
            "(uid={localpart})",
            "(& (uid={localpart}) (objectClass=person))",
            "line 5: directory.corp.user_filter: it is no filter of RFC 4515: leave out the spaces",
        ),
        ("(uid={localpart})", "(uid=x)", "it never mentions {localpart}, {jid} or {address}"),
        ("bind_dn = \"cn=x\"", "", "line 2: directory.corp.bind_dn: a search needs an account"),
        (
            "bind_dn = \"cn=x\"",
            "bind_dn = \"cn=x\"\nanonymous = true",
            "line 6: directory.corp.bind_dn: write only one of bind_dn, sasl and anonymous",
        ),
        (
            "bind_dn = \"cn=x\"",
            "sasl = \"digest-md5\"",
            "line 6: directory.corp.sasl: write \"external\" or \"gssapi\"",
        ),
        (
            "bind_dn = \"cn=x\"",
            "sasl = \"external\"",
            "line 6: directory.corp.sasl: external needs tls.client_cert_file or an ldapi:// server",
        ),
        ("{dir}/password", "{dir}/missing", "cannot read the file: there is none of this name"),
        (
            "{dir}/ca.pem",
            "{dir}/missing",
            "line 9: directory.corp.tls.ca_file: cannot read the file",
        ),
        (
            "{dir}/ca.pem",
            "{dir}/password",
            "line 9: directory.corp.tls.ca_file: there is no certificate in it",
        ),
        (
            "servers = [\"ldaps://ldap.example.com\"]",
            "discover = \"corp..example\"",
            "line 3: directory.corp.discover: write the DNS name of the domain",
        ),
        (
            "servers = [\"ldaps://ldap.example.com\"]",
            "site = \"auto\"\nservers = [\"ldaps://ldap.example.com\"]",
            "line 3: directory.corp.site: it belongs to discover",
        ),
        (
            "servers = [\"ldaps://ldap.example.com\"]",
            "discover = \"corp.example\"\nsite = \"a.b\"",
            "line 4: directory.corp.site: write the name of a site, or \"auto\"",
        ),
        (
            "servers = [\"ldaps://ldap.example.com\"]",
            "discover = \"corp.example\"\nnameservers = [\"dns.corp.example\"]",
            "line 4: directory.corp.nameservers: write addresses of name servers",
        ),
        (
            "servers = [\"ldaps://ldap.example.com\"]",
            "discover = \"corp.example\"\nnameservers = [\"0.0.0.0\"]",
            "line 4: directory.corp.nameservers: it is an address of no one server",
        ),
        (
            "base = \"dc=example,dc=com\"",
            "preset = \"samba\"\nbase = \"\"",
            "directory.corp.base: only a global catalog (port 3268 or 3269) is searched from \"\"",
        ),
        (
            "servers = [\"ldaps://ldap.example.com\"]",
            "servers = [\"ldaps://ldap.example.com:3269\"]\nset_password = \"auto\"",
            "line 4: directory.corp.set_password: a global catalog is read-only",
        ),
        (
            "ca_file",
            "ca_files",
            "line 9: directory.corp.tls.ca_files: there is no such key; did you mean ca_file?",
        ),
        (
            "ca_file",
            "min_version = \"1.1\"\nca_file",
            "line 9: directory.corp.tls.min_version: write one of \"1.2\", \"1.3\"",
        ),
        (
            "ca_file",
            "pins = [\"aa:bb\"]\nca_file",
            "line 9: directory.corp.tls.pins: write \"sha256/\" and the hash",
        ),
        (
            "ca_file",
            "pins_only = true\nca_file",
            "line 9: directory.corp.tls.pins_only: write the pins of the servers beside it",
        ),
        (
            "ca_file",
            "pins_only = true\npins = [\"sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\"]\nca_file",
            "line 11: directory.corp.tls.ca_file: with pins_only, nobody looks at it",
        ),
        (
            "ca_file",
            "client_cert_file = \"{dir}/ca.pem\"\nca_file",
            "line 9: directory.corp.tls.client_cert_file: write both",
        ),
        (
            "base = ",
            "user_dn = \"uid={localpart},dc=x\"\nbase = ",
            "line 4: directory.corp.user_dn: write either user_dn",
        ),
        (
            "user_filter = \"(uid={localpart})\"",
            "user_dn = \"{localpart}@x\"",
            "line 5: directory.corp.user_dn: user_dn is no DN, and nothing says whose entry",
        ),
        (
            "(uid={localpart})",
            "(uid=*{localpart}*)",
            "line 5: directory.corp.user_filter: it finds entries without their names",
        ),
        ("bind_dn = \"cn=x\"", "bind_dn = \" \"", "line 6: directory.corp.bind_dn: write the name"),
        (
            "bind_dn = \"cn=x\"",
            "bind_dn = \"CORP\\bind\"",
            "line 6: directory.corp.bind_dn: it holds a control character",
        ),
        (
            "base = \"dc=example,dc=com\"",
            "base = [\"dc=x\", \"dc=\\tx\"]",
            "line 4: directory.corp.base: it holds a control character",
        ),
        (
            "directory = \"corp\"",
            "",
            "line 10: domain.example.com.directory: write which [directory.NAME] serves this domain",
        ),
        (
            "[domain.\"example.com\"]\ndirectory = \"corp\"",
            "",
            "domain: write at least one [domain.\"example.com\"]",
        ),
        ("caller = ", "caller == ", "line 1, column 9: this is not TOML: "),
        (
            "\"ejabberd\"",
            "ejabberd",
            "line 1, column 10: this is not TOML: string values must be quoted",
        ),
        ("base = ", "base = \"dc=x\"\nbase = ", "line 5, column 1: base is written twice"),
        (
            "[domain",
            "[domain.\"example.com\"]\n[domain",
            "line 11, column 9: \"example.com\" is written twice",
        ),
        ("\"cn=x\"", "\"CORP\\xmpp\"", "line 6, column "),
        (
            "\"cn=x\"",
            "\"CORP\\svc\"",
            "a backslash between double quotes begins an escape: write single quotes",
        ),
        (
            "\"dc=example,dc=com\"",
            "\"example.com\"",
            "line 4: directory.corp.base: it is no DN: if it is the name of a domain, write \"dc=example,dc=com\"",
        ),
        (
            "\"dc=example,dc=com\"",
            "\"dc=example dc=com\"",
            "line 4: directory.corp.base: commas stand between the parts of a DN",
        ),
        (
            "bind_dn",
            "group_base = \"groups\"\nbind_dn",
            "line 6: directory.corp.group_base: it is no DN",
        ),
        (
            "ldaps://ldap.example.com",
            "ldap.example.com",
            "line 3: directory.corp.servers: write ldaps://host",
        ),
        (
            "ldaps://ldap.example.com",
            "ldaps://a.example ldaps://b.example",
            "line 3: directory.corp.servers: one string holds one URL",
        ),
        (
            "[domain.\"example.com\"]",
            "[domain.example.com]",
            "line 10: domain.example: write the name in quotes: [domain.\"example.com\"]",
        ),
        (
            "\"example.com\"]",
            "\"example.com \"]",
            "line 11: domain.example.com .directory: there is a blank",
        ),
        ("\"example.com\"]", "\"xmpp://example.com\"]", "a domain is no URL"),
        ("\"example.com\"]", "\"example.com.\"]", "without a dot at its end"),
        ("\"example.com\"]", "\"example.com:5222\"]", "a domain has no port"),
        ("\"example.com\"]", "\"*\"]", "each domain is written by its own name"),
        (
            "directory = \"corp\"",
            "directory = \"corp\"\naliases = [\"a b\"]",
            "line 12: domain.example.com.aliases: there is a blank",
        ),
        ("[domain", "[cache]\nttl = 1\n[domain", "line 11: cache.ttl: there is no such key"),
        ("[domain", "[cache]\nmode = \"on\"\n[domain", "line 11: cache.mode: "),
        ("[domain", "[throttle]\nfailures = 0\n[domain", "line 11: throttle.failures: "),
        (
            "bind_dn",
            "require_groups = \"cn=chat\"\nbind_dn",
            "line 6: directory.corp.require_groups: there is no such key; did you mean require_group?",
        ),
        (
            "bind_dn",
            "require_group = \"chat\"\nbind_dn",
            "line 6: directory.corp.require_group: it is no DN",
        ),
        (
            "bind_dn",
            "require_group = \"cn=chat\"\ngroup_method = \"nested\"\nbind_dn",
            "line 7: directory.corp.group_method: write one of \"auto\", \"memberof\"",
        ),
        (
            "bind_dn",
            "require_group_match = \"some\"\nbind_dn",
            "line 6: directory.corp.require_group_match: write \"any\" or \"all\"",
        ),
        (
            "base = \"dc=example,dc=com\"\nuser_filter = \"(uid={localpart})\"\nbind_dn = \"cn=x\"\nbind_password_file = \"{dir}/password\"",
            "user_dn = \"{localpart}@x\"\nrequire_group = \"cn=chat\"",
            "line 5: directory.corp.require_group: groups are looked up by a service account",
        ),
        (
            "bind_dn",
            "preset = \"ad\"\nbind_dn",
            "line 6: directory.corp.preset: write one of \"active-directory\", \"samba\"",
        ),
        (
            "bind_dn",
            "account_state = [\"ad\"]\nbind_dn",
            "line 6: directory.corp.account_state: write one of",
        ),
        (
            "bind_dn",
            "must_change_password = true\nbind_dn",
            "line 6: directory.corp.must_change_password: write a string",
        ),
        (
            "bind_dn",
            "must_change_password = \"yes\"\nbind_dn",
            "line 6: directory.corp.must_change_password: write one of \"deny\", \"allow\"",
        ),
        (
            "user_filter = \"(uid={localpart})\"",
            "login_attributes = [\"uid)\"]",
            "line 5: directory.corp.login_attributes: \"uid)\" is no name of an attribute",
        ),
        (
            "directory = \"corp\"",
            "directory = \"corp\"\naliases = [\"Example.com\"]",
            "line 12: domain.example.com.aliases: this domain is also an alias",
        ),
        (
            "directory = \"corp\"",
            "directory = \"corp\"\nbase = 1",
            "line 12: domain.example.com.base: write a string in double quotes, or a list",
        ),
        (
            "[directory.corp.tls]",
            "[directory.corp.rotation]\nbind_dn = \"cn=y\"\n[directory.corp.tls]",
            "line 8: directory.corp.rotation.bind_password_file: write the file with the other",
        ),
        (
            "[directory.corp.tls]",
            "[directory.corp.write]\nservers = [\"ldap://dc9.example.com\"]\n[directory.corp.tls]",
            "line 9: directory.corp.write.servers: passwords would cross the network in clear text",
        ),
        (
            "[directory.corp.tls]",
            "[directory.corp.write]\nbase = \"x\"\n[directory.corp.tls]",
            "line 9: directory.corp.write.base: there is no such key",
        ),
        ("bind_password_file", "bind_password_env", "there is no environment variable"),
        ("{dir}/password", "password", "bind_password_file: write the whole path"),
    ] {
        let text = problems(&GOOD.replacen(from, to, 1));
        assert!(text.contains(expected), "{from:?} -> {to:?}: {text}");
    }
}

/// One slip is one problem, and none is told of what is only misspelt or stands behind it.
#[test]
fn a_mistake_is_told_once() {
    for (from, to) in [
        ("bind_password_file", "bind_pasword_file"),
        ("servers", "sevrers"),
        ("ldaps://ldap.example.com", "ldaps://a ldaps://b"),
        ("ldaps://ldap.example.com", "ldap.example.com"),
        ("\"cn=x\"", "\"CORP\\xmpp\""),
        ("\"ejabberd\"", "ejabberd"),
        ("[domain.\"example.com\"]", "[domain.\"example.com]"),
        ("base = ", "base = \"dc=x\"\nbase = "),
    ] {
        let text = problems(&GOOD.replacen(from, to, 1));
        assert_eq!(text.lines().count(), 1, "{from:?} -> {to:?}: {text}");
    }
}
