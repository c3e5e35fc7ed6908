//! What becomes of the requests of a client that goes away.

use std::time::{Duration, Instant};

use ldap_fixtures::embedded::Embedded;
use rustix::process::Signal;

use super::native::slow;
use crate::client::{Daemon, auth, corp, request, site};

#[test]
fn an_answer_that_nobody_is_there_to_take_is_logged_as_one_that_was_not_told() {
    let server = Embedded::start().unwrap();
    let proxy = slow(&server, Duration::from_millis(500));
    let daemon = Daemon::start(site(&corp(&proxy.url())));
    let mut client = daemon.client();
    client.say(&auth(1, "alice", "secret"));
    daemon.is_asked();
    drop(client);
    daemon.logs("told=false");
    assert_eq!(daemon.listener("auth")["late_answers"], 1);
}

#[test]
fn what_was_begun_for_a_client_that_is_lost_comes_to_its_end() {
    let server = Embedded::start().unwrap();
    let proxy = slow(&server, Duration::from_millis(300));
    let daemon = Daemon::start(site(&corp(&proxy.url())));
    for round in 1..=4 {
        let mut client = daemon.client();
        client.say(&auth(1, "alice", "secret"));
        daemon.is_asked();
        // Needs no directory, so that its answer finds nobody while the other is open.
        client.say(&auth(2, "alice", ""));
        drop(client);
        let start = Instant::now();
        let ended =
            |log: &str| log.lines().filter(|line| line.contains("verdict=\"granted\"")).count();
        while ended(&daemon.log()) < round {
            assert!(start.elapsed() < crate::support::PATIENCE, "{}", daemon.log());
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    assert_eq!(daemon.status()["guard"]["accounts_with_failures"], 0);
    assert_eq!(daemon.client().ask(&auth(1, "alice", "secret")), "yes ok");
}

#[test]
fn what_is_given_up_before_it_is_begun_is_never_begun() {
    let server = Embedded::start().unwrap();
    let proxy = slow(&server, Duration::from_millis(600));
    let listen = "[listen.auth]\nsocket = \"{dir}/auth.sock\"\nverbs = [\"auth\", \"setpass\"]\nmax_in_flight = 1\n";
    let daemon = Daemon::start(site(&format!("{listen}{}", corp(&proxy.url()))));
    let mut client = daemon.client();
    client.say(&auth(1, "bob", "secret"));
    daemon.is_asked();
    client.say(&request(2, "setpass", "alice", "cancelled"));
    client.say("{\"cancel\":2}");
    client.say(&request(3, "setpass", "alice", "late").replace("20000", "50"));
    assert_eq!(client.answer(3), "unknown deadline-passed");
    assert_eq!(client.answer(1), "yes ok");
    assert_eq!(client.ask(&auth(4, "alice", "secret")), "yes ok");
}

#[test]
fn a_password_is_not_changed_for_a_client_that_is_gone() {
    let server = Embedded::start().unwrap();
    let listen = "[listen.auth]\nsocket = \"{dir}/auth.sock\"\nverbs = [\"auth\", \"setpass\"]\n";
    let daemon = Daemon::asking(&server, listen);
    let mut client = daemon.client();
    assert_eq!(client.ask(&auth(1, "bob", "secret")), "yes ok");
    daemon.signal(Signal::STOP);
    client.say(&request(2, "setpass", "alice", "given up"));
    drop(client);
    daemon.signal(Signal::CONT);
    daemon.logs("verb=\"setpass\" user=\"alice\"");
    assert_eq!(daemon.client().ask(&auth(1, "alice", "secret")), "yes ok", "{}", daemon.log());
}
