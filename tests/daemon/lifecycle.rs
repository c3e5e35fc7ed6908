//! How the daemon starts, reads its configuration again, and stops.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::process::{Command, Stdio};
use std::time::Duration;

use ldap_fixtures::embedded::Embedded;
use ldap_fixtures::proxy::{Fault, Proxy};
use rustix::process::Signal;

use crate::client::{Client, Daemon, NOWHERE, auth, corp, request, site};
use crate::support::PATIENCE;

#[test]
fn sigterm_says_bye_lets_what_is_open_be_answered_and_ends_with_0() {
    let server = Embedded::start().unwrap();
    let proxy = Proxy::start(server.url().trim_start_matches("ldap://").parse().unwrap()).unwrap();
    proxy.set(Fault::Delay(Duration::from_millis(400)));
    let mut daemon = Daemon::start(site(&corp(&proxy.url())));
    let (mut busy, mut idle) = (daemon.client(), daemon.client());
    busy.say(&auth(1, "alice", "secret"));
    daemon.is_asked();
    daemon.signal(Signal::TERM);
    assert_eq!(idle.hear()["bye"], 1);
    assert_eq!(idle.line(), None);
    assert_eq!(busy.hear()["bye"], 1);
    busy.say(&auth(2, "alice", "secret"));
    assert_eq!(busy.answer(2), "unknown closing");
    assert_eq!(busy.answer(1), "yes ok");
    assert_eq!(busy.line(), None);
    assert_eq!(daemon.wait().code(), Some(0));
    for socket in ["auth.sock", "control.sock"] {
        assert!(!daemon.socket(socket).exists(), "{socket}");
    }
}

#[test]
fn a_client_that_does_not_read_cannot_keep_it_alive() {
    let listen = "[listen.auth]\nsocket = \"{dir}/auth.sock\"\nanswer_within = \"500ms\"\n";
    let mut daemon = Daemon::start(site(&format!("{listen}{}", corp(NOWHERE))));
    let deaf = daemon.client();
    deaf.stream().set_nonblocking(true).unwrap();
    let flood: String = (1..=500).map(|id| auth(id, "alice", "\n") + "\n").collect();
    for _ in 0..200 {
        let _ = std::io::Write::write(&mut deaf.stream(), flood.as_bytes());
    }
    assert_eq!(daemon.stop().code(), Some(0));
}

#[test]
fn a_wrong_configuration_leaves_it_alive_and_is_told_of() {
    let mut daemon = Daemon::start(site("[directory.x]\nservers = 7\n"));
    let mut client = daemon.client();
    assert_eq!(client.ask(&auth(1, "alice", "secret")), "unknown misconfigured");
    assert_eq!(client.ask(&request(1, "isuser", "alice", "")), "unknown misconfigured");
    daemon.logs("directory.x.servers");
    let problems = daemon.status()["configuration"]["problems"].to_string();
    assert!(problems.contains("directory.x.servers"), "{problems}");
    // It is used once it is right.
    let server = Embedded::start().unwrap();
    daemon.site.write("config.toml", &corp(&server.url()));
    daemon.logs("is in use");
    assert_eq!(client.ask(&auth(2, "alice", "secret")), "yes ok");
    assert_eq!(daemon.status()["configuration"]["problems"].as_array().unwrap().len(), 0);
    assert_eq!(daemon.stop().code(), Some(0));
}

#[test]
fn listeners_that_are_right_serve_although_the_rest_is_wrong() {
    let daemon = Daemon::start(site("[listen.a]\nsocket = \"{dir}/a.sock\"\n[directory.x]\n"));
    for socket in ["a.sock", "auth.sock"] {
        let mut client = Client::greeting(&daemon.socket(socket));
        assert_eq!(client.ask(&auth(1, "alice", "secret")), "unknown misconfigured");
    }
}

#[test]
fn a_wrong_configuration_at_a_reload_changes_nothing() {
    let server = Embedded::start().unwrap();
    let mut daemon = Daemon::asking(&server, "");
    let mut client = daemon.client();
    daemon.site.write("config.toml", "directory = 7\n");
    daemon.signal(Signal::HUP);
    daemon.logs("nothing has changed");
    assert_eq!(client.ask(&auth(1, "alice", "secret")), "yes ok");
    assert_ne!(daemon.status()["configuration"]["problems"].as_array().unwrap().len(), 0);
    assert_eq!(daemon.stop().code(), Some(0));
}

#[test]
fn sighup_changes_what_a_listener_lets_through_and_opens_the_log_anew() {
    let server = Embedded::start().unwrap();
    let config = |verbs: &str| {
        format!(
            "[log]\ntarget = \"file:{{dir}}/file.log\"\n\
             [listen.auth]\nsocket = \"{{dir}}/auth.sock\"\nverbs = [{verbs}]\n{}",
            corp(&server.url())
        )
    };
    let daemon = Daemon::start(site(&config("\"isuser\"")));
    let mut client = daemon.client();
    assert_eq!(client.ask(&auth(1, "alice", "secret")), "no not-allowed");
    fs::rename(daemon.socket("file.log"), daemon.socket("old.log")).unwrap();
    daemon.site.write("config.toml", &config("\"auth\""));
    daemon.signal(Signal::HUP);
    let start = std::time::Instant::now();
    while !fs::read_to_string(daemon.socket("file.log")).is_ok_and(|log| log.contains("in use")) {
        assert!(start.elapsed() < PATIENCE);
    }
    assert_eq!(client.ask(&auth(1, "alice", "secret")), "yes ok");
    assert_eq!(client.ask(&request(1, "isuser", "alice", "")), "no not-allowed");
}

