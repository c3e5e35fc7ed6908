//! What a real daemon never does, or not when a test wants it.

mod lost;

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::net::UnixStream;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use ldap_fixtures::component::{Call, Component, Place};
use ldap_fixtures::process::wait_until;
use ldap_fixtures::prosody::{Prosody, Version};
use ldap_fixtures::scripted::{Daemon, Step};
use ldap_fixtures::stream::Stream;
use ldap_fixtures::xmpp::Outcome;
use serde_json::Value;
use socket2::{Domain, SockAddr, Socket, Type};
use tempfile::TempDir;

use super::{SUCCESS, UNAVAILABLE, WRONG, assert_begins, is_in_step, prosody_with, sign_in};
use crate::support::{PATIENCE, wait_for_words};

struct Stage {
    prosody: Prosody,
    component: Component,
    directory: TempDir,
}

impl Stage {
    fn start(version: Version, timeout: u32) -> Self {
        Self::with(version, &format!("xmpp_ldap_timeout = {timeout}"))
    }

    fn with(version: Version, options: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let prosody = prosody_with(version, &directory.path().join("socket"), options);
        let component = prosody.component().unwrap();
        Self { prosody, component, directory }
    }

    fn daemon(
        &self,
        script: impl Fn(usize, &Value) -> Vec<Step> + Send + Sync + 'static,
    ) -> Daemon {
        Daemon::start(&self.directory.path().join("socket"), script).unwrap()
    }

    fn call(&mut self, name: &str, from: Place, user: &str, password: &str) -> Call {
        self.component.call(name, from, user, password).unwrap()
    }

    fn wait(&mut self, call: Call) -> String {
        self.component.wait(call).unwrap()
    }

    fn ask(&mut self, name: &str, from: Place, user: &str, password: &str) -> String {
        self.component.ask(name, from, user, password).unwrap()
    }

    fn sign_in(&mut self, user: &str, password: &str) -> String {
        sign_in(&mut self.component, user, password)
    }

    #[track_caller]
    fn is_in_step(&mut self) {
        is_in_step(&mut self.component);
    }

    #[track_caller]
    fn logs(&self, words: &str) {
        wait_for_words(words, || self.prosody.log());
    }
}

/// What everybody's daemon says: the password is "secret", there is no "nobody", and nothing is
/// answered about those who are called "held".
fn judge(message: &Value) -> Vec<Step> {
    let text = |key: &str| message.get(key).and_then(Value::as_str).unwrap_or_default();
    if message.get("hello").is_some() {
        return vec![Step::hello()];
    }
    let is_right = match text("verb") {
        "isuser" => text("user") != "nobody",
        "auth" => text("password") == "secret",
        "setpass" => text("password") != "short",
        _ => return vec![],
    };
    if text("user").starts_with("held") {
        return vec![];
    }
    vec![Step::answer(message, if is_right { "yes" } else { "no" })]
}

#[test]
fn a_slow_answer_holds_nobody_else_up() {
    for version in Version::ALL {
        let stage = Stage::start(version, 10);
        let _daemon =
            stage.daemon(|_, message| match message.get("user").and_then(Value::as_str) {
                Some("slow") => {
                    let verdict = if message["password"] == "secret" { "yes" } else { "no" };
                    vec![Step::later(Duration::from_secs(3), message, verdict)]
                }
                _ => judge(message),
            });
        let port = stage.prosody.port();
        let login = move |user: &str, password: &str| {
            let mut stream = Stream::open(port).unwrap();
            let start = Instant::now();
            (stream.sign_in(user, password).unwrap(), start.elapsed())
        };
        let refused = Outcome::NotSignedIn("not-authorized".to_owned());
        let mut other = Stream::open(port).unwrap();
        assert_eq!(other.sign_in("carol", "secret").unwrap(), Outcome::Success);
        thread::scope(|scope| {
            let right = scope.spawn(|| login("slow", "secret"));
            let wrong = scope.spawn(|| login("slow", "wrong"));
            while !right.is_finished() || !wrong.is_finished() {
                let (ping, (alice, alice_took)) = (other.ping().unwrap(), login("alice", "secret"));
                assert_eq!(alice, Outcome::Success);
                assert!(ping.max(alice_took) < Duration::from_secs(2), "{ping:?} {alice_took:?}");
                assert_eq!(login("bob", "wrong").0, refused);
            }
            for (slow, expected) in [(right, Outcome::Success), (wrong, refused.clone())] {
                let (outcome, took) = slow.join().unwrap();
                assert_eq!(outcome, expected);
                assert!(took >= Duration::from_secs(3), "{took:?}");
            }
        });
    }
}

