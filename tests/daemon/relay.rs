//! A relay before the daemon, and before what a daemon never does.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

use ldap_fixtures::embedded::Embedded;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::client::{Daemon, corp, site};
use crate::support::Answer::{CannotTell, No, Yes};
use crate::support::{Adapter, Framing, PATIENCE, Site};

/// The site of a relay whose daemon listens at a path; its deadline is short, if that is said.
fn relay(socket: &std::path::Path, more: &str) -> Site {
    Site::new(&format!("daemon = {socket:?}\n{more}"))
}

const ALICE: &str = "auth:alice:example.com:secret";

#[test]
fn a_relay_answers_what_the_daemon_says_in_the_order_of_its_caller() {
    let server = Embedded::start().unwrap();
    let listen = "[listen.auth]\nsocket = \"{dir}/auth.sock\"\nverbs = [\"auth\", \"isuser\", \"setpass\"]\n";
    let daemon = Daemon::asking(&server, listen);
    let site = relay(&daemon.socket("auth.sock"), "");
    for framing in Framing::BOTH {
        let mut relay = Adapter::start(&site, framing);
        for (request, answer) in [
            (ALICE, Yes),
            ("auth:alice:example.com:wrong", No),
            ("auth:alice:example.com:", No),
            ("isuser:bob:example.com", Yes),
            ("isuser:nobody:example.com", No),
            ("auth:alice:elsewhere.example:secret", No),
            ("tryregister:alice:example.com:secret", No),
            ("auth:alice:example.com:pä\u{20ac}😀\"\\", No),
        ] {
            assert_eq!(relay.ask(request), answer, "{request}");
        }
        for _ in 0..20 {
            relay.send(ALICE);
            relay.send("auth:bob:example.com:");
        }
        for _ in 0..20 {
            assert_eq!((relay.answer(), relay.answer()), (Yes, No));
        }
        assert_eq!(relay.ask("setpass:bob:example.com:secret"), Yes);
        let (rest, status) = relay.finish();
        assert!(rest.is_empty() && status.success());
    }
    assert_eq!(daemon.listener("auth")["late_answers"], 0);
}

#[test]
fn without_a_daemon_the_answer_comes_at_once_and_one_line_is_logged() {
    let directory = tempfile::tempdir().unwrap();
    let site = relay(&directory.path().join("auth.sock"), "");
    let mut relay = Adapter::start(&site, Framing::Packet);
    let started = Instant::now();
    for _ in 0..20 {
        assert_eq!(relay.ask(ALICE), CannotTell);
        assert_eq!(relay.ask("setpass:alice:example.com:new"), CannotTell);
    }
    assert!(started.elapsed() < Duration::from_secs(5));
    relay.logs("no-daemon");
    assert_eq!(relay.log().matches("the daemon cannot be asked").count(), 1);
    // A socket that nobody listens on any more is no other case.
    drop(UnixListener::bind(directory.path().join("auth.sock")).unwrap());
    assert_eq!(relay.ask(ALICE), CannotTell);
    assert!(!relay.log().contains("secret"));
}

#[test]
fn a_daemon_that_comes_back_answers_and_one_that_hangs_is_waited_for_until_the_deadline() {
    let server = Embedded::start().unwrap();
    let mut daemon = Daemon::asking(&server, "");
    let site = relay(
        &daemon.socket("auth.sock"),
        "caller_gives_up_after = \"3s\"\nanswer_within = \"1s\"\n",
    );
    let mut relay = Adapter::start(&site, Framing::Packet);
    assert_eq!(relay.ask(ALICE), Yes);
    daemon.signal(Signal::STOP);
    for _ in 0..4 {
        let started = Instant::now();
        assert_eq!(relay.ask(ALICE), CannotTell);
        assert!(started.elapsed() >= Duration::from_millis(900), "{:?}", started.elapsed());
    }
    relay.logs("connected to anew");
    daemon.signal(Signal::CONT);
    let started = Instant::now();
    while relay.ask(ALICE) != Yes {
        assert!(started.elapsed() < PATIENCE);
    }
    daemon.stop();
    assert_eq!(relay.ask(ALICE), CannotTell);
    let daemon_site = std::mem::replace(&mut daemon.site, Site::new(""));
    let _again = Daemon::start(daemon_site);
    assert_eq!(relay.ask(ALICE), Yes);
    relay.logs("the daemon answers again");
}

