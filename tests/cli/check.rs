//! What `check` and the other commands say of a configuration.

use super::*;

#[test]
fn check_prints_the_effective_values_and_the_callers_own_settings() {
    for (caller, hint) in [
        ("ejabberd", "auth_use_cache: false"),
        ("prosody", "external_auth_timeout must be 5"),
        ("mongooseim", "instances"),
    ] {
        let site = Site::new(NOBODY);
        let check = |more: &[&str]| {
            let mut command = site.command();
            let output = command.args(["--caller", caller, "check"]).args(more).output().unwrap();
            assert!(output.status.success(), "{}", told(&output));
            told(&output)
        };
        let text = check(&["--all"]);
        for row in [
            "servers ldap://127.0.0.1:9",
            "user_dn uid={localpart},dc=example,dc=com",
            "directory nobody",
            "max_in_flight 64 (default)",
            "confine true (default)",
            "first_request discard (default)",
            "log.level info (default)",
            "throttle.within 1h (default)",
            "pool.idle 4m (default)",
            &format!("caller {caller} (command line)"),
        ] {
            let mut rows = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
            assert!(rows.any(|words| words.join(" ") == row), "{caller}: no {row:?} in {text}");
        }
        assert!(text.contains(hint) && text.contains("\ndomain example.com\n"), "{text}");
        let short = check(&[]);
        let rows = |text: &str| text.lines().filter(|line| line.starts_with("  ")).count();
        let hidden = rows(&text) - rows(&short);
        assert!(short.contains(&format!("and {hidden} defaults, which --all shows")), "{short}");
        assert!(short.contains("servers") && !short.contains("(default)"), "{short}");

        let value: serde_json::Value = serde_json::from_str(&check(&["--json"])).unwrap();
        assert_eq!((&value["schema"], &value["ok"]), (&1.into(), &true.into()));
        let values = value["values"].as_array().unwrap();
        let of = |of: &str, name: Option<&str>, key: &str| {
            let mut values = values.iter();
            let is_meant = |it: &&serde_json::Value| {
                it["of"] == of && it["name"] == serde_json::json!(name) && it["key"] == key
            };
            values.find(is_meant).unwrap_or_else(|| panic!("no {key}"))
        };
        assert_eq!(of("directory", Some("nobody"), "pool.size")["value"], 8);
        assert_eq!(of("directory", Some("nobody"), "pool.reuse")["value"], true);
        assert!(of("directory", Some("nobody"), "tls.ca_file")["value"].is_null());
        assert_eq!(of("domain", Some("example.com"), "directory")["from"], "file");
        assert_eq!(of("process", None, "caller")["from"], "command-line");
        assert_eq!(values.len(), text.lines().filter(|line| line.starts_with("  ")).count() - 1);
        let hints = value["findings"].as_array().unwrap();
        assert!(hints.iter().any(|it| it["severity"] == "hint" && it["line"].is_null()));
    }
}

