//! The lock-out guard and the caches, by what the directory sees of them.

use std::time::{Duration, Instant};

use ldap_fixtures::proxy::{Fault, Proxy};
use ldap_fixtures::slapd::{BASE, Options, Slapd, WRITER_DN};

use crate::cases::outage;
use crate::load::expect;
use crate::support::Answer::{CannotTell, No, Yes};
use crate::support::{Adapter, Answer, Framing, PATIENCE, Site};
use crate::{Lookup, site};

const ALICE: &str = "uid=alice,ou=people,dc=example,dc=com";

/// The fixtures' policy lets nobody in with a password that an administrator has set.
const LENIENT: &str = "must_change_password = \"allow\"";

fn sign_in(user: &str, password: &str) -> String {
    format!("auth:{user}:example.com:{password}")
}

/// How many binds as the seed's user there were.
fn binds(slapd: &Slapd, user: &str) -> usize {
    slapd.binds(&format!("uid={user},ou=people,{BASE}"))
}

/// Asks with a password that is wrong; whether the directory was asked, or the guard kept it away.
#[track_caller]
fn guess(adapter: &mut Adapter, framing: Framing, user: &str, password: &str) {
    let answer = adapter.ask(&sign_in(user, password));
    assert!(answer == No || answer == outage(framing), "{answer:?}: {}", adapter.log());
}

mod guard {
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
        let bases = format!(
            "user_filter = \"(uid={{localpart}})\"\nbase = [\"{BASE}\", \"ou=people,{BASE}\"]"
        );
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
}

mod credentials {
    use ldap_fixtures::samba::{self, Samba};

    use super::*;

    const TTL: &str = "[cache]\nmode = \"ttl\"\ngood_for = \"10m\"";
    const STALE: &str = "[cache]\nmode = \"stale-if-unavailable\"\ngood_for = \"10m\"";

    fn cached(slapd: &Slapd, directory: &str, table: &str, framing: Framing) -> (Site, Adapter) {
        let site = site(
            &[&slapd.url()],
            Lookup::Search,
            directory,
            &format!("answer_within = \"2s\"\n---\n{table}"),
        );
        let adapter = Adapter::start(&site, framing);
        (site, adapter)
    }

    #[test]
    fn a_young_success_is_not_proved_again_and_a_refusal_forgets_it() {
        let slapd = Slapd::start().unwrap();
        let (_site, mut adapter) = cached(&slapd, LENIENT, TTL, Framing::Packet);
        for _ in 0..5 {
            expect(&mut adapter, &sign_in("alice", "secret"), Yes);
        }
        assert_eq!(binds(&slapd, "alice"), 1);
        // Another password is the directory's to judge, even while one is remembered.
        expect(&mut adapter, &sign_in("alice", "wrong"), No);
        assert_eq!(binds(&slapd, "alice"), 2);
        expect(&mut adapter, &sign_in("alice", "secret"), Yes);
        assert_eq!(binds(&slapd, "alice"), 3);
        // A password that was changed elsewhere is learned at once.
        slapd.replace(ALICE, "userPassword", "changed").unwrap();
        expect(&mut adapter, &sign_in("alice", "changed"), Yes);
        expect(&mut adapter, &sign_in("alice", "secret"), No);
    }

    #[test]
    fn what_is_too_old_is_proved_again() {
        let slapd = Slapd::start().unwrap();
        let table = "[cache]\nmode = \"ttl\"\ngood_for = \"300ms\"";
        let (_site, mut adapter) = cached(&slapd, "", table, Framing::Packet);
        let started = Instant::now();
        while binds(&slapd, "alice") < 2 {
            assert!(started.elapsed() < PATIENCE);
            expect(&mut adapter, &sign_in("alice", "secret"), Yes);
        }
        assert!(started.elapsed() >= Duration::from_millis(300));
    }

    #[test]
    fn a_changed_password_ends_the_old_one_at_once() {
        for (table, framing) in [TTL, STALE].into_iter().zip(Framing::BOTH) {
            let mut slapd = Slapd::start().unwrap();
            let (_site, mut adapter) = cached(&slapd, "set_password = \"exop\"", table, framing);
            expect(&mut adapter, &sign_in("bob", "secret"), Yes);
            expect(&mut adapter, "setpass:bob:example.com:new", Yes);
            if table == STALE {
                slapd.stop();
                assert_ne!(adapter.ask(&sign_in("bob", "secret")), Yes, "{}", adapter.log());
                slapd.restart().unwrap();
            }
            expect_eventually(&mut adapter, &sign_in("bob", "secret"), No);
            expect(&mut adapter, &sign_in("bob", "new"), Yes);
        }
    }

    /// Asks until it is answered otherwise than by "cannot tell".
    #[track_caller]
    fn expect_eventually(adapter: &mut Adapter, request: &str, expected: Answer) {
        let started = Instant::now();
        loop {
            match adapter.ask(request) {
                CannotTell if started.elapsed() < PATIENCE => {}
                answer => return assert_eq!(answer, expected, "{request}: {}", adapter.log()),
            }
        }
    }

