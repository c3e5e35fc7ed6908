//! Real clients sign in through the real daemon.

use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use ldap_fixtures::process::{Process, wait_until};
use ldap_fixtures::prosody::{Prosody, Version};
use ldap_fixtures::proxy::{Fault, Proxy};
use ldap_fixtures::slapd::{Options, Slapd};
use ldap_fixtures::xmpp::{Client, Job, Outcome};

use super::prosody;
use crate::support::{PATIENCE, Site};
use crate::{Lookup, site};

/// A Prosody that waits six seconds for the daemon, which is not there yet.
struct Stage {
    prosody: Prosody,
    client: Client,
    proxy: Proxy,
    site: Site,
    _slapd: Slapd,
}

impl Stage {
    fn start(version: Version) -> Self {
        let slapd = Options { users: 100, ..Options::default() }.start().unwrap();
        let proxy = Proxy::start(slapd.address()).unwrap();
        let site = site(
            &[&proxy.url()],
            Lookup::Search,
            "set_password = \"exop\"",
            "[listen.prosody]\nsocket = \"{dir}/prosody.sock\"\nverbs = [\"auth\", \"isuser\", \"setpass\"]\n",
        );
        let prosody = prosody(version, &site.path().join("prosody.sock"), 6);
        let client = Client::new(prosody.port());
        Self { prosody, client, proxy, site, _slapd: slapd }
    }

    fn daemon(&self) -> Process {
        let mut command = self.site.command();
        command.arg("daemon");
        let daemon = Process::spawn(command, &self.site.path().join("daemon.log")).unwrap();
        let socket = self.site.path().join("prosody.sock");
        let ready = wait_until("the daemon", PATIENCE, || UnixStream::connect(&socket).is_ok());
        assert!(ready.is_ok(), "{}", daemon.log());
        daemon
    }

    fn login(&self, user: &str, password: &str) -> Outcome {
        self.client.login(user, password).unwrap()
    }

    /// That wrong passwords are refused and right ones accepted, all at the same time.
    #[track_caller]
    fn is_in_step(&self) {
        let users =
            [("bob", "wrong"), ("alice", "secret"), ("carol", "wrong"), ("carol", "secret")];
        let outcomes = self.client.logins(&users).unwrap();
        assert_eq!(
            outcomes,
            [refused(), Outcome::Success, refused(), Outcome::Success],
            "{}",
            self.prosody.log()
        );
    }
}

fn refused() -> Outcome {
    Outcome::NotSignedIn("not-authorized".to_owned())
}

fn unavailable() -> Outcome {
    Outcome::NotSignedIn("temporary-auth-failure".to_owned())
}

#[test]
fn clients_sign_in_with_their_own_password_only() {
    for version in Version::ALL {
        let stage = Stage::start(version);
        let daemon = stage.daemon();
        let users = [
            ("alice", "secret"),
            ("alice", "wrong"),
            ("nobody", "secret"),
            ("dave", "secret"),
            ("jürgen", "secret"),
            ("pwcolons", "a:b::c:"),
            ("pwspecial", "*()\\,=+<>#;\"/"),
            ("pwspaces", " both ends "),
            ("pwemoji", "🔑😀"),
            ("st*r", "secret"),
            ("*", "secret"),
            ("a)(uid=*", "secret"),
        ];
        let outcomes = stage.client.logins(&users).unwrap();
        for (user, outcome) in users.iter().zip(outcomes) {
            let expected = match user {
                ("alice", "wrong") | ("nobody" | "dave" | "*", _) => refused(),
                _ => Outcome::Success,
            };
            assert_eq!(outcome, expected, "{user:?}: {}\n{}", stage.prosody.log(), daemon.log());
        }
        assert_eq!(stage.client.message("alice", "secret", "nobody").unwrap(), Outcome::Bounced);
        assert_eq!(stage.client.message("alice", "secret", "bob").unwrap(), Outcome::Success);
        let mut component = stage.prosody.component().unwrap();
        wait_until("what is known of nobody", PATIENCE, || component.bounces("nobody").unwrap())
            .unwrap();
        assert!(!component.bounces("carol").unwrap());
    }
}