#[test]
fn check_fails_with_78_and_says_where_the_file_may_be() {
    let output = binary().args(["check", "--config", "/no/such/file.toml"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(78));
    assert!(
        text.contains("/no/such/file.toml") && text.contains("XMPP_LDAP_AUTH_CONFIG"),
        "{text}"
    );
}

#[test]
fn the_environment_names_the_file_and_the_command_line_wins() {
    let site = Site::new(NOBODY);
    let run = |command: &mut Command| {
        command.args(["--caller", "prosody", "check"]).output().unwrap().status.code()
    };
    assert_eq!(run(binary().env("XMPP_LDAP_AUTH_CONFIG", site.config())), Some(0));
    assert_eq!(run(site.command().env("XMPP_LDAP_AUTH_CONFIG", "/no/such/file")), Some(0));
}

/// `check` says what `run` does: a configuration that it finds right is served, and no other.
#[test]
fn check_and_run_agree_on_what_can_be_served() {
    for change in [
        ("", ""),
        ("127.0.0.1:9", "127.0.0.1:9\", \"ldaps://ldap.example"),
        ("ldap://127.0.0.1:9", "ldap://ldap.example"),
        ("ldap://127.0.0.1:9", "ldap://127.0.0.1:9 ldap://127.0.0.1:8"),
        ("[directory", "caller = \"prosody\"\n[directory"),
        ("[directory", "answer_within = \"1h\"\n[directory"),
        ("[directory", "answer_within = \"20ms\"\n[directory"),
        ("[directory", "confine = \"yes\"\n[directory"),
        ("[directory", "[cache]\ngood_for = \"1h\"\n[directory"),
        ("[directory", "[log]\ntarget = \"file:/no/such/place/x.log\"\n[directory"),
        ("[directory", "[log]\ntarget = \"file:relative.log\"\n[directory"),
        ("uid={localpart},dc=example", "uid={localpart} dc=example"),
        ("uid={localpart},dc=example,dc=com", "{localpart}"),
        ("user_dn", "start_tls = true\nuser_dn"),
        ("user_dn", "bind_dn = \"\"\nuser_dn"),
        ("user_dn", "bind_dn = \"x\\ty\"\nuser_dn"),
        ("user_dn", "base = \"example.com\"\nuser_dn"),
        ("\"example.com\"]", "\"example.com \"]"),
        ("\"example.com\"]", "\"xn--bcher-kva.example\"]"),
        ("[domain.\"example.com\"]", "[domain.example.com]"),
        ("\"nobody\"\n", "\"nobody\"\naliases = [\"example.com\"]\n"),
        ("\"nobody\"\n", "\"nobody"),
    ] {
        let site = Site::new(&NOBODY.replacen(change.0, change.1, 1));
        let check = site.command().args(["--caller", "ejabberd", "check"]).output().unwrap();
        let is_right = check.status.code() == Some(0);
        assert!(is_right || check.status.code() == Some(78), "{change:?}: {check:?}");
        let mut adapter = Adapter::start(&site, Framing::Packet);
        // Of a domain that nobody serves, a usable configuration knows that there is no such user.
        let answer = adapter.ask("isuser:alice:elsewhere.example");
        assert_eq!(answer == No, is_right, "{change:?}: {answer:?} {check:?}");
    }
}

#[test]
fn check_takes_a_file_without_a_caller_for_prosodys() {
    let site = Site::new(NOBODY);
    let output = binary().args(["check", "--config"]).arg(site.config()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}");
    assert!(text.contains("caller: Prosody alone is known by its terminal"), "{text}");
}

#[test]
fn commands_tell_of_a_wrong_file_as_check_does() {
    let site = Site::new("[directory]\n[nonsense]\n");
    let check = told(&site.command().arg("check").output().unwrap());
    for arguments in [&["probe"][..], &["login", "a@b"], &["explain", "a@b"]] {
        let output =
            site.command().args(["--caller", "ejabberd"]).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(78));
        let told = told(&output);
        assert!(told.contains("nonsense: there is no such key"), "{told}");
        assert!(told.lines().all(|line| check.contains(line)), "{told}");
    }
    for arguments in [&["check"][..], &["probe"], &["login", "a@b"], &["explain", "a@b"]] {
        let output = site.command().args(arguments).arg("--json").output().unwrap();
        assert_eq!((output.status.code(), &*output.stderr), (Some(78), &b""[..]), "{arguments:?}");
        let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&value["schema"], &value["ok"]), (&1.into(), &false.into()), "{arguments:?}");
        let [finding, ..] = &value["findings"].as_array().unwrap()[..] else { panic!("{value}") };
        assert_eq!((&finding["line"], &finding["column"]), (&1.into(), &1.into()), "{finding}");
    }
}

