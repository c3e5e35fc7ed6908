//! A real Prosody signs real clients in through the binary on lpty's terminal.
//!
//! The oracle in all of it: no reply ever belongs to another request. A wrong password that is let
//! in, or a right one that is refused without a cause, is a reply that was shifted.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use ldap_fixtures::process::wait_until;
use ldap_fixtures::prosody::{Authentication, Prosody, Version};
use ldap_fixtures::proxy::{Fault, Proxy};
use ldap_fixtures::slapd::Slapd;
use ldap_fixtures::xmpp::{Client, Outcome};
use rustix::process::Signal;

use crate::cases::{own_password_only, refused};
use crate::support::{Site, wait_for_words};
use crate::{Lookup, site};

struct Stage {
    slapd: Slapd,
    proxy: Proxy,
    prosody: Prosody,
    client: Client,
    site: Site,
}

/// Prosody that waits two seconds for a reply; the first request is spent.
fn stage() -> Stage {
    // Prosody passes no arguments, so that it is given what the README advises: two lines of shell.
    stage_by("exec \"$program\" --config {dir}/config.toml")
}

/// The same with another wrapper of the program.
fn stage_by(wrapper: &str) -> Stage {
    let slapd = Slapd::start().unwrap();
    let proxy = Proxy::start(slapd.address()).unwrap();
    let site = site(
        &[&proxy.url()],
        Lookup::Search,
        "set_password = \"exop\"",
        "caller_gives_up_after = \"2s\"\n---\n[log]\ntarget = \"file:{dir}/log\"\n",
    );
    let wrapper = write_wrapper(&site, wrapper);
    let prosody = Prosody::start(Version::V0_12, Authentication::Terminal(&wrapper, 2)).unwrap();
    let client = Client::new(prosody.port());
    let stage = Stage { slapd, proxy, prosody, client, site };
    assert_eq!(stage.login("alice", "secret"), refused());
    stage
}

/// Puts another wrapper into its place; one that runs goes on as it was.
fn write_wrapper(site: &Site, text: &str) -> PathBuf {
    let program = env!("CARGO_BIN_EXE_xmpp-ldap-auth");
    let new = site.write("new", &format!("#!/bin/sh\nprogram={program}\n{text}\n"));
    fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).unwrap();
    let wrapper = new.with_file_name("xmpp-auth");
    fs::rename(new, &wrapper).unwrap();
    wrapper
}

impl Stage {
    fn login(&self, user: &str, password: &str) -> Outcome {
        self.client.login(user, password).unwrap()
    }

    /// That wrong passwords are refused and right ones accepted, several times in turn.
    fn is_in_step(&self) {
        for (user, password, expected) in [
            ("bob", "wrong", refused()),
            ("alice", "secret", Outcome::Success),
            ("carol", "wrong", refused()),
            ("carol", "secret", Outcome::Success),
        ] {
            assert_eq!(
                self.login(user, password),
                expected,
                "{user} {password}\n{}\n{}",
                self.prosody.log(),
                self.log()
            );
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.site.path().join("log")).unwrap_or_default()
    }

    /// Waits for words in the log, which is written behind the reply.
    #[track_caller]
    fn logs(&self, words: &str) {
        wait_for_words(words, || self.log());
    }
}

#[test]
fn clients_sign_in_with_their_own_password_only() {
    let stage = stage();
    let log = || format!("{}\n{}", stage.prosody.log(), stage.log());
    own_password_only(stage.client, ("pwspaces", " both ends "), log);
    assert_eq!(stage.client.message("alice", "secret", "nobody").unwrap(), Outcome::Bounced);
    assert_eq!(stage.client.message("alice", "secret", "bob").unwrap(), Outcome::Success);
}

#[test]
fn the_first_request_after_a_start_shifts_nothing() {
    let mut stage = stage();
    for _ in 0..4 {
        stage.prosody.restart().unwrap();
        // Echoed or not, the first is lost, whoever asks; after it everything is in step.
        assert_eq!(stage.login("alice", "secret"), refused());
        stage.is_in_step();
    }
}

