//! Several servers, some of which fail: no wrong answer, no lost reply, and "cannot tell" only where
//! nobody could have told in time.

use std::time::{Duration, Instant};

use ldap_fixtures::hostile::{Attack, Hostile, Step};
use ldap_fixtures::network::Network;
use ldap_fixtures::proxy::{Fault, Proxy, Unreachable};
use ldap_fixtures::slapd::{BASE, Slapd};

use crate::load::{MIX, RIGHT, UNGUARDED, expect, expect_mix, right_until, send_mix};
use crate::support::Answer::{CannotTell, No, Yes};
use crate::support::{Adapter, Framing, PATIENCE, Site};
use crate::{Lookup, site};

const ALICE: &str = "uid=alice,ou=people,dc=example,dc=com";
const WRONG: &str = "auth:alice:example.com:wrong";

/// The patience of the hastier caller for both of them.
const FOUR_SECONDS: &str = "answer_within = \"4s\"\n---\n[throttle]\nenabled = false";

fn binds(slapd: &Slapd) -> usize {
    slapd.binds(ALICE)
}

/// The client connections that are open, but for those of other programs.
fn open_connections(slapd: &Slapd) -> usize {
    let log = slapd.log();
    log.matches(" ACCEPT from IP=").count() - log.matches(" closed").count()
}

/// A site with servers in groups; `top` is for the top of the file.
fn grouped(top: &str, groups: &[&[&str]]) -> Site {
    let site = site(&["ldap://replaced"], Lookup::Search, "", &format!("{top}---\n{UNGUARDED}"));
    let config = std::fs::read_to_string(site.config()).unwrap();
    let one = "servers = [\"ldap://replaced\"]";
    assert!(config.contains(one));
    site.write("config.toml", &config.replace(one, &format!("servers = {groups:?}")));
    site
}

#[test]
fn a_first_server_that_is_a_black_hole_costs_the_first_sign_in_little_and_the_others_nothing() {
    for framing in Framing::BOTH {
        let (black_hole, slapd) = (Unreachable::start().unwrap(), Slapd::start().unwrap());
        // A yes is one within this time; it would be up before the black hole was given up.
        let within = "answer_within = \"1500ms\"\n---\n";
        let patient = "connect_within = \"1490ms\"";
        let site = site(&[&black_hole.url(), &slapd.url()], Lookup::Search, patient, within);
        let mut adapter = Adapter::start(&site, framing);
        expect(&mut adapter, RIGHT, Yes);
        let started = Instant::now();
        for _ in 0..50 {
            expect(&mut adapter, RIGHT, Yes);
        }
        // Waiting for the black hole each time would take ten times as long.
        assert!(started.elapsed() < Duration::from_millis(50 * 300 / 10), "{}", adapter.log());
    }
}

#[test]
fn a_server_that_accepts_and_never_answers_is_left_for_the_next() {
    for framing in Framing::BOTH {
        let slapds = [Slapd::start().unwrap(), Slapd::start().unwrap()];
        let mute = Proxy::start(slapds[0].address()).unwrap();
        mute.set(Fault::BlackHole);
        let site = site(&[&mute.url(), &slapds[1].url()], Lookup::Search, "", FOUR_SECONDS);
        let mut adapter = Adapter::start(&site, framing);
        for (request, expected) in MIX {
            expect(&mut adapter, request, expected);
        }
        // The same when it falls silent later.
        mute.set(Fault::None);
        right_until(&mut adapter, "back at the first", || binds(&slapds[0]) > 0);
        mute.set(Fault::BlackHole);
        for (request, expected) in MIX {
            expect(&mut adapter, request, expected);
        }
    }
}

#[test]
fn a_server_that_is_busy_or_unavailable_is_left_for_the_next() {
    const BUSY: u8 = 51;
    const UNAVAILABLE: u8 = 52;
    for (step, code) in Step::ALL.into_iter().flat_map(|step| [(step, BUSY), (step, UNAVAILABLE)]) {
        let (server, slapd) = (Hostile::saying(step, code).unwrap(), Slapd::start().unwrap());
        let site = site(&[&server.url(), &slapd.url()], Lookup::Search, "", UNGUARDED);
        let mut adapter = Adapter::start(&site, Framing::Packet);
        for _ in 0..3 {
            expect(&mut adapter, RIGHT, Yes);
            expect(&mut adapter, "isuser:alice:example.com", Yes);
        }
        if step == Step::Bind {
            // This server takes every bind for right where it can.
            expect(&mut adapter, WRONG, No);
        }
        assert!(server.answered() > 0, "{step:?} {code} was never said");
    }
}

