//! The binary's face: arguments, exit codes, and what it does when it cannot do its work.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod bundle;
mod callers;
mod check;
mod password;
mod reading_again;
#[path = "../support/mod.rs"]
mod support;
mod terminal;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ldap_fixtures::tls::Authority;
use rustix::process::Signal;
use rustix::termios::{LocalModes, tcgetattr};
use support::Answer::{CannotTell, No};
use support::{Adapter, Framing, MakeSite, NOBODY, OnTerminal, PATIENCE, Site, Terminal, binary};

const QUESTION: &str = "Password of alice@example.com: ";

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

/// What `login` says to this password.
fn log_in(site: &Site, password: &[u8]) -> Output {
    let mut child = site
        .command()
        .args(["--caller", "ejabberd", "login", "--password-stdin", "alice@example.com"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&[password, b"\n"].concat()).unwrap();
    child.wait_with_output().unwrap()
}

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
    let help = binary().arg("--help").env_remove("COLUMNS").output().unwrap();
    let too_wide = |line: &&str| line.chars().count() > 80;
    assert_eq!(told(&help).lines().find(too_wide), None);
    let completions = told(&binary().args(["completions", "bash"]).output().unwrap());
    assert!(completions.contains("compgen -W \"prosody ejabberd mongooseim\""), "{completions}");
    let wrong = binary().args(["--caller", "x", "check"]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(64), "{}", told(&wrong));
    assert!(told(&wrong).contains("prosody, ejabberd, mongooseim"), "{}", told(&wrong));
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
fn the_programs_own_name_tells_the_caller() {
    let site = Site::new(&format!("caller = \"ejabberd\"\n{NOBODY}"));
    let link = site.path().join("xmpp-ldap-auth-mongooseim");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_xmpp-ldap-auth"), &link).unwrap();
    let output =
        Command::new(link).arg("--config").arg(site.config()).arg("check").output().unwrap();
    let text = told(&output);
    let mut rows = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    assert!(rows.any(|words| words == ["caller", "mongooseim", "(command", "line)"]), "{text}");
}

fn told(output: &std::process::Output) -> String {
    let [out, error] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    format!("{out}{error}")
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
            let told = told(&log_in(&site, b"secret"));
            assert_eq!(dialled.load(Ordering::SeqCst) - before, 1, "{told}");
            assert!(
                told.contains("not a well-formed LDAP message")
                    || told.contains("it does not begin"),
                "{told}"
            );
        }
    }
}

fn a_packet_that_is_cut_off_is_logged(new_site: MakeSite) {
    let site = new_site(NOBODY);
    let mut adapter = Adapter::start(&site, Framing::Packet);
    assert_eq!(adapter.ask("isuser:alice:nowhere.example"), No);
    adapter.send_raw(&[0, 20, b'a', b'u', b't', b'h']);
    adapter.close_input();
    assert!(adapter.wait().success());
    adapter.logs("in the middle of a packet");
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

/// As on a full quota: the log is what stops, not the answers.
#[test]
fn a_log_that_may_not_grow_any_more_ends_nobody() {
    let site = Site::new(&format!("{NOBODY}[log]\ntarget = \"file:{{dir}}/log\"\n"));
    let inner = site.command();
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -f 4; exec \"$0\" \"$@\""]).arg(inner.get_program());
    command.args(inner.get_args()).args(["--caller", "prosody"]);
    command.env_remove("XMPP_LDAP_AUTH_CONFIG");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let requests = 200;
    let asked = "isuser:alice:nowhere.example\n".repeat(requests);
    let mut input = child.stdin.take().unwrap();
    let writer =
        std::thread::spawn(move || std::io::Write::write_all(&mut input, asked.as_bytes()));
    let replies = std::io::read_to_string(child.stdout.take().unwrap()).unwrap();
    writer.join().unwrap().unwrap();
    assert_eq!(replies, "0\n".repeat(requests));
    assert!(child.wait().unwrap().success());
    let length = fs::metadata(site.path().join("log")).unwrap().len();
    assert!((1..=4096).contains(&length), "{length} bytes");
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
