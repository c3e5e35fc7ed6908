//! What people write out of habit, because other programs and formats take it: each is told once, with
//! what to write here.

use crate::{GOOD, problems, read, site};

/// What is said where this takes the place of that, and of nothing else.
fn told(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    let text = problems(&GOOD.replacen(from, to, 1));
    assert_eq!(text.lines().count(), 1, "{from:?} -> {to:?}: {text}");
    text
}

fn remarks(config: &str) -> String {
    let reading = read(&site(config));
    let remarks = reading.remarks.iter().map(ToString::to_string);
    remarks.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_key_of_another_program_is_told_with_ours() {
    for (foreign, ours) in [
        ("uri", "write servers = ["),
        ("ldap_uri", "write servers = ["),
        ("AuthLDAPURL", "write servers = ["),
        ("connectionUrl", "write servers = ["),
        ("ldap_servers", "did you mean servers?"),
        ("port", "write servers = ["),
        ("encryption", "or ldap:// with start_tls = true"),
        ("ssl", "or ldap:// with start_tls = true"),
        ("ldap_id_use_start_tls", "or ldap:// with start_tls = true"),
        ("binddn", "did you mean bind_dn?"),
        ("ldap_rootdn", "write bind_dn = "),
        ("ldap_default_authtok", "write bind_password_file = "),
        ("bindpw", "write bind_password_file"),
        ("search_base", "write base = "),
        ("usersDn", "write base = "),
        ("scope", "everything below it is searched"),
        ("ldap_access_filter", "write user_filter = "),
        ("uid", "write login_attributes = "),
        ("memberOf", "write require_group = "),
        ("ldap_tls_cacert", "write in [directory.NAME.tls] ca_file = "),
        ("verify_certificates", "there is no way not to look at it"),
        ("network_timeout", "write connect_within for one server, or answer_within at the top"),
    ] {
        let text = told("base = ", &format!("{foreign} = \"tops3cret\"\nbase = "));
        let line = format!("line 4: directory.corp.{foreign}: ");
        assert!(text.starts_with(&line) && text.contains(ours), "{text}");
    }
    let text = told("[directory.corp]", "ldap_base = \"x\"\n[directory.corp]");
    assert!(text.contains("it stands in [directory.NAME]"), "{text}");
    for (from, key, place) in [
        ("base = ", "ca_file = \"x\"", "in [directory.NAME.tls]"),
        ("base = ", "answer_within = \"1s\"", "at the top of the file"),
        ("ca_file = ", "servers = [\"x\"]", "in [directory.NAME]"),
        ("directory = ", "size = 8", "in [directory.NAME.pool]"),
        ("caller = ", "level = \"debug\"", "in [log]"),
    ] {
        let text = told(from, &format!("{key}\n{from}"));
        assert!(text.contains(&format!("it stands {place}")), "{text}");
    }
    let text = told("[directory.corp]", "[cache]\nenabled = true\n[directory.corp]");
    assert!(text.contains("the keys here are mode, "), "{text}");
    // What is misnamed is not missing besides.
    assert!(told("servers = ", "uri = ").contains("write servers = "));
    assert!(told("ca_file = ", "cacert = ").contains("write ca_file = "));
}

#[test]
fn what_was_written_for_another_format_is_told_as_that() {
    for (from, to, expected) in [
        ("\"dc=example,dc=com\"", "\u{201c}dc=example,dc=com\u{201d}", "no quotation mark of TOML"),
        ("base = ", "base\u{a0}= ", "a blank here that is no space"),
        ("base = ", "// all of them\nbase = ", "a comment begins with #"),
        ("base = ", "; all of them\nbase = ", "a comment begins with #"),
        ("base = ", "-- all of them\nbase = ", "a comment begins with #"),
        ("dc=com\"", "dc=com\" // all", "a comment begins with #"),
        ("dc=com\"", "dc=com\",", "nothing stands behind a value"),
        ("dc=com\"", "dc=com\";", "nothing stands behind a value"),
        ("base = ", "base: ", "write = between key and value"),
        ("base = ", "base ", "write key = value"),
        (".com\"]\n", ".com\"\n", "line 3, column 11: this is not TOML: the list that begins here"),
    ] {
        let text = told(from, to);
        assert!(text.contains(expected), "{from:?} -> {to:?}: {text}");
    }
    for (text, expected) in [
        ("{\"directory\": {\"corp\": {\"bind_password\": \"tops3cret\"}}}", "it looks like JSON"),
        ("# ours\ndirectory:\n  corp:\n    bind_password: tops3cret\n", "it looks like YAML"),
        ("---\ncaller: ejabberd\n", "it looks like YAML"),
    ] {
        let text = problems(text);
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains(expected) && !text.contains("tops3cret"), "{text}");
    }
}

#[test]
fn the_place_of_a_broken_encoding_is_told() {
    let site = site("");
    std::fs::write(site.config(), b"caller = \"ejabberd\"\n# \xfcber\n").unwrap();
    let text = read(&site).configuration.unwrap_err().to_string();
    assert!(text.starts_with("line 2, column 3: line 2 is not UTF-8"), "{text}");
}

