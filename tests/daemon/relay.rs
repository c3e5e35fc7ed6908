//! A relay before the daemon.

mod scripted;

use std::fs;
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use ldap_fixtures::embedded::Embedded;
use rustix::process::{Pid, Signal, kill_process};

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

/// Memory of a process of its own, in KiB.
fn own_memory(process: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let memory = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    memory.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn a_relay_needs_no_more_memory_the_more_it_is_asked() {
    let server = Embedded::start().unwrap();
    let daemon = Daemon::asking(&server, "[listen.auth]\nsocket = \"{dir}/auth.sock\"\n");
    let site = relay(&daemon.socket("auth.sock"), "[log]\nlevel = \"error\"\n");
    let mut relay = Adapter::start(&site, Framing::Packet);
    let mut ask = |times| {
        for _ in 0..times {
            assert_eq!(relay.ask("isuser:alice:elsewhere.example"), No);
        }
        own_memory(relay.id())
    };
    let (before, after) = (ask(20), ask(3000));
    assert!(after < before + 20, "from {before} KiB to {after}");
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