#[test]
fn a_server_that_answers_garbage_is_left_for_the_next() {
    std::thread::scope(|scope| {
        for (step, attack) in
            Step::ALL.into_iter().flat_map(|step| Attack::ALL.map(|attack| (step, attack)))
        {
            // Its first answer is a well-formed refusal, or what was searched is well-formed too;
            // words and names that are not UTF-8 are no fault of the server's.
            if matches!(
                attack,
                Attack::UnaskedSuccess
                    | Attack::EarlySuccess
                    | Attack::TextNotUtf8
                    | Attack::NameNotUtf8
            ) {
                continue;
            }
            scope.spawn(move || {
                let (server, slapd) =
                    (Hostile::start(step, attack).unwrap(), Slapd::start().unwrap());
                let site = site(&[&server.url(), &slapd.url()], Lookup::Search, "", FOUR_SECONDS);
                let mut adapter = Adapter::start(&site, Framing::Packet);
                for _ in 0..2 {
                    for request in [RIGHT, "isuser:alice:example.com"] {
                        let answer = adapter.ask(request);
                        assert_eq!(answer, Yes, "{step:?} {attack:?}: {}", adapter.log());
                    }
                }
                if step == Step::Bind {
                    expect(&mut adapter, WRONG, No);
                }
                assert!(server.answered() > 0, "{step:?} {attack:?} was never made");
            });
        }
    });
}

#[test]
fn a_server_that_hangs_up_on_a_password_is_not_given_it_again_and_again() {
    let server = Hostile::start(Step::Bind, Attack::CloseAtOnce).unwrap();
    let site = Site::new(&format!(
        "{UNGUARDED}\n[directory.corp]\nservers = [{:?}]\n\
         user_dn = \"uid={{localpart}},ou=people,dc=example,dc=com\"\n\
         [domain.\"example.com\"]\ndirectory = \"corp\"\n",
        server.url()
    ));
    let mut adapter = Adapter::start(&site, Framing::Packet);
    let requests = 8;
    for _ in 0..requests {
        adapter.send(RIGHT);
    }
    for _ in 0..requests {
        assert_eq!(adapter.answer(), CannotTell, "{}", adapter.log());
    }
    let binds = server.user_binds();
    assert!((1..=2 * requests).contains(&binds), "{binds} binds as a user");
}

#[test]
fn a_refusal_is_the_last_word_although_there_are_other_servers() {
    let slapds = [(); 3].map(|()| Slapd::start().unwrap());
    let urls = slapds.each_ref().map(Slapd::url);
    let site = grouped("", &[&[&*urls[0], &*urls[1]], &[&*urls[2]]]);
    let mut adapter = Adapter::start(&site, Framing::Packet);
    for round in 1..=4 {
        expect(&mut adapter, WRONG, No);
        assert_eq!(slapds.iter().map(binds).sum::<usize>(), round);
    }
}

#[test]
fn connections_that_a_firewall_has_forgotten_are_noticed_in_time() {
    for framing in Framing::BOTH {
        Network::within(|network| {
            let slapds = [Slapd::start().unwrap(), Slapd::start().unwrap()];
            // One alone, which comes back, and one that another stands in for.
            for servers in [&slapds[..1], &slapds[..]] {
                let urls: Vec<String> = servers.iter().map(Slapd::url).collect();
                let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
                let site = site(&urls, Lookup::Search, "", UNGUARDED);
                let mut adapter = Adapter::start(&site, framing);
                send_mix(&mut adapter, 4);
                expect_mix(&mut adapter, 4);
                network.drop_packets(servers[0].address().port()).unwrap();
                send_mix(&mut adapter, 4);
                if servers.len() == 1 {
                    // Long enough for the kernel to give the connections up.
                    assert!(adapter.is_silent_for(Duration::from_millis(1500)));
                    network.heal().unwrap();
                }
                expect_mix(&mut adapter, 4);
                if servers.len() > 1 {
                    network.heal().unwrap();
                }
            }
        })
        .unwrap();
    }
}

#[test]
fn connections_that_a_middlebox_swallows_are_replaced() {
    let slapds = [Slapd::start().unwrap(), Slapd::start().unwrap()];
    let proxy = Proxy::start(slapds[0].address()).unwrap();
    let site = site(&[&proxy.url(), &slapds[1].url()], Lookup::Search, "", FOUR_SECONDS);
    let mut adapter = Adapter::start(&site, Framing::Packet);
    for round in 0..3 {
        if round > 0 {
            // Only connections that were idle are swallowed. A bind on one that was used a moment ago
            // is waited for, because it may be under way.
            std::thread::sleep(Duration::from_millis(5100));
        }
        // It acknowledges what it swallows, so that the kernel sees nothing.
        proxy.set(Fault::DropIdle);
        send_mix(&mut adapter, 4);
        expect_mix(&mut adapter, 4);
        let before = binds(&slapds[0]);
        right_until(&mut adapter, "back at the first", || binds(&slapds[0]) > before);
    }
}

#[test]
fn a_restart_under_load_is_bridged_by_waiting_where_there_is_one_server() {
    for framing in Framing::BOTH {
        let mut slapd = Slapd::start().unwrap();
        let site = site(&[&slapd.url()], Lookup::Search, "", UNGUARDED);
        let mut adapter = Adapter::start(&site, framing);
        for kill in [false, true, false, true] {
            send_mix(&mut adapter, 100);
            if kill {
                slapd.kill();
            }
            slapd.restart().unwrap();
            send_mix(&mut adapter, 20);
            expect_mix(&mut adapter, 120);
        }
    }
}