    #[test]
    fn openldap_locks_or_deletes_an_account_that_is_remembered() {
        let slapd = Slapd::start().unwrap();
        let states = "account_state = [\"openldap\"]";
        let (_site, mut adapter) = cached(&slapd, states, TTL, Framing::Packet);
        for user in ["alice", "bob"] {
            expect(&mut adapter, &sign_in(user, "secret"), Yes);
        }
        slapd.replace(ALICE, "pwdAccountLockedTime", "000001010000Z").unwrap();
        slapd.delete(&format!("uid=bob,ou=people,{BASE}")).unwrap();
        for user in ["alice", "bob"] {
            expect(&mut adapter, &sign_in(user, "secret"), No);
        }
        adapter.logs("reason=\"account-locked\"");
        adapter.logs("reason=\"unknown-user\"");
    }

    #[test]
    fn a_member_that_leaves_the_group_is_not_let_in_from_memory() {
        let slapd = Slapd::start().unwrap();
        let group = format!("cn=chat,ou=groups,{BASE}");
        let rule = format!("require_group = \"{group}\"");
        let (_site, mut adapter) = cached(&slapd, &rule, TTL, Framing::Packet);
        expect(&mut adapter, &sign_in("alice", "secret"), Yes);
        slapd.replace(&group, "member", &format!("uid=bob,ou=people,{BASE}")).unwrap();
        expect(&mut adapter, &sign_in("alice", "secret"), No);
        adapter.logs("reason=\"not-in-group\"");
    }

    #[test]
    fn active_directory_disables_an_account_that_is_remembered() {
        let samba = Samba::start().unwrap();
        let site = Site::new(&format!(
            "[directory.corp]\npreset = \"samba\"\nservers = [\"{}\"]\nbase = \"{}\"\n\
             bind_dn = \"{}\"\nbind_password_file = \"{{dir}}/password\"\n\
             [directory.corp.tls]\nca_file = {:?}\n{TTL}\n\
             [domain.\"example.com\"]\ndirectory = \"corp\"\n",
            samba.ldaps_url(),
            samba::BASE,
            samba::READER,
            samba.ca()
        ));
        site.secret("password", samba::SERVICE_PASSWORD);
        let mut adapter = Adapter::start(&site, Framing::Packet);
        expect(&mut adapter, &sign_in("dave", samba::PASSWORD), Yes);
        samba.disable("dave").unwrap();
        expect(&mut adapter, &sign_in("dave", samba::PASSWORD), No);
        adapter.logs("reason=\"account-disabled\"");
    }

    #[test]
    fn an_outage_is_bridged_for_who_was_let_in_and_for_nobody_else() {
        for framing in Framing::BOTH {
            let mut slapd = Slapd::start().unwrap();
            let (_site, mut adapter) = cached(&slapd, "", STALE, framing);
            let outage = outage(framing);
            expect(&mut adapter, &sign_in("alice", "secret"), Yes);
            expect(&mut adapter, &sign_in("alice", "secret"), Yes);
            // While it can be asked, it is.
            assert_eq!(binds(&slapd, "alice"), 2);
            expect(&mut adapter, "isuser:alice:example.com", Yes);
            expect(&mut adapter, "isuser:bob:example.com", Yes);
            expect(&mut adapter, "isuser:nobody:example.com", No);
            slapd.stop();
            for request in ["auth:alice:example.com:secret", "isuser:alice:example.com"] {
                expect(&mut adapter, request, Yes);
            }
            expect(&mut adapter, "isuser:bob:example.com", Yes);
            for request in [
                "auth:alice:example.com:wrong",
                "auth:bob:example.com:secret",
                "auth:nobody:example.com:secret",
                "isuser:nobody:example.com",
                "isuser:carol:example.com",
            ] {
                expect(&mut adapter, request, outage);
            }
            // What nobody could judge was not held against alice.
            expect(&mut adapter, &sign_in("alice", "secret"), Yes);
            adapter.logs("remembered, because");
        }
    }

    #[test]
    fn a_refusal_after_an_outage_wins_over_what_is_remembered() {
        let mut slapd = Slapd::start().unwrap();
        let (_site, mut adapter) = cached(&slapd, "", STALE, Framing::Packet);
        expect(&mut adapter, &sign_in("alice", "secret"), Yes);
        expect(&mut adapter, "isuser:alice:example.com", Yes);
        slapd.stop();
        expect(&mut adapter, &sign_in("alice", "secret"), Yes);
        slapd.restart().unwrap();
        slapd.delete(ALICE).unwrap();
        // While the outage is remembered, so is she.
        let started = Instant::now();
        while adapter.ask(&sign_in("alice", "secret")) == Yes {
            assert!(started.elapsed() < PATIENCE, "{}", adapter.log());
        }
        expect(&mut adapter, "isuser:alice:example.com", No);
        slapd.stop();
        expect(&mut adapter, &sign_in("alice", "secret"), CannotTell);
        expect(&mut adapter, "isuser:alice:example.com", CannotTell);
    }

