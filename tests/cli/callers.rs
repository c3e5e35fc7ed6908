//! What `check` finds in the configurations of ejabberd and Prosody, and as whom it looks.

mod as_user;
mod computed;

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use serde_json::Value;

use super::*;

/// A configuration of ejabberd in which nothing is wrong; `{dir}` stands for the site's directory.
const EJABBERD: &str = "\
hosts: [example.com]
auth_method: [external]
auth_use_cache: false
extauth_program: {dir}/xmpp-ldap-auth-ejabberd --config {dir}/config.toml
extauth_pool_size: 4
listen:
  -
    module: ejabberd_c2s
    starttls_required: true
    max_stanza_size: 65536
";

/// The same of Prosody, with the daemon and on a terminal.
const BY_DAEMON: &str = "\
plugin_paths = { \"{dir}/modules\" }
xmpp_ldap_socket = \"{dir}/auth.sock\"
authentication = \"xmpp_ldap\"
VirtualHost \"example.com\"
";
const BY_TERMINAL: &str = "\
plugin_paths = { \"modules\" } -- from the directory of this file
external_auth_command = \"{dir}/xmpp-ldap-auth-prosody\"
VirtualHost \"example.com\"
    authentication = \"external_insecure\"
";

/// A site with the links and modules that an installation has.
fn site(config: &str) -> Site {
    let site = Site::new(config);
    chmod(site.path(), 0o755);
    for caller in ["-ejabberd", "-prosody", "-mongooseim", ""] {
        let link = site.path().join(format!("xmpp-ldap-auth{caller}"));
        symlink(env!("CARGO_BIN_EXE_xmpp-ldap-auth"), link).unwrap();
    }
    fs::create_dir(site.path().join("modules")).unwrap();
    let module = binary().arg("prosody-module").output().unwrap().stdout;
    site.write("modules/mod_auth_xmpp_ldap.lua", &String::from_utf8(module).unwrap());
    site.write("modules/mod_auth_external_insecure.lua", "");
    site
}