#[test]
fn a_late_answer_reaches_nobody() {
    for version in Version::ALL {
        let mut stage = Stage::start(version, 1);
        let daemon = stage.daemon(|_, message| match message.get("user").and_then(Value::as_str) {
            Some("late") => vec![Step::later(Duration::from_millis(1500), message, "yes")],
            _ => judge(message),
        });
        stage.is_in_step();
        let late = stage.call("sign_in", Place::Runner, "late", "secret");
        let start = Instant::now();
        stage.is_in_step();
        assert_begins(&stage.wait(late), UNAVAILABLE);
        assert!(start.elapsed() > Duration::from_millis(900));
        // Whoever waits when it comes gets an answer of their own.
        let held = stage.call("sign_in", Place::Runner, "held", "wrong");
        stage.logs("nobody waited for it any more, 1 so far");
        stage.is_in_step();
        assert_begins(&stage.wait(held), UNAVAILABLE);
        let received = daemon.received();
        assert!(received.iter().all(|(connection, _)| *connection == 1), "{received:?}");
        let (_, request) = received.iter().find(|(_, line)| line["user"] == "late").unwrap();
        assert_eq!(request["within_ms"], 500);
        assert!(received.iter().any(|(_, line)| line["cancel"] == request["id"]), "{received:?}");
    }
}

#[test]
fn odd_answers_are_taken_for_what_they_say() {
    for version in Version::ALL {
        let mut stage = Stage::start(version, 1);
        let daemon = stage.daemon(|_, message| {
            let user = message.get("user").and_then(Value::as_str).unwrap_or_default();
            let id = message.get("id").unwrap_or(&Value::Null);
            let text = match user {
                "maybe" => format!("{{\"id\":{id},\"verdict\":\"maybe\"}}"),
                "none" => format!("{{\"id\":{id}}}"),
                "true" => format!("{{\"id\":{id},\"verdict\":true}}"),
                "closing" => {
                    format!("{{\"id\":{id},\"verdict\":\"unknown\",\"reason\":\"closing\"}}")
                }
                "more" => {
                    format!("{{\"new\":[{{}}],\"id\":{id},\"verdict\":\"yes\",\"reason\":7}}")
                }
                "float" => format!("{{\"id\":{id}.0,\"verdict\":\"yes\"}}"),
                "twice" => format!(
                    "{{\"id\":{id},\"verdict\":\"no\"}}\n{{\"id\":{id},\"verdict\":\"yes\"}}"
                ),
                // Answers to others, and to nobody.
                "other" => "{\"id\":1,\"verdict\":\"yes\"}\n{\"id\":\"1\",\"verdict\":\"yes\"}\n\
                            {\"id\":-1,\"verdict\":\"yes\"}\n{\"id\":1e999,\"verdict\":\"yes\"}\n\
                            {\"id\":null,\"verdict\":\"yes\"}\n{\"verdict\":\"yes\"}\n{}"
                    .to_owned(),
                _ => return judge(message),
            };
            vec![Step::Write(text + "\n")]
        });
        for (user, expected) in [
            ("maybe", UNAVAILABLE),
            ("none", UNAVAILABLE),
            ("true", UNAVAILABLE),
            ("closing", UNAVAILABLE),
            ("more", SUCCESS),
            ("float", SUCCESS),
            ("twice", WRONG),
            ("other", UNAVAILABLE),
        ] {
            assert_begins(&stage.sign_in(user, "wrong"), expected);
        }
        stage.is_in_step();
        assert_eq!(daemon.connections(), 1);
    }
}

