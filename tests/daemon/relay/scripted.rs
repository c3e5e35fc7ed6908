//! A relay before what a daemon never does.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use serde_json::Value;

use super::{ALICE, relay};
use crate::support::Answer::{CannotTell, No, Yes};
use crate::support::{Adapter, Framing, PATIENCE, Site};

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
    // Something behind it, so that the bye has been read when this is told of.
    old.say("{\"id\":9999,\"verdict\":\"no\"}");
    bed.relay.logs("late_answers=1");
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
        let mut bed = Bed::new("");
        for _ in 0..2 {
            bed.relay.send(ALICE);
            let mut daemon = Scripted::accept(&bed.listener);
            let _ = daemon.asked();
            daemon.0.get_ref().write_all(said.as_bytes()).unwrap();
            assert_eq!(bed.relay.answer(), CannotTell, "{said:.40}");
        }
        bed.relay.logs("it says what no daemon does");
        assert_eq!(bed.relay.log().matches(" ERROR ").count(), 1, "{}", bed.relay.log());
        // It was told each password once.
        bed.listener.set_nonblocking(true).unwrap();
        assert!(bed.listener.accept().is_err());
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
