//! What the configuration accepts, and what it says about what it does not.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use ldap_fixtures::tls::Authority;
use support::{Site, binary};
use xmpp_ldap_auth::config::effective::Subject;
use xmpp_ldap_auth::config::{self, Reading};
use xmpp_ldap_auth::protocol::dialect::Dialect;
use xmpp_ldap_auth::session::lock_step::FirstRequest;

/// Nothing wrong with it, and nothing in it that a test would not want to change.
const GOOD: &str = r#"caller = "ejabberd"
[directory.corp]
servers = ["ldaps://ldap.example.com"]
base = "dc=example,dc=com"
user_filter = "(uid={localpart})"
bind_dn = "cn=x"
bind_password_file = "{dir}/password"
[directory.corp.tls]
ca_file = "{dir}/ca.pem"
[domain."example.com"]
directory = "corp"
"#;

fn site(config: &str) -> Site {
    let site = Site::new(config);
    site.secret("password", "tops3cret\n");
    Authority::create(site.path()).unwrap();
    site
}

fn read(site: &Site) -> Reading {
    config::load(&site.config(), None, None)
}

/// The problems of a configuration, one a line.
fn problems(config: &str) -> String {
    let site = site(config);
    let problems = read(&site).configuration.unwrap_err().to_string();
    problems.replace(site.path().to_str().unwrap(), "{dir}")
}

#[test]
fn a_good_configuration_has_no_problems() {
    let site = site(GOOD);
    let reading = read(&site);
    let configuration = reading.configuration.unwrap();
    assert_eq!(configuration.domains()["example.com"].0, "corp");
    assert_eq!(reading.startup.caller.terms.dialect, Dialect::Ejabberd);
    assert_eq!(reading.startup.caller.terms.answer_within, Duration::from_secs(25));
    assert_eq!(reading.startup.caller.terms.reply_within, Duration::from_millis(27_500));
    assert_eq!(reading.startup.caller.terms.window, 64);
    let few = config::read("max_in_flight = 3\n", None, None);
    assert_eq!(few.startup.caller.terms.window, 3);
    assert_eq!(reading.startup.caller.first_request, FirstRequest::Discard);
    assert!(reading.remarks.is_empty());
    assert!(!format!("{:?}", configuration.directories["corp"]).contains("tops3cret"));
}

#[test]
fn the_caller_comes_from_the_command_line_then_the_file_then_the_terminal() {
    let site = site(GOOD);
    let dialect =
        |given, likely| config::load(&site.config(), given, likely).startup.caller.terms.dialect;
    assert_eq!(dialect(Some(Dialect::MongooseIm), None), Dialect::MongooseIm);
    assert_eq!(dialect(None, Some(Dialect::Prosody)), Dialect::Ejabberd);
    site.write("config.toml", &GOOD.replace("caller = \"ejabberd\"", ""));
    assert_eq!(dialect(None, Some(Dialect::Prosody)), Dialect::Prosody);
}

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
        ("caller = ", "caller == ", "line 1: this is not TOML, from column 9 on: "),
        (
            "\"ejabberd\"",
            "ejabberd",
            "line 1: this is not TOML, from column 10 on: string values must be quoted",
        ),
        ("base = ", "base = \"dc=x\"\nbase = ", "line 5: base is written twice"),
        (
            "[domain",
            "[domain.\"example.com\"]\n[domain",
            "line 11: \"example.com\" is written twice",
        ),
        ("\"cn=x\"", "\"CORP\\xmpp\"", "line 6: this is not TOML, from column "),
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

/// What is right by itself but cannot be meant, or does nothing, is remarked on with its key.
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
        assert!(remarks.iter().any(|remark| remark.starts_with(expected)), "{to:?}: {remarks:?}");
    }
}

#[test]
fn a_domain_is_served_by_either_spelling_of_its_name() {
    for name in ["bücher.example", "xn--bcher-kva.example", "XN--BCHER-KVA.example"] {
        let site =
            site(&GOOD.replacen("[domain.\"example.com\"]", &format!("[domain.{name:?}]"), 1));
        let configuration = read(&site).configuration.unwrap();
        assert!(configuration.domains().contains_key("bücher.example"), "{name}");
    }
}