#[test]
fn a_slow_start_of_the_child_signs_nobody_else_in() {
    let program = "\"$program\" --config {dir}/config.toml";
    for slow in [format!("sleep 2.5\nexec {program}"), format!("sleep 2.5\n{program}\nexit $?")] {
        let stage = stage_by(&slow);
        for _ in 0..2 {
            // Prosody gives up after two seconds, and what it asks next comes while we still start.
            assert_eq!(stage.login("alice", "secret"), refused());
            assert_eq!(stage.login("bob", "wrong"), refused(), "{}", stage.log());
        }
        write_wrapper(&stage.site, &format!("sleep 0.5\nexec {program}"));
        // The slow one may still be on its way.
        std::thread::sleep(Duration::from_secs(3));
        let _ = stage.login("mallory", "wrong");
        stage.is_in_step();
    }
}

#[test]
fn a_late_answer_of_the_directory_reaches_nobody() {
    let stage = stage();
    stage.is_in_step();
    for _ in 0..2 {
        stage.proxy.set(Fault::Delay(Duration::from_secs(3)));
        assert_eq!(stage.login("alice", "secret"), refused());
        stage.proxy.set(Fault::None);
        stage.is_in_step();
        stage.proxy.set(Fault::BlackHole);
        assert_eq!(stage.login("alice", "secret"), refused());
        stage.proxy.set(Fault::None);
        stage.is_in_step();
    }
}

#[test]
fn a_child_that_was_stopped_too_long_answers_nobody() {
    let stage = stage();
    stage.is_in_step();
    for _ in 0..2 {
        assert!(stage.prosody.signal_child(Signal::STOP));
        assert_eq!(stage.login("alice", "secret"), refused());
        assert!(stage.prosody.signal_child(Signal::CONT));
        // Whether it had read the request or not when it was stopped: one more may fail.
        let _ = stage.login("mallory", "wrong");
        stage.is_in_step();
    }
}

#[test]
fn a_newline_in_a_new_password_forges_no_request() {
    let stage = stage();
    for injected in [
        "x\nauth:alice:example.com:secret",
        "x\nsetpass:bob:example.com:owned",
        "x\r\nisuser:alice:example.com",
        "\n\n\n",
        "x\nauth:alice:example.com:secret\nauth:alice:example.com:secret\nauth:alice:example.com:sec",
    ] {
        let change = stage.client.change_password("alice", "secret", injected).unwrap();
        assert!(matches!(change, Outcome::Refused(_)), "{injected:?}: {change:?}");
        stage.is_in_step();
        assert_eq!(stage.login("bob", "owned"), refused());
    }
    stage.logs("out-of-step");
}

#[test]
fn passwords_are_changed_and_refused_changes_change_nothing() {
    let stage = stage();
    let client = stage.client;
    assert_eq!(client.change_password("bob", "secret", "new:pass wörd").unwrap(), Outcome::Success);
    assert_eq!(stage.login("bob", "new:pass wörd"), Outcome::Success);
    assert_eq!(stage.login("bob", "secret"), refused());
    let change = client.change_password("erin", "secret", "short").unwrap();
    assert!(matches!(change, Outcome::Refused(_)), "{change:?}");
    assert_eq!(stage.login("erin", "short"), refused());
    assert_eq!(stage.login("erin", "secret"), Outcome::Success);
}

#[test]
fn a_child_that_ended_is_replaced_and_in_step() {
    let stage = stage();
    stage.is_in_step();
    for signal in [Signal::TERM, Signal::HUP] {
        assert!(stage.prosody.signal_child(signal));
        wait_until("the end of the child", Duration::from_secs(10), || {
            !stage.prosody.signal_child(Signal::INT)
        })
        .unwrap();
        stage.is_in_step();
    }
}

#[test]
fn an_outage_of_the_directory_ends_with_it() {
    let mut stage = stage();
    stage.is_in_step();
    stage.slapd.stop();
    assert_eq!(stage.login("alice", "secret"), refused());
    assert_eq!(stage.login("bob", "wrong"), refused());
    stage.slapd.restart().unwrap();
    stage.is_in_step();
}