#[test]
fn a_line_is_shown_without_what_may_be_a_secret() {
    let valid = "caller = \"x\" # tops3cret\n[directory.corp]\nservers = [\"ldaps://u:tops3cret@x\", \"http://x\"]\n\
        set_password = \"tops3cret\"\nbind_pw = { a = [\"tops3cret\"] }\nbase = 'dc=#1' # tops3cret\nbind_dn = 7\n\
        tls = { client_key_file = \"tops3cret\", ca_file = \"-----BEGIN PRIVATE KEY-----tops3cret\" }\n";
    let broken = "caller = 'x\nbind_password = tops3cret\npassphrase = tops3cret\ntops3cret\n\
        base = 'a' 'b' # tops3cret\nservers = ['a' bind_password = 'tops3cret']\n[directory.x\n";
    let not_closed = broken.replace("']\n", "'\n");
    for (config, shown) in [
        (
            valid,
            &[
                "caller = \"x\"",
                "[directory.corp]",
                "servers = […, \"http://x\"]",
                "set_password = …",
                "bind_pw = { a = […] }",
                "bind_dn = 7",
                "tls = { client_key_file = …, ca_file = … }",
            ][..],
        ),
        (
            broken,
            &["caller = 'x", "bind_password = …", "base = 'a'…", "servers = …", "[directory.x"],
        ),
        // What follows is told of when the list is closed.
        (&*not_closed, &["caller = 'x", "bind_password = …", "base = 'a'…", "servers = …"]),
    ] {
        let output = Site::new(config).command().arg("check").output().unwrap();
        let text = told(&output);
        assert!(output.status.code() == Some(78) && !text.contains("tops3cret"), "{text}");
        let lines: Vec<&str> =
            text.lines().filter_map(|line| line.strip_prefix("    | ")).collect();
        assert_eq!(lines, shown, "{text}");
    }
}

/// A configuration whose server is trusted by what the system trusts, and the certificate of some
/// authority in `roots/ca.pem`.
fn trusting_the_system() -> Site {
    let site = Site::new(&NOBODY.replace("ldap://127.0.0.1:9", "ldaps://localhost:9"));
    let roots = site.path().join("roots");
    fs::create_dir(&roots).unwrap();
    Authority::create(&roots).unwrap();
    chmod(&roots, 0o755);
    chmod(&roots.join("ca.pem"), 0o644);
    site
}

#[test]
fn what_the_environment_says_about_certificates_is_checked() {
    let site = trusting_the_system();
    let place = |name: &str| site.path().join(name).display().to_string();
    let check = |variables: &[(&str, &str)]| {
        let mut command = site.command();
        command.env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR");
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        let output = command.args(["--caller", "ejabberd", "check"]).output().unwrap();
        (output.status.code().unwrap(), told(&output))
    };
    site.write("empty", "");
    let (file, dir) = (place("roots/ca.pem"), place("roots"));
    for right in [&[("SSL_CERT_FILE", &*file)][..], &[("SSL_CERT_DIR", &dir)]] {
        let (code, told) = check(right);
        assert!(code == 0 && !told.contains("SSL_CERT"), "{right:?}: {told}");
    }
    for useless in [&place("nowhere"), &place("empty"), &dir, ""] {
        let (code, told) = check(&[("SSL_CERT_FILE", useless)]);
        let words = format!("SSL_CERT_FILE is {useless}, where there is no certificate");
        assert!(code == 78 && told.contains(&words), "{useless}: {told}");
        let (code, told) = check(&[("SSL_CERT_FILE", useless), ("SSL_CERT_DIR", &dir)]);
        assert!(code == 0 && told.contains(&words), "{useless}: {told}");
    }
    let (code, told) = check(&[("SSL_CERT_DIR", &format!("{}:{dir}", place("nowhere")))]);
    assert!(code == 0 && told.contains(&format!("SSL_CERT_DIR is {}", place("nowhere"))), "{told}");
    for (name, mode, was) in [("roots/ca.pem", 0o666, 0o644), ("roots", 0o777, 0o755)] {
        chmod(&site.path().join(name), mode);
        for (variable, value) in [("SSL_CERT_FILE", &file), ("SSL_CERT_DIR", &dir)] {
            let (code, told) = check(&[(variable, value)]);
            let is_told = told.contains(&format!("{variable} is")) && told.contains("others can");
            assert!(code == 78 && is_told, "{name} by {variable}: {told}");
        }
        chmod(&site.path().join(name), was);
    }
}

