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
        let output = site.command().args(["--caller", caller, "check"]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}");
        for word in [
            hint,
            "ldap://127.0.0.1:9",
            "uid={localpart},dc=example,dc=com",
            "domain     example.com",
            "max_in_flight                 64  (default)",
            "confine                       true",
            "first_request                 discard",
            "log.level                     info",
            "throttle.within               1h",
            "pool.idle                   4m",
            "nobody",
        ] {
            assert!(text.contains(word), "{caller}: {text}");
        }
        let output = site.command().args(["--caller", caller, "check", "--json"]).output().unwrap();
        let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(value["ok"], true);
        let values = value["values"].as_array().unwrap();
        let lines = text.lines().filter(|line| line.ends_with(')') && line.contains("  ("));
        assert!(values.len() > 40 && lines.count() == values.len(), "{text} {values:?}");
        for value in values {
            let [key, value, origin] =
                ["key", "value", "from"].map(|it| value[it].as_str().unwrap());
            let mut lines = text.lines().map(str::trim_start).filter(|line| line.starts_with(key));
            assert!(lines.any(|line| line.ends_with(&format!(" {value}  ({origin})"))), "{key}");
        }
        assert_eq!(value["directories"]["nobody"]["servers"], "ldap://127.0.0.1:9");
        assert_eq!(value["domains"]["example.com"]["directory"], "nobody");
        assert_eq!(value["directories"]["nobody"]["pool.size"], "8");
        assert_eq!(value["settings"]["log.target"], "auto");
        assert_eq!(value["policy"]["cache"], "off");
        assert!(value["hints"][0].as_str().unwrap().contains(':'));
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
    assert!(text.contains("remark: caller: Prosody alone is known by its terminal"), "{text}");
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
        let problems: Vec<&str> = told.lines().collect();
        assert!(!problems.is_empty() && told.contains("nonsense: there is no such key"), "{told}");
        for problem in problems {
            assert!(problem.starts_with("problem: ") && check.contains(problem), "{told}");
        }
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

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
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
