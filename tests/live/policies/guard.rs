//! The lock-out guard.

use ldap_fixtures::samba::{self, Samba};

use super::*;
use crate::samba::guarded;

#[test]
fn a_phone_with_yesterdays_password_reaches_the_directory_once() {
    for framing in Framing::BOTH {
        let slapd = Slapd::start().unwrap();
        let site = site(&[&slapd.url()], Lookup::Search, "", "");
        let mut adapter = Adapter::start(&site, framing);
        for _ in 0..50 {
            expect(&mut adapter, &sign_in("alice", "yesterdays"), No);
        }
        assert_eq!(binds(&slapd, "alice"), 1);
        adapter.logs("the same password was refused");
        assert!(!adapter.log().contains("yesterdays"));
        expect(&mut adapter, &sign_in("alice", "secret"), Yes);
        assert!(slapd.accepts(ALICE, "secret").unwrap());
    }
}

#[test]
fn without_the_guard_that_phone_locks_the_account() {
    let slapd = Slapd::start().unwrap();
    let site = site(&[&slapd.url()], Lookup::Search, "", "[throttle]\nenabled = false");
    let mut adapter = Adapter::start(&site, Framing::Packet);
    for _ in 0..50 {
        expect(&mut adapter, &sign_in("alice", "yesterdays"), No);
    }
    assert_eq!(binds(&slapd, "alice"), 50);
    expect(&mut adapter, &sign_in("alice", "secret"), No);
    adapter.logs("reason=\"account-locked\"");
}

#[test]
fn guesses_reach_the_directory_less_often_than_would_lock_the_account() {
    for framing in Framing::BOTH {
        for at_once in [false, true] {
            let slapd = Slapd::start().unwrap();
            let site = site(&[&slapd.url()], Lookup::Search, "", "");
            let mut adapter = Adapter::start(&site, framing);
            for attempt in 0..40 {
                let guess = format!("guess-{attempt}");
                match at_once {
                    true => adapter.send(&sign_in("alice", &guess)),
                    false => super::guess(&mut adapter, framing, "alice", &guess),
                }
            }
            for _ in 0..if at_once { 40 } else { 0 } {
                let answer = adapter.answer();
                assert!(answer == No || answer == outage(framing), "{answer:?}");
            }
            adapter.logs("verdict=\"unavailable\" reason=\"too-many-failures\"");
            assert_eq!(binds(&slapd, "alice"), 3, "{framing:?}, at once: {at_once}");
            assert!(slapd.accepts(ALICE, "secret").unwrap());
        }
    }
}