#[test]
fn certificates_of_the_environment_that_vouch_for_nobody_are_in_the_log() {
    let site = trusting_the_system();
    let dir = site.path().join("roots").display().to_string();
    let site = site.with_variable("SSL_CERT_DIR", &dir).with_variable("SSL_CERT_FILE", "/nowhere");
    let adapter = Adapter::start(&site, Framing::Packet);
    adapter.logs("SSL_CERT_FILE is /nowhere");
}

#[test]
fn a_user_is_written_without_a_resource() {
    let site = Site::new(NOBODY);
    for command in ["login", "explain"] {
        let output =
            site.command().args(["--caller", "ejabberd", command, "a@example.com/x@y"]).output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(64));
        assert!(told(&output).contains("write a@example.com alone"), "{}", told(&output));
    }
}

/// Nobody was asked, so nothing is said about the user; each server is tried once, and no command
/// sends to itself.
#[test]
fn a_server_that_is_not_there_is_told_at_once_and_once() {
    let site = Site::new(&NOBODY.replace(
        "user_dn = \"uid={localpart},dc=example,dc=com\"",
        "anonymous = true\nbase = \"dc=x\"\nuser_filter = \"(uid={localpart})\"",
    ));
    let started = Instant::now();
    for (command, advised) in
        [("login", "`xmpp-ldap-auth explain`"), ("explain", "`xmpp-ldap-auth login`")]
    {
        let mut child = site
            .command()
            .args(["--caller", "ejabberd", command, "alice@example.com"])
            .args((command == "login").then_some("--password-stdin"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(child.stdin.as_mut().unwrap(), b"secret\r\n").unwrap();
        let output = child.wait_with_output().unwrap();
        let told = told(&output);
        assert_eq!(output.status.code(), Some(69), "{told}");
        assert!(told.matches("Connection refused").count() <= 2, "{told}");
        assert!(!told.contains(&format!("`xmpp-ldap-auth {command}`")), "{told}");
        assert!(!told.contains("not found") && !told.contains("cannot sign in"), "{told}");
        assert!(command == "login" || told.contains(advised), "{told}");
    }
    assert!(started.elapsed() < Duration::from_secs(4));
}

#[test]
fn certificates_of_the_environment_are_read_again_when_they_change() {
    for variable in ["SSL_CERT_FILE", "SSL_CERT_DIR"] {
        let site = trusting_the_system();
        // In a directory that nothing else in the configuration leads to.
        let elsewhere = tempfile::tempdir().unwrap();
        let roots = elsewhere.path().join("roots");
        fs::create_dir(&roots).unwrap();
        fs::copy(site.path().join("roots/ca.pem"), roots.join("ca.pem")).unwrap();
        chmod(elsewhere.path(), 0o755);
        chmod(&roots, 0o755);
        let named = if variable == "SSL_CERT_FILE" { roots.join("ca.pem") } else { roots.clone() };
        let site = site.with_variable(variable, named.to_str().unwrap());
        let adapter = Adapter::start(&site, Framing::Packet);
        adapter.logs("ready");
        assert!(!adapter.log().contains("read again"));
        fs::copy(roots.join("ca.pem"), roots.join("new.pem")).unwrap();
        fs::rename(roots.join("new.pem"), roots.join("ca.pem")).unwrap();
        adapter.logs("the configuration was read again and is in use");
    }
}