#[test]
fn a_url_of_another_kind_is_told_alone() {
    let url = "ldaps://ldap.example.com";
    for (to, expected) in [
        ("ldaps://2001:db8::1", "an IPv6 address stands in brackets"),
        ("ldaps://[fe80::1%eth0]", "an address with a zone"),
        ("ldaps://a.example/dc=example,dc=com??sub", "write the host and the port alone"),
        ("ldaps://a.example,b.example", "one string holds one URL"),
        ("ldaps://a.example:ldaps", "the port is no number"),
        ("ldap+tls://a.example", "write ldaps://host, ldap://host"),
        ("ldapi:///var/run/slapd/ldapi", "ldapi://%2Fvar%2Frun%2Fslapd%2Fldapi"),
        ("ldapi://ldapi", "write the whole path of the socket"),
    ] {
        let text = told(url, to);
        assert!(
            text.contains("line 3: directory.corp.servers: ") && text.contains(expected),
            "{text}"
        );
        assert_eq!(remarks(&GOOD.replacen(url, to, 1)), "", "{to}");
    }
}

#[test]
fn a_placeholder_of_another_program_is_told_with_ours() {
    for foreign in ["%u", "%s", "$user", ":login"] {
        let text = told("{localpart}", foreign);
        assert!(text.contains(&format!("write {{localpart}} in the place of {foreign}")), "{text}");
    }
    let text = told("\"cn=x\"", "\"uid={localpart},dc=x\"");
    assert!(text.contains("what users bind with is user_dn"), "{text}");
    let search = "base = \"dc=example,dc=com\"\nuser_filter = \"(uid={localpart})\"\nbind_dn = \"cn=x\"\nbind_password_file = \"{dir}/password\"";
    let text = told(search, "preset = \"openldap\"\nuser_dn = \"uid=%u,dc=x\"");
    assert!(text.contains("user_dn: write {localpart} in the place of %u"), "{text}");
}

#[test]
fn several_dns_in_one_string_are_told() {
    let two = "ou=a,dc=example,dc=com;ou=b,dc=example,dc=com";
    assert!(told("dc=example,dc=com", two).contains("one string holds one DN"));
}

#[test]
fn tables_that_have_no_name_are_told_once() {
    let nameless = GOOD.replace("directory.corp", "directory");
    let text = problems(&nameless);
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains("a table with a name: write [directory.NAME] above it"), "{text}");
    for (from, to, expected) in [
        ("[directory.corp]", "[[listen]]\n[directory.corp]", "a table with a name: [listen.NAME]"),
        (
            "[directory.corp]",
            "[listen]\nsocket = \"/s\"\n[directory.corp]",
            "[listen.NAME] above it",
        ),
        ("directory = \"corp\"", "directory = [\"corp\"]", "write a string in double quotes"),
        ("caller = ", "daemon = true\ncaller = ", "daemon: write a string in double quotes"),
    ] {
        let mut config = GOOD.replacen(from, to, 1);
        if to.starts_with("daemon") {
            config = config.lines().take(2).collect::<Vec<_>>().join("\n");
        }
        let text = problems(&config);
        assert_eq!(text.lines().count(), 1, "{to}: {text}");
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn where_nobody_can_listen_is_told() {
    let long = format!("/run/{}", "s".repeat(103));
    for (listen, expected) in [
        (format!("[listen.a]\nsocket = \"{long}\"\n"), "at most 107 bytes, and this has 108"),
        (
            "[listen.a]\nsocket = \"/run/s\"\n[listen.b]\ncontrol = \"/run/s\"\n".to_owned(),
            "listen.b.control: [listen.a] is there as well",
        ),
        (
            "[listen.a]\nmetrics = \"127.0.0.1:9\"\n[listen.b]\nmetrics = \"127.0.0.1:9\"\n"
                .to_owned(),
            "listen.b.metrics: [listen.a] is there as well",
        ),
    ] {
        let text = problems(&format!("{GOOD}{listen}"));
        assert!(text.contains(expected) && text.lines().count() == 1, "{text}");
    }
    let text = problems(&format!("caller = \"ejabberd\"\ndaemon = \"{long}\"\n"));
    assert!(text.starts_with("line 2: daemon: a socket's path has at most 107 bytes"), "{text}");
    for (keys, expected) in [
        ("socket = \"/run/no/such/s\"", "listen.a.socket: there is no directory /run/no/such"),
        ("socket = \"/run/s\"\nmode = \"0666\"", "listen.a.mode: every user of this machine"),
        ("socket = \"/run/s\"\ndomains = \"exmaple.com\"", "domains: exmaple.com is not served"),
    ] {
        let text = remarks(&format!("{GOOD}[listen.a]\n{keys}\n"));
        assert!(text.contains(expected) && text.lines().count() == 1, "{text}");
    }
    for keys in [
        "socket = \"/run/s\"",
        "socket = \"/run/s\"\nmode = \"0666\"\nusers = \"root\"",
        "socket = \"/run/xmpp-ldap-auth/s\"",
        "metrics = \"127.0.0.1:0\"\n[listen.b]\nmetrics = \"127.0.0.1:0\"",
    ] {
        assert_eq!(remarks(&format!("{GOOD}[listen.a]\n{keys}\n")), "", "{keys}");
    }
}