/// The fixtures' policy locks at five, and never forgets a failure.
#[test]
fn an_attack_that_goes_on_does_not_lock_the_account_either() {
    let slapd = Slapd::start().unwrap();
    let site = site(&[&slapd.url()], Lookup::Search, "", "");
    let mut adapter = Adapter::start(&site, Framing::Packet);
    let started = Instant::now();
    for attempt in 0.. {
        guess(&mut adapter, Framing::Packet, "alice", &format!("guess-{attempt}"));
        guess(&mut adapter, Framing::Packet, "alice", "yesterdays");
        if started.elapsed() > Duration::from_secs(70) {
            break;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(binds(&slapd, "alice"), 3);
    assert!(slapd.accepts(ALICE, "secret").unwrap());
}

#[test]
fn a_domain_controller_locks_nobody_where_failures_is_below_its_threshold() {
    let samba = Samba::start().unwrap();
    for (threshold, user) in [(3, "bob"), (4, "carol"), (5, "dave")] {
        samba.lock_at(threshold, 30).unwrap();
        let site = guarded(&samba, threshold - 1);
        let probed = site.command().arg("probe").output().unwrap();
        let probed = String::from_utf8(probed.stdout).unwrap();
        let rule = format!("{threshold} wrong passwords within 30m lock an account");
        assert!(probed.contains(&rule), "{probed}");
        assert!(probed.contains("leaves room for 1 process"), "{probed}");
        let mut adapter = Adapter::start(&site, Framing::Packet);
        for attempt in 0..12 {
            guess(&mut adapter, Framing::Packet, user, &format!("Wrong.{attempt}"));
        }
        adapter.logs("reason=\"too-many-failures\"");
        let upn = format!("{user}@example.com");
        assert_eq!(samba.bind(&upn, samba::PASSWORD).unwrap(), Ok(()), "{threshold}");
    }
}

#[test]
fn a_refused_password_is_tried_at_no_other_server_and_below_no_other_base() {
    let servers = [Slapd::start().unwrap(), Slapd::start().unwrap()];
    let urls = [&*servers[0].url(), &*servers[1].url()];
    let bases =
        format!("user_filter = \"(uid={{localpart}})\"\nbase = [\"{BASE}\", \"ou=people,{BASE}\"]");
    let site = site(&urls, Lookup::Search, "", "");
    let config = std::fs::read_to_string(site.config()).unwrap();
    let found = format!("base = \"{BASE}\"\nuser_filter = \"(uid={{localpart}})\"");
    assert!(config.contains(&found));
    site.write("config.toml", &config.replace(&found, &bases));
    let mut adapter = Adapter::start(&site, Framing::Packet);
    for round in 1..=2 {
        expect(&mut adapter, &sign_in("alice", &format!("wrong-{round}")), No);
        assert_eq!(servers.iter().map(|slapd| binds(slapd, "alice")).sum::<usize>(), round);
    }
}

#[test]
fn identical_attempts_at_the_same_time_are_one_bind() {
    for framing in Framing::BOTH {
        for (password, expected) in [("secret", Yes), ("wrong", No)] {
            let slapd = Slapd::start().unwrap();
            let proxy = Proxy::start(slapd.address()).unwrap();
            // Long enough that all have come before the first is answered, and short enough for
            // three steps (the service account's bind, the search, the user's bind), of which one
            // may be held back twice, within the four seconds that Prosody waits.
            proxy.set(Fault::Delay(Duration::from_millis(700)));
            let site = site(&[&proxy.url()], Lookup::Name, "", "");
            let mut adapter = Adapter::start(&site, framing);
            let request = framing.frame(sign_in("alice", password).as_bytes());
            adapter.send_raw(&request.repeat(30));
            for _ in 0..30 {
                assert_eq!(adapter.answer(), expected, "{}", adapter.log());
            }
            assert_eq!(binds(&slapd, "alice"), 1, "{framing:?} {password}");
        }
    }
}

/// A site on which alice has several names.
fn many_names(slapd: &Slapd) -> Site {
    let site = site(&[&slapd.url()], Lookup::Search, "", "");
    let config = std::fs::read_to_string(site.config()).unwrap();
    let by_uid = "user_filter = \"(uid={localpart})\"";
    assert!(config.contains(by_uid));
    let config = config.replace(
        by_uid,
        "object_class = \"inetOrgPerson\"\nlogin_attributes = [\"uid\", \"mail\"]",
    );
    site.write("config.toml", &(config + "aliases = [\"alias.example\"]\n"));
    site
}

const NAMES: [&str; 5] = [
    "alice:example.com",
    "alice:EXAMPLE.com",
    "alice:alias.example",
    "alice\\40example.com:example.com",
    "alice\\40example.com:alias.example",
];

#[test]
fn each_spelling_of_a_name_signs_in_and_counts_for_one_account() {
    let slapd = Slapd::start().unwrap();
    let site = many_names(&slapd);
    let mut adapter = Adapter::start(&site, Framing::Packet);
    for name in NAMES {
        expect(&mut adapter, &format!("auth:{name}:secret"), Yes);
    }
    let before = binds(&slapd, "alice");
    for name in NAMES {
        expect(&mut adapter, &format!("auth:{name}:yesterdays"), No);
    }
    assert_eq!(binds(&slapd, "alice"), before + 1);
    for (attempt, name) in NAMES.iter().cycle().take(24).enumerate() {
        let answer = adapter.ask(&format!("auth:{name}:guess-{attempt}"));
        assert!(answer == No || answer == CannotTell, "{answer:?}");
    }
    // The third is kept for the password that was right.
    assert_eq!(binds(&slapd, "alice"), before + 2);
    assert!(slapd.accepts(ALICE, "secret").unwrap());
}

#[test]
fn a_budget_that_is_spent_is_free_again_after_a_quiet_window() {
    let slapd = Slapd::start().unwrap();
    let table = "[throttle]\nfailures = 2\nwithin = \"2s\"";
    let site = site(&[&slapd.url()], Lookup::Search, "", table);
    let mut adapter = Adapter::start(&site, Framing::Packet);
    for password in ["first", "second"] {
        expect(&mut adapter, &sign_in("alice", password), No);
    }
    let spent = Instant::now();
    for attempt in 0.. {
        guess(&mut adapter, Framing::Packet, "alice", &format!("guess-{attempt}"));
        if binds(&slapd, "alice") > 2 {
            break;
        }
        assert!(spent.elapsed() < PATIENCE, "no bind any more: {}", adapter.log());
    }
    assert!(spent.elapsed() >= Duration::from_millis(1900));
    adapter.logs("reason=\"too-many-failures\"");
}

#[test]
fn a_wrong_password_is_asked_again_when_its_time_is_over() {
    let slapd = Slapd::start().unwrap();
    let table = "[throttle]\nwithin = \"400ms\"";
    let site = site(&[&slapd.url()], Lookup::Search, LENIENT, table);
    let mut adapter = Adapter::start(&site, Framing::Packet);
    let started = Instant::now();
    expect(&mut adapter, &sign_in("alice", "tomorrows"), No);
    slapd.replace(ALICE, "userPassword", "tomorrows").unwrap();
    while adapter.ask(&sign_in("alice", "tomorrows")) == No {
        assert!(started.elapsed() < PATIENCE, "{}", adapter.log());
    }
    assert!(started.elapsed() >= Duration::from_millis(400));
    assert_eq!(binds(&slapd, "alice"), 2);
}

#[test]
fn a_domain_that_is_sprayed_is_told_of_once_and_nobody_is_refused() {
    let slapd = Options { users: 20, ..Options::default() }.start().unwrap();
    let site = site(&[&slapd.url()], Lookup::Search, "", "[throttle]\ndomain_failures = 4");
    let mut adapter = Adapter::start(&site, Framing::Packet);
    for number in 1..=20 {
        expect(&mut adapter, &sign_in(&format!("user{number:05}"), "spray"), No);
    }
    expect(&mut adapter, &sign_in("alice", "secret"), Yes);
    expect(&mut adapter, &sign_in("user00001", "secret"), Yes);
    adapter.logs("does somebody guess?");
    assert_eq!(adapter.log().matches("does somebody guess?").count(), 1);
}

#[test]
fn a_new_password_is_right_although_it_was_wrong_a_moment_ago() {
    for framing in Framing::BOTH {
        let slapd = Slapd::start().unwrap();
        let site = site(&[&slapd.url()], Lookup::Search, "set_password = \"exop\"", "");
        let mut adapter = Adapter::start(&site, framing);
        expect(&mut adapter, &sign_in("bob", "tomorrows"), No);
        expect(&mut adapter, "setpass:bob:example.com:tomorrows", Yes);
        expect(&mut adapter, &sign_in("bob", "tomorrows"), Yes);
        expect(&mut adapter, &sign_in("bob", "secret"), No);
    }
}