#[test]
fn the_end_of_a_server_under_load_is_bridged_by_the_next() {
    for framing in Framing::BOTH {
        let mut slapds = [Slapd::start().unwrap(), Slapd::start().unwrap()];
        let site = site(&[&slapds[0].url(), &slapds[1].url()], Lookup::Search, "", UNGUARDED);
        let mut adapter = Adapter::start(&site, framing);
        for down in [0, 1, 0, 1] {
            send_mix(&mut adapter, 100);
            slapds[down].kill();
            send_mix(&mut adapter, 20);
            expect_mix(&mut adapter, 120);
            slapds[down].restart().unwrap();
            // Before the other goes down, this one must be known to be back.
            let before = binds(&slapds[0]);
            right_until(&mut adapter, "back at the first", || binds(&slapds[0]) > before);
        }
    }
}

#[test]
fn a_server_that_is_replaced_behind_its_name_is_asked_in_the_place_of_the_old_one() {
    let (old, new) = (Slapd::start().unwrap(), Slapd::start().unwrap());
    new.change(&format!(
        "dn: uid=newcomer,ou=people,{BASE}\nchangetype: add\nobjectClass: inetOrgPerson\n\
         uid: newcomer\ncn: n\nsn: n\nuserPassword: secret\n"
    ))
    .unwrap();
    let proxy = Proxy::start(old.address()).unwrap();
    let site = site(&[&proxy.url()], Lookup::Search, "", UNGUARDED);
    let mut adapter = Adapter::start(&site, Framing::Packet);
    expect(&mut adapter, "isuser:newcomer:example.com", No);
    send_mix(&mut adapter, 30);
    proxy.lead_to(new.address());
    proxy.reset_all();
    send_mix(&mut adapter, 30);
    expect_mix(&mut adapter, 60);
    expect(&mut adapter, "auth:newcomer:example.com:secret", Yes);
    expect(&mut adapter, "isuser:newcomer:example.com", Yes);
}

#[test]
fn a_group_shares_the_work_and_the_next_group_stands_by() {
    let mut slapds = [(); 3].map(|()| Slapd::start().unwrap());
    let urls = slapds.each_ref().map(Slapd::url);
    let site = grouped("", &[&[&*urls[0], &*urls[1]], &[&*urls[2]]]);
    let mut adapter = Adapter::start(&site, Framing::Packet);
    right_until(&mut adapter, "shared", || {
        slapds[..2].iter().all(|slapd| open_connections(slapd) > 0)
    });
    assert_eq!(binds(&slapds[2]), 0);
    slapds[0].stop();
    for _ in 0..5 {
        send_mix(&mut adapter, 4);
        expect_mix(&mut adapter, 4);
    }
    assert_eq!(binds(&slapds[2]), 0, "one of the first group is enough");
    slapds[1].stop();
    send_mix(&mut adapter, 4);
    expect_mix(&mut adapter, 4);
    assert!(binds(&slapds[2]) > 0);
    // Its turn is over when any of the first is back.
    slapds[1].restart().unwrap();
    let (first, stand_by) = slapds.split_at(2);
    let before = binds(&first[1]);
    right_until(&mut adapter, "back in the first group", || binds(&first[1]) > before);
    right_until(&mut adapter, "done with the second group", || open_connections(&stand_by[0]) == 0);
    let used = binds(&stand_by[0]);
    send_mix(&mut adapter, 10);
    expect_mix(&mut adapter, 10);
    assert_eq!(binds(&stand_by[0]), used);
}

#[test]
fn an_outage_is_waited_for_first_and_told_at_once_later() {
    for framing in Framing::BOTH {
        let mut slapd = Slapd::start().unwrap();
        let site = site(&[&slapd.url()], Lookup::Search, "", "answer_within = \"3s\"\n---\n");
        let mut adapter = Adapter::start(&site, framing);
        expect(&mut adapter, RIGHT, Yes);
        slapd.kill();
        adapter.send(RIGHT);
        slapd.restart().unwrap();
        assert_eq!(adapter.answer(), Yes, "{}", adapter.log());
        slapd.stop();
        let outage = crate::cases::outage(framing);
        let started = Instant::now();
        loop {
            let asked = Instant::now();
            expect(&mut adapter, RIGHT, outage);
            // Not what is left of a deadline.
            if asked.elapsed() < Duration::from_millis(100) {
                break;
            }
            assert!(started.elapsed() < PATIENCE, "every answer took long: {}", adapter.log());
        }
        slapd.restart().unwrap();
        let started = Instant::now();
        while adapter.ask(RIGHT) != Yes {
            assert!(started.elapsed() < PATIENCE, "{}", adapter.log());
        }
        adapter.logs("the directory cannot answer");
        adapter.logs("the directory answers again");
    }
}