#[test]
fn passwords_are_changed_or_stay_and_none_forges_a_request() {
    for version in Version::ALL {
        let stage = Stage::start(version);
        let daemon = stage.daemon();
        let client = stage.client;
        let changed = client.change_password("bob", "secret", "new:pass \"wörd\\").unwrap();
        assert_eq!(changed, Outcome::Success, "{}", daemon.log());
        let users = [("bob", "new:pass \"wörd\\"), ("bob", "secret")];
        assert_eq!(client.logins(&users).unwrap(), [Outcome::Success, refused()]);
        for injected in [
            "short",
            "x\nauth:alice:example.com:secret",
            "x\"}\n{\"id\":1,\"verb\":\"setpass\",\"user\":\"carol\",\"domain\":\"example.com\",\"password\":\"owned\"}",
            "tab\tinside",
        ] {
            let change = client.change_password("erin", "secret", injected).unwrap();
            assert!(matches!(change, Outcome::Refused(_)), "{injected:?}: {change:?}");
        }
        let users = [("erin", "short"), ("carol", "owned"), ("erin", "secret")];
        assert_eq!(client.logins(&users).unwrap(), [refused(), refused(), Outcome::Success]);
        stage.is_in_step();
        for log in [stage.prosody.log(), daemon.log()] {
            assert!(!log.contains("wörd") && !log.contains("owned"), "{log}");
        }
    }
}

#[test]
fn a_hundred_who_wait_hold_nobody_up() {
    for version in Version::ALL {
        let stage = Stage::start(version);
        let daemon = stage.daemon();
        stage.is_in_step();
        stage.proxy.set(Fault::Delay(Duration::from_millis(500)));
        let users: Vec<_> = (1..=100).map(|number| format!("user{number:05}")).collect();
        let mut jobs = vec![Job::Ping("carol", "secret", Duration::from_secs(4))];
        for (number, user) in users.iter().enumerate() {
            jobs.push(Job::Login(user, if number % 2 == 0 { "secret" } else { "wrong" }));
        }
        let results = stage.client.timed(&jobs).unwrap();
        let (ping, logins) = results.split_first().unwrap();
        assert_eq!(ping.0, Outcome::Success);
        assert!(ping.1 < Duration::from_secs(2), "{ping:?}");
        for (job, (outcome, _)) in jobs.iter().skip(1).zip(logins) {
            let expected = match job {
                Job::Login(_, "secret") => Outcome::Success,
                _ => refused(),
            };
            assert!(*outcome == expected || *outcome == unavailable(), "{job:?}: {outcome:?}");
        }
        let answered = logins.iter().filter(|(outcome, _)| *outcome != unavailable()).count();
        assert!(answered > 90, "{answered}: {}", daemon.log());
    }
}

#[test]
fn a_daemon_that_is_absent_hangs_or_dies_is_told_from_a_wrong_password() {
    for version in Version::ALL {
        let stage = Stage::start(version);
        let at_once = |user: &str, password: &str| {
            let start = Instant::now();
            assert_eq!(stage.login(user, password), unavailable(), "{}", stage.prosody.log());
            assert!(start.elapsed() < Duration::from_secs(5));
        };
        at_once("alice", "secret");
        let mut daemon = stage.daemon();
        stage.is_in_step();
        // Hangs, also with a request that it has not read.
        daemon.pause();
        assert_eq!(stage.login("alice", "secret"), unavailable());
        daemon.resume();
        stage.is_in_step();
        // Dies with a request under way, and is gone for a while.
        stage.proxy.set(Fault::BlackHole);
        let asked = || stage.prosody.log().matches("<auth ").count();
        let before = asked();
        std::thread::scope(|scope| {
            let lost = scope.spawn(|| at_once("alice", "secret"));
            wait_until("the request", PATIENCE, || asked() > before).unwrap();
            daemon.kill();
            lost.join().unwrap();
        });
        stage.proxy.set(Fault::None);
        at_once("bob", "wrong");
        // Comes back, and is replaced without a word.
        daemon = stage.daemon();
        stage.is_in_step();
        daemon.terminate();
        daemon = stage.daemon();
        stage.is_in_step();
        daemon.kill();
        daemon = stage.daemon();
        stage.is_in_step();
        drop(daemon);
        assert!(!stage.prosody.log().contains("raceback"), "{}", stage.prosody.log());
    }
}