#[test]
fn a_secret_is_never_echoed() {
    for line in [
        "bind_password = \"tops3cret\"",
        "bind_password = 12345678",
        "bind_password_file = 12345678",
        "bind_password_file = [\"tops3cret\"]",
        "bind_password = tops3cret",
        "password = \"tops3cret",
        "bind_password_file = \"tops3cret\"",
        "bind_password_env = \"tops3cret\"",
        "bind_credential = \"tops3cret\"",
    ] {
        let config = GOOD.replace("bind_password_file = \"{dir}/password\"", line);
        let text = problems(&config);
        assert!(!text.contains("tops3cret") && !text.contains("12345678"), "{line}: {text}");
        let site = site(&config);
        for mode in ["--json", "--config"] {
            let mut command = binary();
            command.arg("check").arg("--config").arg(site.config());
            command.env("CREDENTIALS_DIRECTORY", site.path());
            if mode == "--json" {
                command.arg(mode);
            }
            let output = command.output().unwrap();
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert_eq!(output.status.code(), Some(78));
            assert!(!text.contains("tops3cret") && !text.contains("12345678"), "{line}: {text}");
        }
    }
}

#[test]
fn secrets_that_others_can_read_are_refused() {
    let site = site(GOOD);
    let secret = site.path().join("password");
    for (mode, refused) in
        [(0o600, false), (0o640, false), (0o644, true), (0o602, true), (0o601, true)]
    {
        fs::set_permissions(&secret, fs::Permissions::from_mode(mode)).unwrap();
        match read(&site).configuration {
            Ok(_) => assert!(!refused, "{mode:o}"),
            Err(problems) => {
                assert!(refused, "{mode:o}: {problems}");
                assert!(problems.to_string().contains("run chmod o= "), "{problems}");
            }
        }
    }
    fs::write(&secret, "").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(read(&site).configuration.unwrap_err().to_string().contains("the secret is empty"));
}

#[test]
fn clear_text_is_for_this_machine_or_on_demand() {
    for (servers, rest, allowed) in [
        ("ldap://127.0.0.1", "", true),
        ("ldap://[::1]:3389", "", true),
        ("ldap://localhost", "", true),
        ("ldap://ldap.example.com", "", false),
        ("ldap://192.0.2.1", "", false),
        ("ldap://ldap.example.com", "start_tls = true", true),
        ("ldap://ldap.example.com", "allow_clear_text = true", true),
        ("ldapi://%2Frun%2Fldapi", "", true),
    ] {
        let config = GOOD
            .replace("ldaps://ldap.example.com", servers)
            .replace("bind_dn", &format!("{rest}\nbind_dn"));
        assert_eq!(read(&site(&config)).configuration.is_ok(), allowed, "{servers} {rest}");
    }
}

#[test]
fn without_a_service_account_there_is_a_remark() {
    let config = "caller = \"ejabberd\"\n[directory.corp]\nservers = [\"ldap://localhost\"]\nuser_dn = \"{localpart}@corp.example\"\n[domain.x]\ndirectory = \"corp\"";
    let reading = read(&site(config));
    assert!(reading.configuration.is_ok());
    assert!(reading.remarks[0].text.contains("isuser"), "{:?}", reading.remarks);
}

#[test]
fn every_example_is_right() {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    let mut count = 0;
    for entry in fs::read_dir(examples).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let site =
            site(&fs::read_to_string(&path).unwrap().replace("/etc/xmpp-ldap-auth/", "{dir}/"));
        site.secret("company.password", "x");
        fs::rename(site.path().join("ca.pem"), site.path().join("company-ca.pem")).unwrap();
        let output = binary().arg("check").arg("--config").arg(site.config()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{}: {text}", path.display());
        assert!(text.contains("is right"), "{text}");
        count += 1;
    }
    assert!(count >= 10);
}

/// The effective values of a domain, one a line.
fn effective(config: &str, domain: &str) -> String {
    let site = site(config);
    let configuration = read(&site).configuration.unwrap_or_else(|problems| panic!("{problems}"));
    let values = configuration.effective.values(&Subject::Domain(domain.to_owned()));
    values.iter().map(|value| format!("{} = {}\n", value.key, value.value)).collect()
}