#[test]
fn who_waits_in_the_backlog_is_answered_by_the_next_daemon() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("auth.sock");
    // As systemd holds it while no daemon runs.
    let listener = UnixListener::bind(&path).unwrap();
    let site = relay(&path, "");
    let mut relay = Adapter::start(&site, Framing::Packet);
    relay.send(ALICE);
    assert!(relay.is_silent_for(Duration::from_millis(300)));
    let mut scripted = Scripted::accept(&listener);
    let id = scripted.asked()["id"].clone();
    scripted.say(&format!("{{\"id\":{id},\"verdict\":\"yes\",\"reason\":\"ok\"}}"));
    assert_eq!(relay.answer(), Yes);
}

/// A daemon's side of a connection, which says whatever a test wants.
struct Scripted(BufReader<UnixStream>);

impl Scripted {
    /// Accepts a connection, hears its hello and greets it.
    #[track_caller]
    fn accept(listener: &UnixListener) -> Self {
        let mut scripted = Self::silent(listener);
        scripted.say(r#"{"hello":1,"server":"scripted"}"#);
        scripted
    }

    /// The same without a greeting.
    #[track_caller]
    fn silent(listener: &UnixListener) -> Self {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut scripted = Self(BufReader::new(stream));
        let hello = scripted.asked();
        assert_eq!(hello["hello"], 1);
        assert!(hello["client"].as_str().unwrap().starts_with("relay "));
        scripted
    }

    #[track_caller]
    fn asked(&mut self) -> Value {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    fn say(&mut self, line: &str) {
        writeln!(self.0.get_ref(), "{line}").unwrap();
    }

    fn yes(&mut self, request: &Value) {
        self.say(&format!("{{\"id\":{},\"verdict\":\"yes\",\"reason\":\"ok\"}}", request["id"]));
    }
}

/// A relay before a scripted daemon.
struct Bed {
    _directory: tempfile::TempDir,
    _site: Site,
    listener: UnixListener,
    relay: Adapter,
}

impl Bed {
    fn new(more: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("auth.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let site = relay(&path, more);
        let relay = Adapter::start(&site, Framing::Packet);
        Self { _directory: directory, _site: site, listener, relay }
    }
}

#[test]
fn a_request_says_what_it_is_and_how_long_it_may_take() {
    let mut bed = Bed::new("");
    bed.relay.send("auth:alice:EXAMPLE.com:p\"ä");
    let mut daemon = Scripted::accept(&bed.listener);
    let request = daemon.asked();
    let fields = ["verb", "user", "domain", "password"].map(|key| request[key].as_str().unwrap());
    assert_eq!(fields, ["auth", "alice", "example.com", "p\"ä"]);
    let within = request["within_ms"].as_u64().unwrap();
    assert!((15_000..25_000).contains(&within), "{within}");
    daemon.yes(&request);
    assert_eq!(bed.relay.answer(), Yes);
    bed.relay.send("isuser:alice:example.com");
    let request = daemon.asked();
    assert_eq!(request.get("password"), None);
    daemon.yes(&request);
    assert_eq!(bed.relay.answer(), Yes);
}

#[test]
fn what_was_lost_behind_a_whole_request_is_asked_once_more_but_no_password_change() {
    for (request, is_again) in
        [(ALICE, true), ("isuser:alice:example.com", true), ("setpass:alice:example.com:n", false)]
    {
        let mut bed = Bed::new("");
        bed.relay.send(request);
        let mut first = Scripted::accept(&bed.listener);
        let _ = first.asked();
        drop(first);
        if is_again {
            let mut second = Scripted::accept(&bed.listener);
            let _ = second.asked();
            drop(second);
        }
        // Once and no more.
        assert_eq!(bed.relay.answer(), CannotTell, "{request}");
        bed.relay.send(ALICE);
        let mut next = Scripted::accept(&bed.listener);
        let request = next.asked();
        next.yes(&request);
        assert_eq!(bed.relay.answer(), Yes);
    }
}

#[test]
fn with_little_time_left_nothing_is_asked_once_more() {
    let mut bed = Bed::new("answer_within = \"450ms\"\n");
    bed.relay.send(ALICE);
    let mut daemon = Scripted::accept(&bed.listener);
    let _ = daemon.asked();
    drop(daemon);
    assert_eq!(bed.relay.answer(), CannotTell);
    bed.listener.set_nonblocking(true).unwrap();
    assert!(bed.listener.accept().is_err());
}

#[test]
fn a_late_answer_is_cancelled_counted_and_never_anothers() {
    let mut bed = Bed::new("answer_within = \"300ms\"\n");
    bed.relay.send(ALICE);
    let mut daemon = Scripted::accept(&bed.listener);
    let first = daemon.asked();
    assert_eq!(bed.relay.answer(), CannotTell);
    assert_eq!(daemon.asked()["cancel"], first["id"]);
    bed.relay.send("auth:mallory:example.com:x");
    let second = daemon.asked();
    assert_ne!(first["id"], second["id"]);
    daemon.yes(&first);
    assert!(bed.relay.is_silent_for(Duration::from_millis(100)));
    daemon
        .say(&format!("{{\"id\":{},\"verdict\":\"no\",\"reason\":\"of-tomorrow\"}}", second["id"]));
    assert_eq!(bed.relay.answer(), No);
    bed.relay.logs("late_answers=1");
    bed.relay.logs("unexplained");
}

#[test]
fn after_bye_another_connection_is_asked_and_the_old_one_still_answers() {
    let mut bed = Bed::new("");
    bed.relay.send(ALICE);
    let mut old = Scripted::accept(&bed.listener);
    let first = old.asked();
    old.say("{\"bye\":1}");
    // Something behind it, so that the bye has been read.
    old.say("{\"news\":1}");
    std::thread::sleep(Duration::from_millis(50));
    bed.relay.send("auth:bob:example.com:x");
    let mut new = Scripted::accept(&bed.listener);
    let second = new.asked();
    new.yes(&second);
    old.yes(&first);
    assert_eq!((bed.relay.answer(), bed.relay.answer()), (Yes, Yes));
}

#[test]
fn what_a_closing_daemon_did_not_take_is_asked_of_the_next() {
    let mut bed = Bed::new("");
    bed.relay.send("setpass:alice:example.com:new");
    let mut old = Scripted::accept(&bed.listener);
    let request = old.asked();
    old.say("{\"bye\":1}");
    old.say(&format!(
        "{{\"id\":{},\"verdict\":\"unknown\",\"reason\":\"closing\"}}",
        request["id"]
    ));
    let mut new = Scripted::accept(&bed.listener);
    let request = new.asked();
    new.yes(&request);
    assert_eq!(bed.relay.answer(), Yes);
}

#[test]
fn another_version_is_one_loud_line_and_cannot_tell() {
    for said in ["{\"hello\":2,\"server\":\"of tomorrow\"}", "{\"error\":\"version\"}"] {
        let mut bed = Bed::new("");
        for _ in 0..3 {
            bed.relay.send(ALICE);
            let mut daemon = Scripted::silent(&bed.listener);
            daemon.say(said);
            assert_eq!(bed.relay.answer(), CannotTell, "{said}");
        }
        bed.relay.logs("does not speak version 1");
        assert_eq!(bed.relay.log().matches("the daemon cannot be asked").count(), 1);
    }
}

#[test]
fn nonsense_of_a_daemon_is_never_a_yes() {
    let long = format!("{{\"x\":\"{}\"}}\n", "y".repeat(4096));
    let endless = "y".repeat(4096);
    for said in ["yes\n", "{\"id\":1,\"id\":1,\"verdict\":\"yes\"}\n", &long, &endless] {
        let mut bed = Bed::new("answer_within = \"450ms\"\n");
        bed.relay.send(ALICE);
        let mut daemon = Scripted::accept(&bed.listener);
        let _ = daemon.asked();
        daemon.0.get_ref().write_all(said.as_bytes()).unwrap();
        assert_eq!(bed.relay.answer(), CannotTell, "{said:.40}");
        bed.relay.logs("the daemon cannot be asked");
    }
    for verdict in ["\"perhaps\"", "true", "1", "null", "\"YES\""] {
        let mut bed = Bed::new("");
        bed.relay.send(ALICE);
        let mut daemon = Scripted::accept(&bed.listener);
        let id = daemon.asked()["id"].clone();
        daemon.say(&format!("{{\"id\":{id},\"verdict\":{verdict}}}"));
        assert_eq!(bed.relay.answer(), CannotTell, "{verdict}");
    }
}

#[test]
fn keys_of_the_directory_stand_in_the_daemons_file_alone() {
    for key in ["[directory.x]", "[domain.x]", "[throttle]", "[cache]", "[listen.x]"] {
        let site = Site::new(&format!("daemon = \"/run/x.sock\"\n{key}\n"));
        let output = site.command().args(["--caller", "ejabberd", "check"]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(78), "{key}: {text}");
        assert!(text.contains("leave this out"), "{key}: {text}");
    }
    let text = "daemon = \"/run/x.sock\"\ncaller = \"ejabberd\"\nanswer_within = \"20s\"\n\
        max_in_flight = 5\n[log]\nlevel = \"debug\"\n";
    let output = Site::new(text).command().arg("check").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn a_wrong_configuration_is_used_once_it_is_right() {
    let server = Embedded::start().unwrap();
    let daemon = Daemon::asking(&server, "");
    let site = relay(&daemon.socket("auth.sock"), "[cache]\n");
    let mut relay = Adapter::start(&site, Framing::Packet);
    assert_eq!(relay.ask(ALICE), CannotTell);
    relay.logs("leave this out");
    site.write("config.toml", &format!("daemon = {:?}\n", daemon.socket("auth.sock")));
    relay.logs("was read again");
    assert_eq!(relay.ask(ALICE), Yes);
}

#[test]
fn a_relay_reads_no_secret_and_does_not_connect_to_the_directory() {
    let server = Embedded::start().unwrap();
    let daemon = Daemon::start(site(&corp(&server.url())));
    let site = relay(&daemon.socket("auth.sock"), "");
    let mut relay = Adapter::start(&site, Framing::Packet);
    assert_eq!(relay.ask(ALICE), Yes);
    // Its descriptors can be seen by root alone, because the process is not dumpable.
    if let Ok(links) = fs::read_dir(format!("/proc/{}/fd", relay.id())) {
        let targets = links.filter_map(|link| fs::read_link(link.unwrap().path()).ok());
        let targets: Vec<String> =
            targets.map(|target| target.to_string_lossy().into_owned()).collect();
        let connections = fs::read_to_string("/proc/self/net/tcp").unwrap();
        let tcp: Vec<&str> =
            connections.lines().filter_map(|line| line.split_whitespace().nth(9)).collect();
        for target in targets {
            let socket = target.strip_prefix("socket:[").and_then(|it| it.strip_suffix(']'));
            assert!(!socket.is_some_and(|socket| tcp.contains(&socket)), "{target} is of TCP");
            assert!(!target.contains("password"), "{target}");
        }
    }
    kill_process(Pid::from_raw(relay.id().cast_signed()).unwrap(), Signal::HUP).unwrap();
    relay.logs("read again");
    assert_eq!(relay.ask(ALICE), Yes);
}

#[test]
fn a_relays_file_is_no_directory_that_knows_nobody() {
    let server = Embedded::start().unwrap();
    let daemon = Daemon::asking(&server, "");
    let own =
        daemon.site.write("relay.toml", &format!("daemon = {:?}\n", daemon.socket("auth.sock")));
    for command in [
        &["login", "--stand-alone", "--password-stdin", "alice@example.com"][..],
        &["explain", "alice@example.com"],
        &["probe"],
    ] {
        let mut command_line = crate::support::binary();
        command_line.arg("--config").arg(&own).args(command).stdin(std::process::Stdio::null());
        let output = command_line.output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.code() == Some(78) && text.contains("daemon's own"),
            "{command:?}: {text}"
        );
    }
    // Nor is it one for a process that answers by itself.
    let alone = site(&corp(&server.url()));
    let mut adapter = Adapter::start(&alone, Framing::Packet);
    assert_eq!(adapter.ask(ALICE), Yes);
    alone.write("config.toml", &format!("daemon = {:?}\n", daemon.socket("auth.sock")));
    kill_process(Pid::from_raw(adapter.id().cast_signed()).unwrap(), Signal::HUP).unwrap();
    adapter.logs("that needs a new process");
    assert_eq!(adapter.ask(ALICE), Yes);
    daemon.site.write("config.toml", "daemon = \"/run/x.sock\"\n");
    daemon.signal(Signal::HUP);
    daemon.logs("that needs a new process");
    assert_eq!(daemon.client().ask(&crate::client::auth(1, "alice", "secret")), "yes ok");
}
