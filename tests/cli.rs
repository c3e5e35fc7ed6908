//! The binary's face: arguments, exit codes, and what it does when it cannot do its work.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ldap_fixtures::tls::Authority;
use rustix::process::Signal;
use rustix::termios::{LocalModes, tcgetattr};
use support::Answer::{CannotTell, No};
use support::{Adapter, Framing, MakeSite, OnTerminal, PATIENCE, Site, Terminal, binary};

const QUESTION: &str = "Password of alice@example.com: ";

const NOBODY: &str = r#"
[directory.nobody]
servers = ["ldap://127.0.0.1:9"]
user_dn = "uid={localpart},dc=example,dc=com"
[domain."example.com"]
directory = "nobody"
"#;

#[test]
fn help_and_version_are_printed() {
    for (argument, word) in
        [("--help", "Usage: xmpp-ldap-auth"), ("--version", env!("CARGO_PKG_VERSION"))]
    {
        let output = binary().arg(argument).output().unwrap();
        assert!(output.status.success());
        assert!(String::from_utf8_lossy(&output.stdout).contains(word));
    }
    assert_eq!(binary().arg("--nonsense").output().unwrap().status.code(), Some(64));
}

#[test]
fn a_wrong_command_line_on_a_pipe_ends_no_sooner_than_ejabberd_survives() {
    let started = Instant::now();
    let output = binary().args(["--conf", "/etc/x"]).stdin(Stdio::piped()).output().unwrap();
    assert!(started.elapsed() >= Duration::from_secs(4), "{:?}", started.elapsed());
    assert_eq!(output.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--conf"));
}

fn the_log_tells_whose_request_was_malformed(new_site: MakeSite) {
    let site = new_site(NOBODY);
    let mut adapter = Adapter::start(&site, Framing::Packet);
    assert_eq!(adapter.ask("auth:alice:example.com:tops3cret\r"), No);
    adapter.logs("malformed");
    let log = adapter.log();
    let line = log.lines().find(|line| line.contains("malformed")).unwrap();
    assert!(line.contains("user=\"alice\" domain=\"example.com\""), "{line}");
    assert!(!log.contains("tops3cret"), "{log}");
}

#[test]
fn manual_pages_and_the_schema_are_printed() {
    for (arguments, expected) in [
        (&["man"][..], "guard               Guarding accounts\n"),
        (&["man", "xmpp-ldap-auth"], ".TH XMPP-LDAP-AUTH 1"),
        (&["man", "check"], ".TH XMPP-LDAP-AUTH-CHECK 1"),
        (&["man", "xmpp-ldap-auth-guard"], ".TH XMPP-LDAP-AUTH-GUARD 7"),
        (&["man", "xmpp-ldap-auth.toml"], ".TH XMPP-LDAP-AUTH.TOML 5"),
        (&["man", "--html", "guard"], "<h1>Guarding accounts</h1>"),
        (&["schema"], "https://json-schema.org/draft/2020-12/schema"),
    ] {
        let output = binary().args(arguments).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains(expected), "{arguments:?}: {text}");
    }
    let output = binary().args(["man", "gard"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(64) && text.contains("there is no page gard"), "{text}");
}

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

#[test]
fn the_programs_own_name_tells_the_caller() {
    let site = Site::new(&format!("caller = \"ejabberd\"\n{NOBODY}"));
    let link = site.path().join("xmpp-ldap-auth-mongooseim");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_xmpp-ldap-auth"), &link).unwrap();
    let output =
        Command::new(link).arg("--config").arg(site.config()).arg("check").output().unwrap();
    assert!(
        String::from_utf8_lossy(&output.stdout)
            .contains("caller                        mongooseim  (command line)")
    );
}

#[test]
fn with_an_unusable_configuration_it_lives_on_and_cannot_tell() {
    let site = Site::new("[directory]\n[nonsense]\n");
    let mut adapter = Adapter::start(&site, Framing::Packet);
    for request in
        ["auth:alice:example.com:secret", "isuser:alice:example.com", "setpass:alice:example.com:x"]
    {
        assert_eq!(adapter.ask(request), CannotTell);
    }
    assert_eq!(adapter.ask("removeuser:alice:example.com"), No);
    let log = adapter.log();
    assert!(log.contains("nonsense: there is no such key"), "{log}");
    let (rest, status) = adapter.finish();
    assert!(rest.is_empty() && status.success());
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

fn told(output: &std::process::Output) -> String {
    let [out, error] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    format!("{out}{error}")
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

/// A server of another protocol does not become one of LDAP by being dialled again.
#[test]
fn a_port_of_another_protocol_is_dialled_once_by_login() {
    for greeting in ["SSH-2.0-OpenSSH_9.2\r\n", "220 mail ESMTP\r\n"] {
        let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = other.local_addr().unwrap().port().to_string();
        let dialled = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&dialled);
        std::thread::spawn(move || {
            for stream in other.incoming() {
                counted.fetch_add(1, Ordering::SeqCst);
                std::io::Write::write_all(&mut stream.unwrap(), greeting.as_bytes()).unwrap();
            }
        });
        let config = NOBODY.replace("127.0.0.1:9\"", &format!("127.0.0.1:{port}\""));
        let search = "anonymous = true\nbase = \"dc=x\"\nuser_filter = \"(uid={localpart})\"";
        let user_dn = "user_dn = \"uid={localpart},dc=example,dc=com\"";
        for config in [config.clone(), config.replace(user_dn, search)] {
            let site = Site::new(&config);
            let before = dialled.load(Ordering::SeqCst);
            let mut child = site
                .command()
                .args(["--caller", "ejabberd", "login", "--password-stdin", "alice@example.com"])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            std::io::Write::write_all(child.stdin.as_mut().unwrap(), b"secret\n").unwrap();
            let told = told(&child.wait_with_output().unwrap());
            assert_eq!(dialled.load(Ordering::SeqCst) - before, 1, "{told}");
            assert!(
                told.contains("not a well-formed LDAP message")
                    || told.contains("it does not begin"),
                "{told}"
            );
        }
    }
}

/// Starts a shell on a terminal of its own, which runs `login` as `"$@"`, and waits for the question.
fn asked_for_a_password(site: &Site, script: &str) -> OnTerminal {
    // Whoever started the tests in the background may have had signals of the keyboard ignored.
    let mut command = Command::new("env");
    command.args(["--default-signal", "setsid", "--ctty", "/bin/sh", "-c", script, "sh"]);
    command.arg(env!("CARGO_BIN_EXE_xmpp-ldap-auth"));
    command.arg("--config").arg(site.config());
    command.args(["--caller", "ejabberd", "login", "alice@example.com"]);
    let mut child = Terminal::new().of_a_person().spawn(command);
    shows(&mut child, QUESTION);
    child
}

fn shows(child: &mut OnTerminal, expected: &str) {
    let mut seen = String::new();
    while !seen.contains(expected) {
        let part = child.terminal.read_within(PATIENCE);
        assert!(!part.is_empty(), "no {expected:?} in {seen:?}");
        seen.push_str(&part);
        assert!(!seen.contains("tops3cret"), "{seen}");
    }
}

#[test]
fn a_terminal_that_was_asked_for_a_password_is_left_as_it_was() {
    let site = Site::new(NOBODY);
    let before = tcgetattr(Terminal::new().of_a_person().slave).unwrap().local_modes;
    let modes = |child: &OnTerminal| tcgetattr(&child.terminal.slave).unwrap().local_modes;
    for (key, signal) in [("\u{3}", Signal::INT), ("\u{1c}", Signal::QUIT)] {
        let mut child = asked_for_a_password(&site, "exec \"$@\"");
        assert!(!modes(&child).contains(LocalModes::ECHO));
        child.terminal.send("tops3cret");
        child.terminal.send(key);
        assert_eq!(child.wait().signal(), Some(signal.as_raw()));
        assert_eq!(modes(&child), before, "{signal:?}");
    }
    let script = "set -m; \"$@\"; echo has stopped; read -r go; fg; exit $?";
    let mut child = asked_for_a_password(&site, script);
    child.terminal.send("tops3cret");
    child.terminal.send("\u{1a}");
    shows(&mut child, "has stopped");
    assert_eq!(modes(&child), before);
    child.terminal.send("go\n");
    shows(&mut child, QUESTION);
    child.terminal.send("tops3cret\n");
    shows(&mut child, "cannot tell");
    assert_eq!(child.wait().code(), Some(69));
    assert_eq!(modes(&child), before);
}

#[test]
fn what_is_typed_is_refused_as_run_refuses_it() {
    let site = Site::new(NOBODY);
    let mut child = site
        .command()
        .args(["--caller", "ejabberd", "login", "--password-stdin", "alice@example.com"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(child.stdin.as_mut().unwrap(), b"tops3\tcret\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(77));
    assert!(told(&output).contains("denied: malformed"), "{}", told(&output));
    assert!(!told(&output).contains("tops3"));
}

fn a_packet_that_is_cut_off_is_logged(new_site: MakeSite) {
    let site = new_site(NOBODY);
    let mut adapter = Adapter::start(&site, Framing::Packet);
    assert_eq!(adapter.ask("isuser:alice:nowhere.example"), No);
    adapter.send_raw(&[0, 20, b'a', b'u', b't', b'h']);
    adapter.close_input();
    assert!(adapter.wait().success());
    assert!(adapter.log().contains("in the middle of a packet"));
}

#[test]
fn no_answer_is_late_although_nobody_reads_the_log() {
    // Standard error is a pipe that fills up.
    let site = Site::new(NOBODY);
    let mut child = site
        .command()
        .args(["--caller", "prosody"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let requests = 5000;
    let writer = std::thread::spawn(move || {
        use std::io::Write;
        for _ in 0..requests {
            input.write_all(b"auth:alice:nowhere.example:secret\n").unwrap();
        }
    });
    let replies = std::io::read_to_string(output).unwrap();
    writer.join().unwrap();
    assert_eq!(replies, "0\n".repeat(requests));
    assert!(child.wait().unwrap().success());
}

fn the_log_file_is_reopened_on_hang_up(new_site: MakeSite) {
    let site =
        new_site(&format!("{NOBODY}[log]\ntarget = \"file:{{dir}}/log\"\nformat = \"json\"\n"));
    let mut adapter = Adapter::start(&site, Framing::Line);
    assert_eq!(adapter.ask("isuser:alice:nowhere.example"), No);
    let (log, rotated) = (site.path().join("log"), site.path().join("log.1"));
    std::fs::rename(&log, &rotated).unwrap();
    let pid = rustix::process::Pid::from_raw(i32::try_from(adapter.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    let started = Instant::now();
    while !log.exists() {
        assert!(started.elapsed() < Duration::from_secs(30), "the log is not reopened");
        assert_eq!(adapter.ask("isuser:alice:nowhere.example"), No);
    }
    assert_eq!(adapter.ask("isuser:bob:nowhere.example"), No);
    adapter.finish();
    let lines = std::fs::read_to_string(&log).unwrap();
    let line = lines.lines().find(|line| line.contains("bob")).unwrap();
    let event: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(event["reason"], "unknown-domain");
    assert_eq!(event["verdict"], "denied");
}

#[test]
fn input_from_a_file_and_output_to_one_work() {
    let site = Site::new(NOBODY);
    let input = site.write("input", "auth:alice:nowhere.example:x\nisuser:alice:nowhere.example");
    let output = site.path().join("output");
    let status = site
        .command()
        .args(["--caller", "prosody"])
        .stdin(std::fs::File::open(input).unwrap())
        .stdout(std::fs::File::create(&output).unwrap())
        .status()
        .unwrap();
    assert!(status.success());
    assert_eq!(std::fs::read_to_string(output).unwrap(), "0\n0\n");
}

#[test]
fn each_shell_has_its_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = binary().args(["completions", shell]).output().unwrap();
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && script.contains("password-stdin"), "{shell}: {script}");
    }
}

#[test]
fn a_reader_that_reads_no_further_is_no_error() {
    let site = Site::new(&format!("caller = \"ejabberd\"\n{NOBODY}"));
    for (arguments, code) in [
        (&["completions", "bash"][..], 0),
        (&["completions", "zsh"], 0),
        (&["man"], 0),
        (&["man", "xmpp-ldap-auth.toml"], 0),
        (&["schema"], 0),
        (&["--help"], 0),
        (&["check"], 0),
        (&["check", "--json"], 0),
        (&["explain", "alice@nowhere.example"], 77),
        (&["explain", "alice@nowhere.example", "--json"], 77),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = site.command().args(arguments).stdout(writer).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{arguments:?}");
    }
}

fn bytes_of_another_protocol_are_told_of_once(new_site: MakeSite) {
    let site = new_site(NOBODY);
    for (framing, bytes) in [
        (Framing::Line, Framing::Packet.frame(b"auth:alice:example.com:tops3cret")),
        (Framing::Packet, Framing::Line.frame(b"auth:alice:example.com:tops3cret")),
    ] {
        let mut adapter = Adapter::start(&site, framing);
        adapter.send_raw(&bytes);
        adapter.logs("framed differently");
        std::thread::sleep(Duration::from_millis(1200));
        let log = adapter.log();
        assert_eq!(log.matches("framed differently").count(), 1, "{log}");
        assert!(log.contains(" WARN ") && log.contains("caller"), "{log}");
        assert!(!log.contains("tops3cret"), "{log}");
    }
}

#[test]
fn a_named_caller_gets_its_own_replies_when_the_file_names_it() {
    let site = Site::new("caller = \"mongoose\"\n");
    let mut child = site
        .command()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(child.try_wait().unwrap(), None);
    site.write("config.toml", &format!("caller = \"mongooseim\"\n{NOBODY}"));
    // The next process speaks to it. An open input shows that this one does not end for want of it.
    let _input = child.stdin.take();
    assert_eq!(child.wait().unwrap().code(), Some(78));
}

fn what_is_in_flight_is_answered_before_sigterm_ends_it(new_site: MakeSite) {
    // Connections are established, and nobody ever answers on them.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let slow = NOBODY.replace("127.0.0.1:9", &silent.local_addr().unwrap().to_string());
    let site = new_site(&format!("answer_within = \"1500ms\"\n{slow}"));
    let mut adapter = Adapter::start(&site, Framing::Packet);
    adapter.send("auth:alice:example.com:secret");
    adapter.logs("ready");
    std::thread::sleep(Duration::from_millis(300));
    let pid = rustix::process::Pid::from_raw(i32::try_from(adapter.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(adapter.answer(), CannotTell);
    assert!(adapter.wait().success());
}

/// From the first moment on: before the process has said what becomes of signals, it is only the one
/// who starts it that can say so.
#[test]
fn a_hang_up_that_is_ignored_at_the_start_ends_nobody() {
    let site = Site::new(NOBODY);
    let inner = site.command();
    let mut command = Command::new("sh");
    command
        .args(["-c", "trap '' HUP; echo begins >&2; exec \"$0\" \"$@\""])
        .arg(inner.get_program());
    command.args(inner.get_args()).args(["--caller", "ejabberd"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .env_remove("XMPP_LDAP_AUTH_CONFIG")
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    assert_eq!(log.next().unwrap().unwrap(), "begins");
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    assert!(log.any(|line| line.unwrap().contains("ready")));
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    assert!(log.any(|line| line.unwrap().contains("read again")), "it listens to it afterwards");
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn whatever_goes_wrong_a_caller_that_speaks_lines_sees_a_0() {
    for (framing, code) in [(Framing::Line, 0), (Framing::Packet, 74)] {
        let site = Site::new(NOBODY);
        let unreadable = File::open(site.path()).unwrap();
        let mut command = site.command();
        command.args(["--caller", framing.caller(), "run"]).stdin(unreadable);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", told(&output));
    }
}

#[test]
fn in_a_namespace_of_its_own_it_serves_and_ends_as_ever() {
    // There the leaders of our session and of our process group have no number.
    let site = Site::new(NOBODY);
    let inner = site.command();
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--pid", "--fork", "--kill-child"]).arg(inner.get_program());
    command
        .args(inner.get_args())
        .args(["--caller", "prosody"])
        .env_remove("XMPP_LDAP_AUTH_CONFIG");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, b"auth:alice:nowhere.example:secret\n").unwrap();
    drop(input);
    assert_eq!(std::io::read_to_string(child.stdout.take().unwrap()).unwrap(), "0\n");
    assert!(child.wait().unwrap().success());
}

alone_and_relayed! {
    the_log_tells_whose_request_was_malformed
    a_packet_that_is_cut_off_is_logged
    the_log_file_is_reopened_on_hang_up
    bytes_of_another_protocol_are_told_of_once
    what_is_in_flight_is_answered_before_sigterm_ends_it
}