#[test]
fn each_preset_knows_how_users_are_found() {
    let plain = GOOD.replace("user_filter = \"(uid={localpart})\"\n", "");
    for (preset, filter) in [
        ("active-directory", "(&(objectClass=user)(sAMAccountName={localpart}))"),
        ("samba", "(&(objectClass=user)(sAMAccountName={localpart}))"),
        ("openldap", "(&(objectClass=person)(uid={localpart}))"),
        ("389ds", "(&(objectClass=person)(uid={localpart}))"),
        ("freeipa", "(&(objectClass=posixAccount)(uid={localpart}))"),
        ("lldap", "(&(objectClass=person)(uid={localpart}))"),
        ("ad-lds", "(&(objectClass=user)(cn={localpart}))"),
        ("authentik", "(&(objectClass=user)(cn={localpart}))"),
        ("kanidm", "(&(objectClass=person)(name={localpart}))"),
        ("glauth", "(&(objectClass=posixAccount)(uid={localpart}))"),
        ("edirectory", "(&(objectClass=person)(cn={localpart}))"),
        ("domino", "(&(objectClass=person)(uid={localpart}))"),
        ("google", "(&(objectClass=inetOrgPerson)(uid={localpart}))"),
        ("okta", "(&(objectClass=inetOrgPerson)(uid={address}))"),
        ("jumpcloud", "(&(objectClass=inetOrgPerson)(uid={localpart}))"),
        ("generic", "(&(objectClass=person)(uid={localpart}))"),
    ] {
        let config = plain.replace("bind_dn", &format!("preset = \"{preset}\"\nbind_dn"));
        let values = effective(&config, "example.com");
        let is_controller = matches!(preset, "active-directory" | "samba");
        let users =
            "(sAMAccountType=805306368)(!(sAMAccountName=krbtgt))(!(sAMAccountName=krbtgt_*))";
        let filter =
            if is_controller { format!("(&{users}{filter})") } else { (*filter).to_owned() };
        assert!(values.contains(&format!("user_filter = {filter}\n")), "{preset}: {values}");
        for (key, filter) in [
            ("login_attributes = [\"uid\", \"mail\"]", ")(|(uid={localpart})(mail={address})))"),
            ("login_attributes = [\"proxyAddresses\"]", ")(proxyAddresses=smtp:{address}))"),
            ("object_class = \"account\"", "(&(objectClass=account)("),
            ("user_filter = \"(cn={localpart})\"", "(cn={localpart})"),
        ] {
            let config = config.replace("bind_dn", &format!("{key}\nbind_dn"));
            let values = effective(&config, "example.com");
            assert!(values.contains(filter), "{preset} {key}: {values}");
            assert_eq!(values.contains(&format!("= (&{users}")), is_controller, "{values}");
        }
    }
}

/// What is wrong with `[directory.corp]` and these lines, and the domain with those.
fn mistakes(directory: &str, domain: &str) -> String {
    let config = format!(
        "caller = \"ejabberd\"\n[directory.corp]\nservers = [\"ldaps://x\"]\n{directory}\n\
         [domain.\"example.com\"]\ndirectory = \"corp\"\n{domain}\n"
    );
    let reading = read(&site(&config));
    let remarks: Vec<String> = reading.remarks.iter().map(|remark| remark.text.clone()).collect();
    match reading.configuration {
        Ok(_) => remarks.join("\n"),
        Err(problems) => problems.to_string(),
    }
}

const SERVICE: &str = "bind_dn = \"cn=x\"\nbind_password_file = \"{dir}/password\"\n";

#[test]
fn a_name_that_is_no_dn_stands_alone() {
    for name in ["{localpart}@corp.example", "CORP\\{localpart}", "{jid}", "{address}"] {
        for (beside, key) in [
            ("base = 'dc=x'\nuser_filter = '(uid={localpart})'", "user_dn"),
            ("login_attributes = 'uid'", "user_dn"),
            ("require_group = 'cn=a,dc=x'", "require_group"),
            ("isuser_require_group = 'cn=a,dc=x'", "isuser_require_group"),
            ("set_password = 'auto'", "set_password"),
            ("hide_inactive = true", "hide_inactive"),
            ("account_state = ['shadow']", "account_state"),
        ] {
            let text = mistakes(&format!("{SERVICE}user_dn = '{name}'\n{beside}"), "");
            assert!(text.contains(&format!("directory.corp.{key}: ")), "{name} {beside}: {text}");
        }
        let text = mistakes(
            &format!(
                "{SERVICE}require_group = 'cn=a'\nbase = 'dc=x'\nuser_filter = '(uid={{localpart}})'"
            ),
            &format!("user_dn = '{name}'"),
        );
        assert!(text.contains("require_group: user_dn is no DN"), "{text}");
        let text = mistakes(&format!("{SERVICE}user_dn = '{name}'"), "");
        assert!(text.contains("isuser is answered with \"cannot tell\""), "{text}");
    }
}

#[test]
fn who_reads_no_entry_says_so() {
    let dn = "user_dn = 'uid={localpart},dc=x'\n";
    for (beside, words) in [
        ("preset = 'openldap'", "nobody reads the state"),
        ("preset = 'openldap'\naccount_state = ['shadow']", "directory.corp.account_state: nobody"),
        ("preset = 'freeipa'", "isuser is answered"),
    ] {
        let text = mistakes(&format!("{dn}{beside}"), "");
        assert!(text.contains(words), "{beside}: {text}");
        let text = mistakes(&format!("{SERVICE}{dn}{beside}"), "");
        assert_eq!(text, "", "{beside}");
    }
}