/// What is found in this text of a caller's configuration: the exit code, and of each finding whether
/// it is a problem, its key and its text.
fn findings(site: &Site, option: &str, text: &str) -> (Option<i32>, Vec<(bool, String, String)>) {
    let file = site.write("theirs", text);
    let output = site.command().args(["check", "--json", option]).arg(file).output().unwrap();
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = value["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it["severity"] != "hint" && it["key"] != "directory.nobody")
        // Not every machine that runs this has a journal.
        .filter(|it| it["key"] != "log.target")
        .map(|finding| {
            let text = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
            (text("severity") == "error", text("key"), text("text"))
        });
    (output.status.code(), findings.collect())
}

/// Each change is found by this key, and by nothing else but what is expected without it.
fn finds_each(site: &Site, option: &str, right: &str, usual: &[&str], changes: &[Change<'_>]) {
    let (code, found) = findings(site, option, right);
    let keys: Vec<_> = found.iter().map(|(_, key, _)| key.as_str()).collect();
    assert_eq!((code, &*keys), (Some(0), usual), "{found:?}");
    for (from, to, is_problem, key, words) in changes {
        let changed = right.replacen(from, to, 1);
        assert_ne!(changed, right, "{from}");
        let (code, found) = findings(site, option, &changed);
        assert_eq!(code, Some(if *is_problem { 78 } else { 0 }), "{to}: {found:?}");
        let found: Vec<_> = found
            .into_iter()
            .filter(|it| !usual.contains(&&*it.1) || it.2.contains(words))
            .collect();
        assert!(
            matches!(&*found, [(is_bad, of, text)] if is_bad == is_problem && of == key && text.contains(words)),
            "{to}: {found:?}"
        );
    }
}

/// What is written in place of what, whether that is a problem, the key that is told, and words.
type Change<'a> = (&'a str, &'a str, bool, &'a str, &'a str);

#[test]
fn what_hurts_in_ejabberds_settings_is_found() {
    let site = site(NOBODY);
    let scripts = [("script", "#!/bin/sh\nexec x\n"), ("dos", "#!/bin/sh\r\n"), ("no", "#!/no\n")];
    for (name, text) in scripts {
        site.write(name, text);
        chmod(&site.path().join(name), 0o755);
    }
    site.write("plain", "");
    site.write("more.yml", "auth_use_cache: true\n");
    site.write("open", "#!/bin/sh\n");
    chmod(&site.path().join("open"), 0o757);
    let program = "{dir}/xmpp-ldap-auth-ejabberd --config {dir}/config.toml";
    const PROGRAM: &str = "extauth_program";
    finds_each(
        &site,
        "--ejabberd",
        EJABBERD,
        &["extauth_pool_size"],
        &[
            ("auth_use_cache: false\n", "", true, "auth_use_cache", "write auth_use_cache: false"),
            ("cache: false", "cache: yes", true, "auth_use_cache", "old passwords"),
            (
                "auth_method",
                "host_config:\n  example.com:\n    auth_use_cache: true\nauth_method",
                true,
                "auth_use_cache",
                "old",
            ),
            (
                "auth_use_cache: false\n",
                "include_config_file: more.yml\n",
                true,
                "auth_use_cache",
                "old",
            ),
            (
                "false",
                "CACHE\ndefine_macro:\n  CACHE: true",
                true,
                "auth_use_cache",
                "old passwords",
            ),
            ("[external]", "[internal]", true, "auth_method", "no host asks"),
            (
                "[external]",
                "[external, internal]",
                false,
                "auth_method",
                "still be right for internal",
            ),
            (
                "[example.com]",
                "[example.com, example.net]",
                true,
                "hosts",
                "[domain.\"example.net\"]",
            ),
            ("[example.com]", "[localhost, example.com]", false, "hosts", "leave this host out"),
            ("[example.com]", "[localhost]", true, "hosts", "[domain.\"localhost\"]"),
            ("size: 4", "size: 1", false, "extauth_pool_size", "one user at a time"),
            ("size: 4", "size: 7", false, "extauth_pool_size", "are 21 in any"),
            (program, "{dir}/nothing", true, PROGRAM, "is not there"),
            (program, "{dir}/plain", true, PROGRAM, "may not start"),
            (program, "{dir}/open", true, PROGRAM, "others can write"),
            (program, "{dir}/dos", true, PROGRAM, "line ends of Windows"),
            (program, "{dir}/no", true, PROGRAM, "script for /no"),
            (program, "/bin/true", false, PROGRAM, "another program"),
            (program, "xmpp-ldap-auth", false, PROGRAM, "the whole path"),
            ("-ejabberd", "", true, PROGRAM, "nothing says that ejabberd asks"),
            ("-ejabberd", "-prosody", true, PROGRAM, "this answers prosody"),
            (
                "-ejabberd",
                "-ejabberd --caller=mongooseim",
                true,
                PROGRAM,
                "this answers mongooseim",
            ),
            (
                " --config {dir}/config.toml",
                "",
                false,
                PROGRAM,
                "reads /etc/xmpp-ldap-auth/config.toml",
            ),
            (
                "extauth_program: {dir}/xmpp-ldap-auth-ejabberd --config {dir}/config.toml\n",
                "",
                true,
                PROGRAM,
                "write extauth_program",
            ),
            (
                "hosts",
                "disable_sasl_mechanisms: [digest-md5, plain]\nhosts",
                true,
                "disable_sasl_mechanisms",
                "PLAIN",
            ),
            ("hosts", "negotiation_timeout: 20 s\nhosts", true, "negotiation_timeout", "25s"),
            ("hosts", "negotiation_timeout: 20\nhosts", true, "negotiation_timeout", "25s"),
            ("hosts", "negotiation_timeout: 20000ms\nhosts", true, "negotiation_timeout", "25s"),
            ("hosts", "auth_password_format: scram\nhosts", false, "auth_password_format", "SCRAM"),
            (
                "hosts",
                "extauth_instances: 3\nhosts",
                true,
                "extauth_instances",
                "extauth_pool_size",
            ),
            ("hosts", "extauth_cache: 600\nhosts", true, "extauth_cache", "auth_use_cache"),
            ("size: 65536", "size: 262144", false, "max_stanza_size", "65,000"),
            ("    max_stanza_size: 65536\n", "", false, "max_stanza_size", "65,000"),
            (
                "starttls_required: true",
                "starttls: true",
                false,
                "starttls_required",
                "in the clear",
            ),
            ("hosts: [", "hosts: [\"", true, "", "no YAML"),
            ("hosts", "include_config_file: none.yml\nhosts", true, "", "none.yml cannot be read"),
            ("hosts", "include_config_file: /dev/zero\nhosts", true, "", "it is no file"),
        ],
    );
    let (_, found) = findings(&site, "--ejabberd", &EJABBERD.replacen(program, "{dir}/script", 1));
    assert!(found.iter().all(|(_, key, _)| key != PROGRAM), "{found:?}");
}

#[test]
fn nothing_is_said_of_what_fits_or_only_ejabberd_can_tell() {
    let site = site(NOBODY);
    for (from, to) in [
        ("hosts", "negotiation_timeout: 60000 ms\nhosts"),
        ("hosts", "negotiation_timeout: ä\nhosts"),
        ("hosts", "negotiation_timeout: infinity\nhosts"),
        ("[example.com]", "[example.com, \"@WORD@.example.net\"]"),
        ("[external]", "[external, \"@WORD@\"]"),
        ("cache: false", "cache: \"@WORD@\""),
        ("starttls_required: true", "starttls_required: \"@WORD@\""),
        ("size: 65536", "size: \"@WORD@\""),
    ] {
        let text = EJABBERD.replacen(from, to, 1) + "define_keyword:\n  WORD: example\n";
        let (code, found) = findings(&site, "--ejabberd", &text);
        let keys: Vec<_> = found.iter().map(|(_, key, _)| key.as_str()).collect();
        assert_eq!((code, &*keys), (Some(0), &["extauth_pool_size"][..]), "{to}: {found:?}");
    }
    for (from, to) in [
        ("[example.com]", "\"@WORD@\""),
        ("[external]", "\"@WORD@\""),
        ("size: 4", "size: \"@WORD@\""),
    ] {
        let found = findings(&site, "--ejabberd", &EJABBERD.replacen(from, to, 1));
        assert_eq!(found, (Some(0), Vec::new()), "{to}");
    }
}

#[test]
fn a_file_that_includes_itself_or_nests_without_end_is_told_of() {
    let site = site(NOBODY);
    let (ejabberd, prosody) = ("\n - theirs".repeat(30), "Include \"theirs\"\n".repeat(30));
    for (option, text, words) in [
        ("--ejabberd", format!("include_config_file:{ejabberd}"), "files"),
        ("--prosody", prosody, "files"),
        ("--ejabberd", "- ".repeat(100_000), "no YAML"),
    ] {
        let (code, found) = findings(&site, option, &text);
        assert!(
            code == Some(78) && matches!(&*found, [(true, _, text)] if text.contains(words)),
            "{option}: {code:?} {found:?}"
        );
    }
}

#[test]
fn a_verdict_names_each_file_once() {
    let config = "caller = \"ejabberd\"\ndaemon = \"{dir}/auth.sock\"\nnonsense = 1\n";
    let site = Site::new(config);
    site.write("auth.sock", "");
    let theirs = site.write("a.yml", "hosts: [example.com]\n");
    let output = site.command().args(["check", "--ejabberd"]).arg(&theirs).output().unwrap();
    let (told, config) = (told(&output), site.config().display().to_string());
    assert!(told.contains(&format!("{}, {config} are wrong", theirs.display())), "{told}");
    assert!(!told.contains(&format!("{config}, ")), "{told}");
}

#[test]
fn what_hurts_in_prosodys_settings_is_found() {
    let site = site(NOBODY);
    let _listener = UnixListener::bind(site.path().join("auth.sock")).unwrap();
    site.write("modules/mod_auth_external.lua", "");
    let terminal = "xmpp-ldap-auth-prosody\"";
    finds_each(
        &site,
        "--prosody",
        BY_DAEMON,
        &[],
        &[
            ("{dir}/modules", "{dir}", true, "authentication", "in no directory of plugin_paths"),
            ("auth.sock", "no.sock", false, "xmpp_ldap_socket", "is the daemon started?"),
            ("auth.sock", "modules", true, "xmpp_ldap_socket", "this is no socket"),
            ("\"xmpp_ldap\"", "\"internal_hashed\"", true, "authentication", "no host asks"),
            (
                "\"xmpp_ldap\"\n",
                "\"xmpp_ldap\" -- [[\nc2s_timeout = 10 --]]\n",
                true,
                "c2s_timeout",
                "10s",
            ),
            (
                "VirtualHost",
                "VirtualHost \"example.net\"\nVirtualHost",
                true,
                "VirtualHost",
                "[domain.\"example.net\"]",
            ),
            (
                "plugin",
                "disable_sasl_mechanisms = { 'PLAIN' }; plugin",
                true,
                "disable_sasl_mechanisms",
                "PLAIN",
            ),
            (
                "plugin",
                "allow_unencrypted_plain_auth = true\nplugin",
                false,
                "allow_unencrypted_plain_auth",
                "in the clear",
            ),
            ("plugin", "plugin_paths = [[\nplugin", true, "", "no Lua"),
            ("plugin", "Include \"none.lua\"\nplugin", true, "", "none.lua cannot be read"),
            ("plugin", "Include \"/dev/zero\"\nplugin", true, "", "it is no file"),
        ],
    );
    finds_each(
        &site,
        "--prosody",
        BY_TERMINAL,
        &[],
        &[
            ("\"modules\"", "\"\"", true, "authentication", "prosody-modules"),
            (
                "\"external_insecure\"",
                "\"external\"; external_auth_blocking = false",
                true,
                "external_auth_blocking",
                "hangs",
            ),
            (
                terminal,
                "xmpp-ldap-auth-prosody --config x\"",
                true,
                "external_auth_command",
                "passes no arguments",
            ),
            (
                terminal,
                "xmpp-ldap-auth-ejabberd\"",
                true,
                "external_auth_command",
                "this answers ejabberd",
            ),
            ("{dir}/xmpp", "xmpp", true, "external_auth_command", "the whole path"),
            ("external_auth_command", "command", true, "external_auth_command", "write the path"),
            (
                "Virtual",
                "external_auth_protocol = 'ejabberd'\nVirtual",
                true,
                "external_auth_protocol",
                "generic",
            ),
            (
                "Virtual",
                "external_auth_timeout = 3\nVirtual",
                true,
                "external_auth_timeout",
                "\"3000ms\"",
            ),
            (
                "Virtual",
                "external_auth_timeout = 9\nVirtual",
                false,
                "external_auth_timeout",
                "\"9000ms\"",
            ),
        ],
    );
    // A host that is not to be started asks nobody.
    let off = format!("{BY_DAEMON}VirtualHost \"example.net\"\n    enabled = false\n");
    let (code, found) = findings(&site, "--prosody", &off);
    assert_eq!((code, found), (Some(0), Vec::new()));
    // A comment may be in any encoding.
    let theirs = site.write("latin", BY_TERMINAL);
    let text = [&fs::read(&theirs).unwrap()[..], b"-- Universit\xe4t\n"].concat();
    fs::write(&theirs, text).unwrap();
    let output = site.command().args(["check", "--prosody"]).arg(&theirs).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    // Of what is computed nothing is known.
    let (code, found) =
        findings(&site, "--prosody", &BY_TERMINAL.replace(terminal, "xmpp\" .. suffix"));
    assert_eq!((code, found), (Some(0), Vec::new()));
    site.write("modules/mod_auth_xmpp_ldap.lua", "-- of yesterday");
    let (code, found) = findings(&site, "--prosody", BY_DAEMON);
    assert!(code == Some(0) && found[0].2.contains("another version"), "{found:?}");
}

#[test]
fn prosodys_included_files_are_read() {
    let site = site(NOBODY);
    let _listener = UnixListener::bind(site.path().join("auth.sock")).unwrap();
    fs::create_dir(site.path().join("conf.d")).unwrap();
    site.write("conf.d/a.cfg.lua", "VirtualHost \"elsewhere.example\"");
    site.write("conf.d/b.off", "VirtualHost \"nowhere.example\"");
    // What is included begins with no host, and ends none.
    let text = format!("{BY_DAEMON}Include \"conf.d/*.cfg.lua\"\nc2s_timeout = 1");
    let (_, found) = findings(&site, "--prosody", &text);
    let keys: Vec<_> = found.iter().map(|(_, key, _)| key.as_str()).collect();
    assert_eq!(keys, ["VirtualHost", "c2s_timeout"], "{found:?}");
    assert!(found[0].2.contains("elsewhere.example is no domain"), "{found:?}");
}

/// A daemon is one guard for everybody, whatever asks it.
#[test]
fn a_daemons_file_is_checked_with_what_asks_it() {
    let listener = "[listen.a]\nsocket = \"{dir}/auth.sock\"\nanswer_within = \"9s\"\n";
    let site = site(&format!("{listener}{NOBODY}"));
    let _listener = UnixListener::bind(site.path().join("auth.sock"));
    finds_each(&site, "--prosody", BY_DAEMON, &["xmpp_ldap_timeout"], &[]);
    site.write("relay.toml", "daemon = \"{dir}/auth.sock\"\n");
    site.write("lost.toml", "daemon = \"{dir}/no.sock\"\ncaller = \"ejabberd\"\n");
    let relay = EJABBERD.replace("config.toml", "relay.toml");
    let changes: [Change<'_>; 4] = [
        ("size: 4", "size: 1", false, "extauth_pool_size", "one user at a time"),
        ("relay.toml", "lost.toml", false, "extauth_program", "is the daemon started?"),
        ("auth-ejabberd", "auth-prosody", true, "extauth_program", "this answers prosody"),
        // Then each process stands alone, by the file of the daemon.
        ("relay.toml", "config.toml", false, "extauth_pool_size", "are 12"),
    ];
    finds_each(&site, "--ejabberd", &relay, &[], &changes);
    let output = site.command().arg("check").output().unwrap();
    assert!(told(&output).contains("the daemon lets 3 wrong passwords"), "{}", told(&output));
}

#[test]
fn a_relay_is_told_of_a_daemon_that_it_cannot_reach() {
    let site = Site::new("caller = \"ejabberd\"\ndaemon = \"{dir}/auth.sock\"\n");
    let check = || {
        let output = site.command().arg("check").output().unwrap();
        (output.status.code(), told(&output))
    };
    let (code, told) = check();
    assert!(code == Some(0) && told.contains("is the daemon started?"), "{told}");
    // It has neither a guard nor connections.
    assert!(told.contains("auth_use_cache") && !told.contains("extauth_pool_size"), "{told}");
    site.write("auth.sock", "");
    assert!(matches!(check(), (Some(78), told) if told.contains("this is no socket")));
}
