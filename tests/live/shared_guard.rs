//! One guard for all who ask a daemon, by what the directory sees of their guesses.

use std::thread;

use ldap_fixtures::samba::{self, Samba};
use ldap_fixtures::slapd::{BASE, Slapd};

use crate::daemon::Daemon;
use crate::load::expect;
use crate::samba::guarded;
use crate::support::Answer::{CannotTell, No, Yes};
use crate::support::{Adapter, Framing};
use crate::{Lookup, site};

const ALICE: &str = "uid=alice,ou=people,dc=example,dc=com";

const RELAYS: usize = 16;
const HTTP_CLIENTS: usize = 8;
const NATIVE_CLIENTS: usize = 2;
/// So many different wrong passwords does each of them try.
const GUESSES: usize = 20;

/// Everybody guesses at once at one account, and nobody is let in.
fn attack(daemon: &Daemon, user: &str) {
    thread::scope(|scope| {
        for relay in 0..RELAYS {
            scope.spawn(move || {
                let site = daemon.relay("ejabberd");
                let mut adapter = Adapter::start(&site, Framing::Packet);
                for guess in 0..GUESSES {
                    adapter.send(&format!("auth:{user}:example.com:Relay.{relay}.{guess}"));
                }
                for _ in 0..GUESSES {
                    assert!(matches!(adapter.answer(), No | CannotTell), "{}", adapter.log());
                }
            });
        }
        for client in 0..HTTP_CLIENTS {
            scope.spawn(move || {
                for guess in 0..GUESSES {
                    let told = daemon.check_password(user, &format!("Http.{client}.{guess}"));
                    assert_ne!(told, "true");
                }
            });
        }
        for client in 0..NATIVE_CLIENTS {
            scope.spawn(move || {
                let mut native = daemon.native();
                for guess in 1..=GUESSES {
                    native.send(guess, "auth", user, &format!("Native.{client}.{guess}"));
                }
                for _ in 0..GUESSES {
                    let answer = native.hear();
                    assert!(
                        answer["verdict"] == "no" || answer["verdict"] == "unknown",
                        "{answer}"
                    );
                }
            });
        }
    });
}

#[test]
fn no_more_guesses_than_its_failures_reach_a_directory() {
    for threshold in [4, 5] {
        let slapd = Slapd::start().unwrap();
        let policy = format!("cn=default,ou=policies,{BASE}");
        slapd.replace(&policy, "pwdMaxFailure", &threshold.to_string()).unwrap();
        let failures = threshold - 1;
        let table = format!("[throttle]\nfailures = {failures}\n");
        let daemon = Daemon::start(site(&[&slapd.url()], Lookup::Search, "", &table));
        attack(&daemon, "alice");
        assert_eq!(slapd.binds(ALICE), failures, "{}", daemon.log());
        daemon.logs("too-many-failures");
        assert!(slapd.accepts(ALICE, "secret").unwrap());
    }
}

#[test]
fn a_domain_controller_locks_nobody() {
    let samba = Samba::start().unwrap();
    for (threshold, user) in [(4, "carol"), (5, "dave")] {
        samba.lock_at(threshold, 30).unwrap();
        let site = guarded(&samba, threshold - 1);
        let daemon = Daemon::start(site);
        attack(&daemon, user);
        daemon.logs("too-many-failures");
        let upn = format!("{user}@example.com");
        assert_eq!(samba.bind(&upn, samba::PASSWORD).unwrap(), Ok(()), "{threshold}");
    }
}

#[test]
fn a_password_that_is_set_through_one_listener_is_the_only_one_for_all() {
    let slapd = Slapd::start().unwrap();
    let table = "[cache]\nmode = \"ttl\"\ngood_for = \"10m\"\n[throttle]\nfailures = 10\n";
    let directory = "set_password = \"exop\"";
    let daemon = Daemon::start(site(&[&slapd.url()], Lookup::Search, directory, table));
    let relay = daemon.relay("ejabberd");
    let mut relays = [(); 2].map(|()| Adapter::start(&relay, Framing::Packet));
    let mut native = daemon.native();
    let tomorrows = "auth:bob:example.com:tomorrows";
    let secret = "auth:bob:example.com:secret";
    // Both are remembered: one that is right, and one that is wrong.
    for relay in &mut relays {
        expect(relay, secret, Yes);
        expect(relay, tomorrows, No);
    }
    assert_eq!(daemon.check_password("bob", "tomorrows"), "false");
    assert_eq!(native.ask("auth", "bob", "secret"), "yes");
    expect(&mut relays[0], "setpass:bob:example.com:tomorrows", Yes);
    expect(&mut relays[1], tomorrows, Yes);
    assert_eq!(daemon.check_password("bob", "tomorrows"), "true");
    assert_eq!(native.ask("auth", "bob", "tomorrows"), "yes");
    assert_eq!(daemon.check_password("bob", "secret"), "false");
    assert_eq!(native.ask("auth", "bob", "secret"), "no");
    for relay in &mut relays {
        expect(relay, secret, No);
        expect(relay, tomorrows, Yes);
    }
    // And back, through another one.
    assert_eq!(native.ask("setpass", "bob", "secret"), "yes");
    expect(&mut relays[0], secret, Yes);
    expect(&mut relays[1], tomorrows, No);
    assert_eq!(daemon.check_password("bob", "secret"), "true");
}
