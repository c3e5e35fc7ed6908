//! `probe` and `explain`, which an administrator reads and a script parses.

use std::process::Output;

use ldap_fixtures::slapd::{Options, Slapd, WRITER_DN};
use ldap_fixtures::tls::Authority;

use crate::support::Site;
use crate::written_site;

fn site(servers: &str, directory: &str, domain: &str) -> Site {
    written_site(&format!(
        "caller = \"ejabberd\"\n[directory.corp]\nservers = [{servers}]\n\
         bind_dn = \"{WRITER_DN}\"\nbind_password_file = \"{{dir}}/password\"\n\
         base = \"ou=people,dc=example,dc=com\"\n{directory}\n\
         [domain.\"example.com\"]\ndirectory = \"corp\"\n{domain}"
    ))
}

fn run(site: &Site, arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = site.command().args(arguments).output().unwrap();
    (status.code(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

fn json(site: &Site, arguments: &[&str]) -> serde_json::Value {
    let (_, text) = run(site, &[arguments, &["--json"]].concat());
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn probe_shows_what_a_server_is() {
    let slapd = Slapd::start().unwrap();
    let group = "require_group = \"cn=chat,ou=groups,dc=example,dc=com\"";
    let site = site(
        &format!("{:?}", slapd.url()),
        &format!("preset = \"openldap\"\nset_password = \"auto\"\n{group}"),
        "",
    );
    let (code, text) = run(&site, &["probe"]);
    assert_eq!(code, Some(0), "{text}");
    for words in [
        "connect",
        "service bind",
        "OpenLDAP",
        "dc=example,dc=com",
        "password modify (RFC 3062)",
        "password policy",
        "set_password    exop",
        "(uid=*)) finds users",
        "cn=default,ou=policies,dc=example,dc=com: 5 wrong passwords without a sign-in between",
        "cn=strict,ou=policies,dc=example,dc=com: 3 wrong passwords",
        "write throttle.failures = 2 or less",
        "example.com: cn=chat,ou=groups,dc=example,dc=com",
    ] {
        assert!(text.contains(words), "no {words:?} in {text}");
    }
    let value = json(&site, &["probe", "corp"]);
    assert_eq!(value["ok"], true);
    assert_eq!(value["servers"][0]["server"], slapd.url());
    assert!(value["servers"][0]["steps"][0]["ms"].is_number());
    let (code, text) = run(&site, &["probe", "other"]);
    assert_eq!(code, Some(64), "{text}");
}

#[test]
fn probe_finds_what_cannot_work_on_each_server() {
    let slapd = Slapd::start().unwrap();
    for (directory, words) in [
        ("preset = \"samba\"", "it is no domain controller, but the preset is for one"),
        (
            "preset = \"openldap\"\nset_password = \"unicode-pwd\"",
            "the server is no domain controller",
        ),
        (
            "preset = \"openldap\"\nrequire_group = \"cn=gone,dc=example,dc=com\"",
            "example.com: cn=gone,dc=example,dc=com: it does not exist",
        ),
        (
            "preset = \"openldap\"\nrequire_group = \"cn=chat,ou=groups,dc=example,dc=com\"\n\
             group_method = \"chain\"",
            "the server does not know the chain rule",
        ),
    ] {
        let site = site(&format!("{:?}", slapd.url()), directory, "");
        let (code, text) = run(&site, &["probe"]);
        assert_eq!(code, Some(69), "{text}");
        assert!(text.contains(words), "no {words:?} in {text}");
    }
    for (base, words) in [
        ("ou=gone,dc=example,dc=com", "ou=gone,dc=example,dc=com: it does not exist"),
        ("dc=other", "dc=other: the server does not hold it"),
    ] {
        let base = format!("base = \"{base}\"\n");
        let site = site(&format!("{:?}", slapd.url()), "preset = \"openldap\"", &base);
        let (code, text) = run(&site, &["probe"]);
        assert_eq!(code, Some(69), "{text}");
        assert!(text.contains(words), "no {words:?} in {text}");
    }
    let lists = format!("{:?}, \"ldap://127.0.0.1:9\"", slapd.url());
    let two = site(&lists, "preset = \"openldap\"\nlogin_attributes = [\"employeeNumber\"]", "");
    let (code, text) = run(&two, &["probe"]);
    assert_eq!(code, Some(69), "{text}");
    for words in ["onnection refused", "OpenLDAP", "(employeeNumber=*)) finds nobody"] {
        assert!(text.contains(words), "no {words:?} in {text}");
    }
    two.secret("password", "wrong");
    let (code, text) = run(&two, &["probe"]);
    assert_eq!(code, Some(69), "{text}");
    assert!(text.contains("check bind_dn and its password"), "{text}");
    assert!(!text.contains("wrong"), "{text}");
}

#[test]
fn explain_shows_which_step_says_no() {
    let slapd = Slapd::start().unwrap();
    let directory = "preset = \"openldap\"\nrequire_group = [\"cn=chat,ou=groups,dc=example,dc=com\", \"cn=gone,dc=example,dc=com\"]";
    let domain = "aliases = [\"chat.example.com\"]\n[domain.\"free.example\"]\n\
                  directory = \"corp\"\nrequire_group = []\nbase = \"dc=example,dc=com\"\n";
    let site = site(&format!("{:?}", slapd.url()), directory, domain);
    for (jid, code, words) in [
        (
            "Alice@Example.com",
            0,
            &[
                "directory  corp",
                "(&(objectClass=person)(uid=alice))",
                "uid=alice,ou=people,dc=example,dc=com on ",
                "in cn=chat,ou=groups",
                "cn=gone,dc=example,dc=com does not exist",
                "one of them is required: admitted",
                "the right password would be accepted",
            ][..],
        ),
        ("alice@chat.example.com", 0, &["the directory is asked about alice@example.com"]),
        ("bob@example.com", 77, &["not in cn=chat", "denied: not-in-group", "cannot sign in"]),
        ("d\\27artagnan@free.example", 0, &["(uid=d'artagnan)", "d'artagnan@free.example"]),
        ("nobody@free.example", 77, &["denied: unknown-user"]),
        ("dupe@free.example", 69, &["cannot tell: ambiguous", "ou=contractors"]),
        ("a@other.example", 77, &["only these are served: chat.example.com, example.com, free"]),
        ("\\20x@free.example", 77, &["may not begin or end with a space"]),
    ] {
        let (actual, text) = run(&site, &["explain", jid]);
        assert_eq!(actual, Some(code), "{jid}: {text}");
        for word in words {
            assert!(text.contains(word), "{jid}: no {word:?} in {text}");
        }
    }
    let value = json(&site, &["explain", "bob@example.com"]);
    assert_eq!(
        (&value["could_sign_in"], &value["reason"]),
        (&false.into(), &"not-in-group".into())
    );
    assert_eq!(run(&site, &["explain", "nobody"]).0, Some(64));
}

#[test]
fn probe_tells_of_certificates() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::create(directory.path()).unwrap();
    let tls = Some((authority.certificate().to_owned(), authority.wrong_name().unwrap()));
    let slapd = Options { tls, ..Options::default() }.start().unwrap();
    let place = site(
        &format!("{:?}", slapd.ldaps_url()),
        "preset = \"openldap\"\n[directory.corp.tls]\nca_file = \"{dir}/ca.pem\"",
        "",
    );
    std::fs::copy(authority.certificate(), place.path().join("ca.pem")).unwrap();
    let (code, text) = run(&place, &["probe"]);
    assert_eq!(code, Some(69), "{text}");
    assert!(text.contains("the certificate is for another name"), "{text}");
}