    #[test]
    fn who_does_not_exist_any_more_does_not_sign_in_from_memory() {
        let mut slapd = Slapd::start().unwrap();
        let (_site, mut adapter) = cached(&slapd, "", STALE, Framing::Packet);
        expect(&mut adapter, &sign_in("alice", "secret"), Yes);
        slapd.delete(ALICE).unwrap();
        expect(&mut adapter, "isuser:alice:example.com", No);
        slapd.stop();
        expect(&mut adapter, &sign_in("alice", "secret"), CannotTell);
    }

    #[test]
    fn an_answer_that_helps_nobody_is_no_outage() {
        let slapd = Slapd::start().unwrap();
        let (_site, mut adapter) = cached(&slapd, "", STALE, Framing::Packet);
        expect(&mut adapter, &sign_in("alice", "secret"), Yes);
        slapd
            .change(&format!(
                "dn: cn=another,{BASE}\nchangetype: add\nobjectClass: inetOrgPerson\n\
                 uid: alice\ncn: another\nsn: a\nuserPassword: other\n"
            ))
            .unwrap();
        expect(&mut adapter, &sign_in("alice", "secret"), CannotTell);
        expect(&mut adapter, "isuser:alice:example.com", CannotTell);
    }

    #[test]
    fn a_refused_password_is_forgotten_although_the_name_cannot_be_looked_up_again() {
        let mut slapd = Slapd::start().unwrap();
        let table = format!("{STALE}\ndn_ttl = \"10m\"");
        let (_site, mut adapter) = cached(&slapd, "account_state = []", &table, Framing::Packet);
        expect(&mut adapter, &sign_in("alice", "secret"), Yes);
        slapd.set_password(ALICE, "changed").unwrap();
        slapd.set_password(WRITER_DN, "changed").unwrap();
        slapd.restart().unwrap();
        expect(&mut adapter, &sign_in("alice", "secret"), CannotTell);
        slapd.stop();
        expect(&mut adapter, &sign_in("alice", "secret"), CannotTell);
    }

    #[test]
    fn nothing_is_remembered_by_default() {
        let mut slapd = Slapd::start().unwrap();
        let (_site, mut adapter) = cached(&slapd, "", "", Framing::Packet);
        for _ in 0..3 {
            expect(&mut adapter, &sign_in("alice", "secret"), Yes);
        }
        assert_eq!(binds(&slapd, "alice"), 3);
        expect(&mut adapter, "isuser:alice:example.com", Yes);
        slapd.stop();
        expect(&mut adapter, &sign_in("alice", "secret"), CannotTell);
        expect(&mut adapter, "isuser:alice:example.com", CannotTell);
    }
}

mod names {
    use super::*;

    fn remembering(slapd: &Slapd) -> (Site, Adapter) {
        let site = site(&[&slapd.url()], Lookup::Search, "", "[cache]\ndn_ttl = \"10m\"");
        let adapter = Adapter::start(&site, Framing::Packet);
        (site, adapter)
    }

    #[test]
    fn a_second_sign_in_needs_no_search() {
        let slapd = Slapd::start().unwrap();
        let (_site, mut adapter) = remembering(&slapd);
        for _ in 0..5 {
            expect(&mut adapter, &sign_in("alice", "secret"), Yes);
        }
        assert_eq!((slapd.searches(BASE), binds(&slapd, "alice")), (1, 5));
        // A wrong password may be due to another name of the entry, but it has the same.
        expect(&mut adapter, &sign_in("alice", "wrong"), No);
        assert_eq!((slapd.searches(BASE), binds(&slapd, "alice")), (2, 6));
    }

    #[test]
    fn a_renamed_entry_is_found_by_one_more_search() {
        let slapd = Slapd::start().unwrap();
        let (_site, mut adapter) = remembering(&slapd);
        expect(&mut adapter, &sign_in("alice", "secret"), Yes);
        slapd.rename(ALICE, "cn=renamed").unwrap();
        for _ in 0..3 {
            expect(&mut adapter, &sign_in("alice", "secret"), Yes);
        }
        assert_eq!(slapd.searches(BASE), 2);
        assert_eq!(binds(&slapd, "alice"), 2);
        assert_eq!(slapd.binds(&format!("cn=renamed,ou=people,{BASE}")), 3);
    }

    #[test]
    fn an_entry_that_is_gone_is_nobodys() {
        let slapd = Slapd::start().unwrap();
        let (_site, mut adapter) = remembering(&slapd);
        expect(&mut adapter, &sign_in("alice", "secret"), Yes);
        slapd.delete(ALICE).unwrap();
        for _ in 0..2 {
            expect(&mut adapter, &sign_in("alice", "secret"), No);
        }
        adapter.logs("reason=\"unknown-user\"");
        assert_eq!(binds(&slapd, "alice"), 2);
    }
}
