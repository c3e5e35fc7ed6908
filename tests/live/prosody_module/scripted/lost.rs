//! A daemon that hangs, goes, or is none.

use std::collections::BTreeSet;

use super::*;

#[test]
fn a_daemon_that_hangs_is_given_up_and_a_full_window_says_so() {
    for version in Version::ALL {
        let mut stage = Stage::start(version, 2);
        let daemon = stage.daemon(|_, message| judge(message));
        stage.is_in_step();
        let held: Vec<_> = (0..256)
            .map(|number| stage.call("sign_in", Place::Runner, &format!("held{number}"), "secret"))
            .collect();
        let start = Instant::now();
        assert_begins(&stage.sign_in("alice", "secret"), UNAVAILABLE);
        assert!(start.elapsed() < Duration::from_secs(2));
        for call in held {
            assert_begins(&stage.wait(call), UNAVAILABLE);
        }
        stage.logs("too many");
        stage.is_in_step();
        // Three deadlines in a row were missed.
        wait_until("the end of the first connection", PATIENCE, || daemon.connections() == 1)
            .unwrap();
        let received = daemon.received();
        assert!(received.iter().any(|(connection, _)| *connection == 2), "{received:?}");
        // All that was open there was given up.
        let of = |key: &str, connection: usize| {
            let lines = received.iter().filter(|(on, _)| *on == connection);
            lines.filter_map(|(_, line)| line.get(key)?.as_u64()).collect::<BTreeSet<_>>()
        };
        let held = received.iter().filter(|(_, line)| {
            line.get("user").and_then(Value::as_str).is_some_and(|user| user.starts_with("held"))
        });
        assert_eq!(held.count(), 128);
        assert!(of("cancel", 1).len() >= 124 && of("cancel", 1).is_subset(&of("id", 1)));
    }
}

#[test]
fn who_asks_when_a_loss_is_seen_is_asked_for_anew() {
    for version in Version::ALL {
        let mut stage = Stage::start(version, 5);
        let daemon = stage.daemon(|_, message| match message.get("user").and_then(Value::as_str) {
            Some("cut") => vec![Step::HangUp],
            _ => judge(message),
        });
        stage.is_in_step();
        let file = stage.directory.path().join("lost");
        let path = file.to_str().unwrap();
        let call = stage.call("sign_in_after_loss", Place::Runner, "alice", path);
        wait_until("the loss", PATIENCE, || daemon.connections() == 0).unwrap();
        fs::write(&file, "").unwrap();
        assert_begins(&stage.wait(call), SUCCESS);
        stage.is_in_step();
        assert!(!stage.prosody.log().contains("raceback"), "{}", stage.prosody.log());
    }
}

#[test]
fn what_is_no_daemon_of_this_version_signs_nobody_in() {
    let says = |text: &str| {
        let text = text.to_owned();
        move |_: usize, message: &Value| match message.get("hello") {
            Some(_) => vec![Step::Write(text.clone())],
            None => vec![Step::answer(message, "yes")],
        }
    };
    // What it says to our hello, and the words of the log.
    let cases = [
        ("{\"error\":\"version\"}\n", "another version"),
        ("{\"hello\":2}\n", "another version"),
        ("{\"hello\":\"1\"}\n", "another version"),
        ("{\"id\":1,\"verdict\":\"yes\"}\n{\"id\":2,\"verdict\":\"yes\"}\n", "no daemon"),
        ("220 mail.example.com ESMTP\n", "no JSON"),
        ("\0\0\0\u{fffd}\n\n\n", "no JSON"),
        ("1\n", "no JSON"),
        ("true\n", "no JSON"),
        ("[[[[[[[[[[\n", "no JSON"),
        ("[]\n", "no daemon"),
        ("null\n", "no daemon"),
        (&"x".repeat(10_000), "no end"),
        (&"[".repeat(4000), "no JSON"),
    ];
    for version in Version::ALL {
        let mut stage = Stage::start(version, 1);
        for (said, words) in cases {
            let before = stage.prosody.log().len();
            let daemon = stage.daemon(says(said));
            for user in ["alice", "bob"] {
                assert_begins(&stage.sign_in(user, "wrong"), UNAVAILABLE);
            }
            drop(daemon);
            stage.logs(words);
            let news = stage.prosody.log().split_off(before);
            assert!(news.matches("Nobody can be looked up").count() <= 1, "{said:?}: {news}");
            assert!(!news.contains("raceback"), "{said:?}: {news}");
        }
        let _daemon = stage.daemon(|_, message| judge(message));
        stage.is_in_step();
        stage.logs("can be looked up at");
    }
}

#[test]
fn no_password_goes_to_a_socket_that_is_a_strangers_or_full() {
    for version in Version::ALL {
        let mut stage = Stage::start(version, 5);
        let socket = stage.directory.path().join("socket");
        let daemon = stage.daemon(|_, message| judge(message));
        chown(&socket, Some(65_534), None).unwrap();
        let start = Instant::now();
        assert_begins(&stage.sign_in("alice", "secret"), UNAVAILABLE);
        stage.logs("a stranger's, of the uid 65534");
        assert!(daemon.received().is_empty());
        drop(daemon);
        // Nobody accepts here, and no more can wait.
        let listener = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        listener.bind(&SockAddr::unix(&socket).unwrap()).unwrap();
        listener.listen(0).unwrap();
        let _waiting = UnixStream::connect(&socket).unwrap();
        assert_begins(&stage.sign_in("alice", "secret"), UNAVAILABLE);
        assert!(start.elapsed() < Duration::from_secs(5));
        drop(listener);
        fs::remove_file(&socket).unwrap();
        let _daemon = stage.daemon(|_, message| judge(message));
        stage.is_in_step();
    }
}

