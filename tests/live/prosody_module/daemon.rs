//! Real clients sign in through the real daemon.

use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use ldap_fixtures::component::Place;
use ldap_fixtures::process::{Process, wait_until};
use ldap_fixtures::prosody::{Prosody, Version};
use ldap_fixtures::proxy::{Fault, Proxy};
use ldap_fixtures::slapd::{Options, Slapd};
use ldap_fixtures::stream::Stream;
use ldap_fixtures::xmpp::{Client, Outcome};

use super::{UNAVAILABLE, assert_begins, is_in_step, prosody, sign_in};
use crate::cases::{own_password_only, refused};
use crate::support::{PATIENCE, Site};
use crate::{Lookup, site};

/// A Prosody that waits so many seconds for the daemon, which is not there yet.
struct Stage {
    prosody: Prosody,
    client: Client,
    proxy: Proxy,
    site: Site,
    _slapd: Slapd,
}

impl Stage {
    fn start(version: Version, timeout: u32) -> Self {
        let slapd = Options { users: 100, ..Options::default() }.start().unwrap();
        let proxy = Proxy::start(slapd.address()).unwrap();
        let site = site(
            &[&proxy.url()],
            Lookup::Search,
            "set_password = \"exop\"",
            "[listen.prosody]\nsocket = \"{dir}/prosody.sock\"\nverbs = [\"auth\", \"isuser\", \"setpass\"]\n[log]\ntarget = \"stderr\"\n",
        );
        let prosody = prosody(version, &site.path().join("prosody.sock"), timeout);
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
}

fn unavailable() -> Outcome {
    Outcome::NotSignedIn("temporary-auth-failure".to_owned())
}

#[test]
fn clients_sign_in_with_their_own_password_only() {
    for version in Version::ALL {
        let stage = Stage::start(version, 30);
        let daemon = stage.daemon();
        let log = || format!("{}\n{}", stage.prosody.log(), daemon.log());
        own_password_only(stage.client, ("pwspaces", " both ends "), log);
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
        let stage = Stage::start(version, 30);
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
        for log in [stage.prosody.log(), daemon.log()] {
            assert!(!log.contains("wörd") && !log.contains("owned"), "{log}");
        }
    }
}

#[test]
fn a_hundred_at_once_are_told_their_own_and_hold_nobody_up() {
    for version in Version::ALL {
        let stage = Stage::start(version, 30);
        let daemon = stage.daemon();
        stage.proxy.set(Fault::Delay(Duration::from_millis(20)));
        let port = stage.prosody.port();
        let mut other = Stream::open(port).unwrap();
        assert_eq!(other.sign_in("carol", "secret").unwrap(), Outcome::Success);
        let streams: Vec<_> = (0..100).map(|_| Stream::open(port).unwrap()).collect();
        let slowest_ping = thread::scope(|scope| {
            let clients: Vec<_> = (1..)
                .zip(streams)
                .map(|(number, mut stream)| {
                    let is_right = number % 2 == 0;
                    let password = if is_right { "secret" } else { "wrong" };
                    let sign_in = move || stream.sign_in(&format!("user{number:05}"), password);
                    (is_right, scope.spawn(sign_in))
                })
                .collect();
            let mut slowest = Duration::ZERO;
            while clients.iter().any(|(_, client)| !client.is_finished()) {
                slowest = slowest.max(other.ping().unwrap());
            }
            for (is_right, client) in clients {
                let expected = if is_right { Outcome::Success } else { refused() };
                let outcome = client.join().unwrap().unwrap();
                assert_eq!(outcome, expected, "{}\n{}", daemon.log(), stage.prosody.log());
            }
            slowest
        });
        assert!(slowest_ping < Duration::from_secs(2), "{slowest_ping:?}");
    }
}

#[test]
fn a_daemon_that_is_absent_hangs_or_dies_is_told_from_a_wrong_password() {
    for version in Version::ALL {
        let stage = Stage::start(version, 6);
        assert_eq!(stage.login("alice", "secret"), unavailable());
        let mut component = stage.prosody.component().unwrap();
        let mut daemon = stage.daemon();
        is_in_step(&mut component);
        // Hangs, also with a request that it has not read.
        daemon.pause();
        let start = Instant::now();
        assert_begins(&sign_in(&mut component, "alice", "secret"), UNAVAILABLE);
        assert!(start.elapsed() > Duration::from_secs(5));
        daemon.resume();
        is_in_step(&mut component);
        // Dies with a request under way, and is gone for a while.
        stage.proxy.set(Fault::Delay(Duration::from_secs(5)));
        stage.proxy.forget_received();
        let start = Instant::now();
        let lost = component.call("sign_in", Place::Runner, "alice", "secret").unwrap();
        wait_until("the request", PATIENCE, || stage.proxy.has_received(b"alice")).unwrap();
        daemon.kill();
        assert_begins(&component.wait(lost).unwrap(), UNAVAILABLE);
        assert_begins(&sign_in(&mut component, "bob", "wrong"), UNAVAILABLE);
        assert!(start.elapsed() < Duration::from_secs(5));
        stage.proxy.set(Fault::None);
        // Comes back, and is replaced.
        daemon = stage.daemon();
        is_in_step(&mut component);
        daemon.terminate();
        daemon = stage.daemon();
        is_in_step(&mut component);
        daemon.kill();
        let _daemon = stage.daemon();
        is_in_step(&mut component);
        assert_eq!(stage.login("alice", "secret"), Outcome::Success);
        assert!(!stage.prosody.log().contains("raceback"), "{}", stage.prosody.log());
    }
}