#[test]
fn who_has_not_greeted_says_yes_to_nobody_whatever_comes_before() {
    for version in Version::ALL {
        let mut stage = Stage::start(version, 1);
        let _daemon = stage.daemon(|_, message| match message.get("hello") {
            Some(_) => vec![Step::Write("{\"bye\":1}\n".to_owned())],
            None => vec![Step::answer(message, "yes")],
        });
        assert_begins(&stage.sign_in("alice", "wrong"), UNAVAILABLE);
    }
}

#[test]
fn options_that_cannot_be_used_keep_nobody_out_or_waiting() {
    for version in Version::ALL {
        for timeout in ["\"10s\"", "0/0", "{}"] {
            let mut stage = Stage::with(version, &format!("xmpp_ldap_timeout = {timeout}"));
            let _daemon = stage.daemon(|_, message| judge(message));
            stage.is_in_step();
            stage.logs("xmpp_ldap_timeout is no number from 1 to 3600");
        }
        let mut stage = Stage::with(version, "xmpp_ldap_socket = {}");
        assert_begins(&stage.sign_in("alice", "secret"), UNAVAILABLE);
        stage.logs("xmpp_ldap_socket is no absolute path");
    }
}

#[test]
fn what_no_password_is_stays_here() {
    for version in Version::ALL {
        let mut stage = Stage::start(version, 5);
        let daemon = stage.daemon(|_, message| judge(message));
        for password in [
            "x\nauth:alice:example.com:secret",
            "x\n{\"id\":1,\"verb\":\"auth\",\"user\":\"alice\",\"password\":\"secret\"}",
            "\r\n",
            "tab\t",
            "delete\u{7f}",
            "next line\u{85}",
            "\u{9f}",
            "",
            &"\\".repeat(200_001),
        ] {
            let said = stage.ask("set_password", Place::Runner, "alice", password);
            assert_eq!(said, "nil malformed", "{password:.40?}");
        }
        assert_eq!(stage.ask("user_exists", Place::Stanza, "al\nice", ""), "false");
        assert_eq!(
            stage.ask("test_password", Place::Runner, "al\u{80}ice", "secret"),
            "nil malformed"
        );
        assert!(daemon.received().is_empty());
        // What looks like more than it is arrives as it is.
        for password in ["}\n".trim(), "\"},{\"", "\\u0000\\n", "ü\u{2028}€😀", " both ends "]
        {
            assert_eq!(stage.ask("set_password", Place::Runner, "alice", password), "true nil");
            let received = daemon.received();
            assert_eq!(received.last().unwrap().1["password"], password);
        }
        assert_eq!(stage.ask("set_password", Place::Runner, "alice", "short"), "nil scripted");
        stage.is_in_step();
    }
}