#[test]
fn nested_groups_are_left_out_or_refused() {
    let rule = |method: &str, preset: &str| {
        format!(
            "{SERVICE}{preset}base = 'dc=x'\nlogin_attributes = 'uid'\nrequire_group = 'cn=a,dc=x'\n\
             nested_groups = false\ngroup_method = '{method}'"
        )
    };
    let any = "";
    for preset in
        ["active-directory", "samba", "openldap", "lldap", "389ds", "freeipa", "generic", any]
    {
        let is_direct = matches!(preset, "active-directory" | "samba" | "openldap" | "lldap");
        let line = if preset == any { String::new() } else { format!("preset = '{preset}'\n") };
        for (method, is_kept) in [
            ("auto", true),
            ("member", true),
            ("memberuid", true),
            ("memberof", is_direct),
            ("chain", false),
            ("token-groups", false),
        ] {
            let text = mistakes(&rule(method, &line), "");
            assert_eq!(text.contains("corp.nested_groups: "), !is_kept, "{preset} {method} {text}");
            let nested = rule(method, &line).replace("false", "true");
            assert_eq!(mistakes(&nested, ""), "", "{preset} {method}");
        }
    }
}

#[test]
fn a_domain_overrides_what_its_directory_says() {
    let group = "require_group = [\"cn=a\", \"cn=b\"]\nrequire_group_match = \"all\"\nbind_dn";
    let config = format!(
        "{}aliases = [\"Chat.example.com\"]\n\
         [domain.\"branch.example\"]\ndirectory = \"corp\"\n\
         base = [\"ou=a,dc=branch\", \"ou=b,dc=branch\"]\nuser_filter = \"(cn={{localpart}})\"\n\
         require_group = \"cn=c\"\nisuser_require_group = []\nunescape_localpart = false\n\
         [domain.\"direct.example\"]\ndirectory = \"corp\"\nuser_dn = \"cn={{localpart}},dc=d\"\n",
        GOOD.replace("bind_dn", group)
    );
    let main = effective(&config, "example.com");
    for line in
        ["base = dc=example,dc=com", "require_group = cn=a; cn=b", "require_group_match = all"]
    {
        assert!(main.contains(line), "{main}");
    }
    assert!(main.contains("isuser_require_group = as require_group"), "{main}");
    let alias = effective(&config, "chat.example.com");
    assert_eq!(alias, format!("alias_of = example.com\n{main}"));
    let branch = effective(&config, "branch.example");
    for line in [
        "base = ou=a,dc=branch; ou=b,dc=branch",
        "user_filter = (cn={localpart})",
        "require_group = cn=c",
        "require_group_match = all",
        "isuser_require_group = none",
        "unescape_localpart = false",
    ] {
        assert!(branch.contains(line), "{branch}");
    }
    let direct = effective(&config, "direct.example");
    assert!(direct.contains("user_dn = cn={localpart},dc=d\n"), "{direct}");
    assert!(!direct.contains("user_filter"), "{direct}");
    let config = GOOD.replace(
        "base = \"dc=example,dc=com\"\nuser_filter = \"(uid={localpart})\"",
        "user_dn = \"uid={localpart},dc=x\"",
    ) + "base = \"dc=y\"\nuser_filter = \"(cn={localpart})\"\n";
    let searched = effective(&config, "example.com");
    assert!(searched.contains("base = dc=y") && !searched.contains("user_dn"), "{searched}");
}

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

const KEYTAB: &str = "keytab = \"{dir}/keytab\"\n";
const PRINCIPAL: &str = "principal = \"svc-xmpp@CORP.EXAMPLE\"\n";

#[test]
fn a_global_catalog_is_searched_without_a_base_and_written_elsewhere() {
    for servers in [
        "servers = [\"ldaps://dc1.corp.example:3269\"]",
        "discover = \"corp.example\"\ndiscover_global_catalog = true",
    ] {
        let config = GOOD
            .replace("servers = [\"ldaps://ldap.example.com\"]", servers)
            .replace("\"dc=example,dc=com\"", "\"\"\nset_password = \"auto\"")
            + "[directory.corp.write]\ndiscover = \"corp.example\"\n";
        let problems = read(&site(&config)).configuration.err();
        assert!(problems.is_none(), "{}", problems.unwrap());
    }
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