#[test]
fn a_service_manager_is_told_of_each_step() {
    let server = Embedded::start().unwrap();
    let site = site(&corp(&server.url()));
    let path = site.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut daemon = Daemon::spawn(site, |command| {
        command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "150000");
    });
    let until = |word: &str| {
        let mut said = vec![0; 4096];
        loop {
            let length = manager.recv(&mut said).unwrap_or_else(|error| panic!("{word}: {error}"));
            let text = String::from_utf8_lossy(&said[..length]).into_owned();
            if text.contains(word) {
                return text;
            }
        }
    };
    until("READY=1");
    assert_eq!(daemon.client().ask(&auth(1, "alice", "secret")), "yes ok");
    until("WATCHDOG=1");
    until("WATCHDOG=1");
    daemon.signal(Signal::HUP);
    assert!(until("RELOADING=1").contains("MONOTONIC_USEC="));
    until("READY=1");
    daemon.signal(Signal::TERM);
    until("STOPPING=1");
    assert_eq!(daemon.wait().code(), Some(0));
}

#[test]
fn a_socket_that_somebody_answers_on_is_not_taken_over_and_a_dead_one_is() {
    let first = Daemon::start(site(&corp(NOWHERE)));
    let listen = format!("[listen.x]\nsocket = {:?}\n", first.socket("auth.sock"));
    let mut second = Daemon::spawn(site(&format!("{listen}{}", corp(NOWHERE))), |_| {});
    assert_eq!(second.wait().code(), Some(78));
    assert!(second.log().contains("another process listens"), "{}", second.log());
    assert_eq!(first.client().ask(&auth(1, "alice", "")), "no empty-password");

    let dead = site(&corp(NOWHERE));
    drop(UnixListener::bind(dead.path().join("auth.sock")).unwrap());
    let daemon = Daemon::start(dead);
    assert_eq!(daemon.client().ask(&auth(1, "alice", "")), "no empty-password");
    let mode = fs::metadata(daemon.socket("auth.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o660);
    let mode = fs::metadata(daemon.socket("control.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
}

#[test]
fn the_configuration_of_a_relay_is_none_for_it() {
    let mut daemon = Daemon::spawn(site("daemon = \"/run/x.sock\"\n"), |_| {});
    assert_eq!(daemon.wait().code(), Some(78));
    daemon.logs("leave it out");
}

#[test]
fn a_caller_is_ignored_with_a_remark() {
    let server = Embedded::start().unwrap();
    let daemon = Daemon::start(site(&format!("caller = \"prosody\"\n{}", corp(&server.url()))));
    daemon.logs("caller is ignored");
    assert_eq!(daemon.client().ask(&auth(1, "alice", "secret")), "yes ok");
}

#[test]
fn it_is_confined_and_no_core_of_it_is_written() {
    let server = Embedded::start().unwrap();
    let daemon = Daemon::asking(&server, "");
    let id = daemon.id();
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    let limits = fs::read_to_string(format!("/proc/{id}/limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert!(core.split_whitespace().nth(4) == Some("0"), "{core}");
}

/// Those who only connect must not use up what sign-ins need.
#[test]
fn it_has_as_many_descriptors_as_it_may() {
    let server = Embedded::start().unwrap();
    let site = site(&corp(&server.url()));
    let log = fs::File::create(site.path().join("log")).unwrap();
    let mut daemon = Daemon::spawn(site, |command| {
        let inner = std::mem::replace(command, Command::new("sh"));
        command.args(["-c", "ulimit -S -n 64; exec \"$0\" \"$@\""]).arg(inner.get_program());
        command.args(inner.get_args()).stdout(Stdio::null()).stderr(log);
        command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    });
    daemon.ready();
    let limits = fs::read_to_string(format!("/proc/{}/limits", daemon.id())).unwrap();
    let descriptors = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let [soft, hard] = [3, 4].map(|column| descriptors.split_whitespace().nth(column));
    assert_eq!(soft, hard, "{descriptors}");
}

#[test]
fn its_log_may_go_where_its_output_goes() {
    for log in ["", "[log]\ntarget = \"stderr\"\n"] {
        let site = site(&format!("{log}{}", corp(NOWHERE)));
        let both = fs::File::create(site.path().join("both")).unwrap();
        let mut daemon = Daemon::spawn(site, |command| {
            command.stdout(both.try_clone().unwrap()).stderr(both);
        });
        daemon.ready();
        assert_eq!(daemon.stop().code(), Some(0));
        let log = fs::read_to_string(daemon.socket("both")).unwrap();
        assert!(log.contains("ready") && log.contains("ending"), "{log:?}");
    }
}

#[test]
fn a_listener_that_is_written_no_more_is_told_of_once() {
    let listen = "[listen.a]\nsocket = \"{dir}/a.sock\"\n[listen.b]\nsocket = \"{dir}/b.sock\"\n";
    let server = Embedded::start().unwrap();
    let config = corp(&server.url());
    let daemon = Daemon::start(site(&format!("{listen}{config}")));
    for in_use in 1..=2 {
        let (kept, _) = listen.split_once("[listen.b]").unwrap();
        daemon.site.write("config.toml", &format!("{kept}{config}"));
        daemon.signal(Signal::HUP);
        let start = std::time::Instant::now();
        while daemon.log().matches("is in use").count() < in_use {
            assert!(start.elapsed() < PATIENCE, "{}", daemon.log());
        }
    }
    assert_eq!(daemon.log().matches("written no more").count(), 1, "{}", daemon.log());
}