#[test]
fn no_user_has_more_than_a_share() {
    for version in Version::ALL {
        let mut stage = Stage::start(version, 2);
        let daemon = stage.daemon(|_, message| judge(message));
        let ask = |stage: &mut Stage, name: &str, user: &str| {
            let call = |_| stage.call(name, Place::Runner, user, "secret");
            (0..20).map(call).collect::<Vec<_>>()
        };
        let mut calls = ask(&mut stage, "sign_in", "held");
        // Who is over it is told at once, and it is nobody else's.
        for call in calls.split_off(8) {
            assert_begins(&stage.wait(call), UNAVAILABLE);
        }
        let asked = |verb: &str| {
            let received = daemon.received();
            received.iter().filter(|(_, line)| line["verb"] == verb).count()
        };
        let are_asked = |verb: &str, count| {
            wait_until("a share", PATIENCE, || asked(verb) >= count).unwrap();
            assert_eq!(asked(verb), count);
        };
        are_asked("auth", 8);
        assert_eq!(ask(&mut stage, "user_exists", "held").len(), 20);
        stage.is_in_step();
        are_asked("isuser", 8);
        for call in calls {
            assert_begins(&stage.wait(call), UNAVAILABLE);
        }
        // Whose place is free again is asked for.
        calls = ask(&mut stage, "sign_in", "held");
        wait_until("the next", PATIENCE, || asked("auth") == 8 + 4 + 8).unwrap();
        for call in calls {
            assert_begins(&stage.wait(call), UNAVAILABLE);
        }
    }
}

#[test]
fn nothing_outlives_the_module_when_it_is_loaded_anew() {
    for version in Version::ALL {
        let mut stage = Stage::start(version, 10);
        let daemon = stage.daemon(|_, message| judge(message));
        let start = Instant::now();
        let held: Vec<_> =
            (0..3).map(|_| stage.call("sign_in", Place::Runner, "held", "secret")).collect();
        wait_until("the requests", PATIENCE, || daemon.received().len() == 4).unwrap();
        assert_eq!(stage.ask("reload", Place::Stanza, "auth_xmpp_ldap", ""), "true");
        for call in held {
            assert_begins(&stage.wait(call), UNAVAILABLE);
        }
        assert!(start.elapsed() < Duration::from_secs(9));
        wait_until("the end of the connection", PATIENCE, || daemon.connections() == 0).unwrap();
        let cancels = daemon.received().iter().filter(|(_, line)| line["cancel"].is_u64()).count();
        assert_eq!(cancels, 3);
        stage.is_in_step();
        // A client that was there before.
        let said = stage.ask("sign_in_after_reload", Place::Runner, "alice", "secret");
        assert_begins(&said, SUCCESS);
        assert!(!stage.prosody.log().contains("raceback"), "{}", stage.prosody.log());
    }
}

#[test]
fn every_answer_is_its_own_requests() {
    for version in Version::ALL {
        let mut stage = Stage::start(version, 2);
        // Right and wrong by the password, in any order, and some not at all or too late.
        let random = Mutex::new(fastrand::Rng::with_seed(7));
        let _daemon = stage.daemon(move |_, message| {
            if message.get("hello").is_some() {
                return vec![Step::hello()];
            }
            let mut random = random.lock().unwrap();
            let right = format!("right {}", message["user"].as_str().unwrap_or_default());
            let verdict = if message["password"] == right.as_str() { "yes" } else { "no" };
            match random.u32(..100) {
                0 => vec![Step::HangUp],
                1..3 => vec![],
                3..10 => vec![Step::later(Duration::from_millis(2100), message, verdict)],
                _ => {
                    let after = Duration::from_millis(random.u64(..300));
                    vec![Step::later(after, message, verdict)]
                }
            }
        });
        let (mut known, mut unknown) = (0, 0);
        for round in 0..2 {
            let calls: Vec<_> = (0..150)
                .map(|number| {
                    let user = format!("user{round}x{number}");
                    let is_right = number % 2 == 0;
                    let password = if is_right { format!("right {user}") } else { "x".to_owned() };
                    (is_right, stage.call("sign_in", Place::Runner, &user, &password))
                })
                .collect();
            for (is_right, call) in calls {
                let said = stage.wait(call);
                match said.split(' ').nth(1) {
                    Some("temporary-auth-failure") => unknown += 1,
                    _ => {
                        assert_begins(&said, if is_right { SUCCESS } else { WRONG });
                        known += 1;
                    }
                }
            }
        }
        assert!(!stage.prosody.log().contains("right user"));
        assert!(known > 100 && unknown > 5, "{known} {unknown}");
    }
}