#[test]
fn a_daemon_that_goes_answers_what_is_open_and_a_new_one_the_rest() {
    for version in Version::ALL {
        let mut stage = Stage::start(version, 10);
        let daemon = stage.daemon(|connection, message| {
            let mut steps = judge(message);
            match message.get("user").and_then(Value::as_str) {
                Some("slow") => {
                    steps = vec![Step::later(Duration::from_millis(300), message, "no")];
                }
                Some("last") => steps.insert(0, Step::Write("{\"bye\":1}\n".to_owned())),
                Some("refused") => {
                    steps = vec![Step::Write("{\"error\":\"line\"}\n".to_owned()), Step::HangUp];
                }
                Some("cut") => steps = vec![Step::Write("{\"id\":".to_owned()), Step::HangUp],
                Some("alice") => {
                    // The number tells which connection was asked.
                    steps = vec![Step::answer(message, if connection == 2 { "yes" } else { "no" })];
                }
                _ => {}
            }
            steps
        });
        let slow = stage.call("sign_in", Place::Runner, "slow", "secret");
        assert_begins(&stage.sign_in("last", "secret"), SUCCESS);
        assert_begins(&stage.sign_in("alice", "secret"), SUCCESS);
        assert_begins(&stage.wait(slow), WRONG);
        wait_until("the end of the first connection", PATIENCE, || daemon.connections() == 1)
            .unwrap();
        assert_begins(&stage.sign_in("alice", "secret"), SUCCESS);
        // Lost with all that was open, at once.
        for user in ["refused", "cut"] {
            let start = Instant::now();
            let held = stage.call("sign_in", Place::Runner, "held", "secret");
            assert_begins(&stage.sign_in(user, "secret"), UNAVAILABLE);
            assert_begins(&stage.wait(held), UNAVAILABLE);
            assert!(start.elapsed() < Duration::from_secs(9));
            assert_begins(&stage.sign_in("carol", "secret"), SUCCESS);
            assert_begins(&stage.sign_in("bob", "wrong"), WRONG);
        }
        drop(daemon);
        let start = Instant::now();
        assert_begins(&stage.sign_in("carol", "secret"), UNAVAILABLE);
        assert!(start.elapsed() < Duration::from_secs(9));
    }
}

#[test]
fn who_cannot_wait_gets_the_last_known_answer() {
    for version in Version::ALL {
        let mut stage = Stage::start(version, 2);
        let socket = stage.directory.path().join("socket");
        let daemon = stage.daemon(|_, message| judge(message));
        for place in [Place::Stanza, Place::Timer] {
            assert_eq!(stage.ask("set_password", place, "alice", "new"), "nil try again");
            assert_eq!(stage.ask("test_password", place, "alice", "secret"), "nil try again");
            assert_begins(&stage.ask("sign_in", place, "alice", "secret"), UNAVAILABLE);
        }
        assert!(daemon.received().is_empty());
        // Nobody comes back before it is known that there is nobody.
        let asks = |user: &str| {
            let asked = daemon.received();
            asked.iter().filter(|(_, line)| line["user"] == user).count()
        };
        for place in [Place::Stanza, Place::Timer] {
            assert_eq!(stage.ask("user_exists", place, "alice", ""), "true");
        }
        assert!(!stage.component.bounces("nobody").unwrap());
        wait_until("what was asked behind", PATIENCE, || asks("nobody") > 0).unwrap();
        wait_until("its answer", PATIENCE, || stage.component.bounces("nobody").unwrap()).unwrap();
        assert_eq!(stage.ask("user_exists", Place::Timer, "nobody", ""), "false");
        assert!(!stage.component.bounces("bob").unwrap());
        // Who can wait does.
        assert_eq!(stage.ask("user_exists", Place::Runner, "nobody", ""), "false");
        assert_eq!(stage.ask("user_exists", Place::Runner, "carol", ""), "true");
        // However many nobody can wait for, there is room for those who wait.
        for number in 0..300 {
            let held = format!("held{number}");
            assert_eq!(stage.ask("user_exists", Place::Stanza, &held, ""), "true");
        }
        let start = Instant::now();
        stage.is_in_step();
        assert!(start.elapsed() < Duration::from_millis(1900));
        assert!(daemon.received().len() < 60);
        drop(daemon);
        for place in [Place::Stanza, Place::Timer, Place::Runner] {
            assert_eq!(stage.ask("user_exists", place, "nobody", ""), "false");
            assert_eq!(stage.ask("user_exists", place, "carol", ""), "true");
            assert_eq!(stage.ask("user_exists", place, "newcomer", ""), "true");
        }
        assert_begins(&stage.sign_in("carol", "secret"), UNAVAILABLE);
        assert!(!socket.exists());
    }
}
