//! Servers that answer what no server should: never a yes, never an end, never a hang.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ldap_fixtures::hostile::{Attack, Damaged, Hostile, Oddity, Step};

use crate::support::Answer::{CannotTell, No, Yes};
use crate::support::{Adapter, Framing, Site};
use crate::{Lookup, site};

/// Signs in to this server: a bind by name, or a search first.
fn against(server: &Hostile, step: Step) -> Site {
    let quick = "answer_within = \"1s\"\n---\n";
    match step {
        Step::Search => site(&[&server.url()], Lookup::Search, "", quick),
        Step::Bind => Site::new(&format!(
            "answer_within = \"1s\"\n[directory.corp]\nservers = [{:?}]\n\
             user_dn = \"uid={{localpart}},dc=x\"\n[domain.\"example.com\"]\ndirectory = \"corp\"\n",
            server.url()
        )),
    }
}

/// The resident memory of a process in KiB, without the files that it runs from.
fn memory(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn no_attack_yields_a_yes_or_ends_the_process() {
    std::thread::scope(|scope| {
        for (step, attack) in
            Step::ALL.into_iter().flat_map(|step| Attack::ALL.map(|attack| (step, attack)))
        {
            scope.spawn(move || {
                let server = Hostile::start(step, attack).unwrap();
                let site = against(&server, step);
                let mut adapter = Adapter::start(&site, Framing::Packet);
                let before = memory(adapter.id());
                for _ in 0..3 {
                    let started = Instant::now();
                    let answer = adapter.ask("auth:alice:example.com:wrong");
                    let is_just = match attack {
                        // The first of its two answers was a refusal.
                        Attack::UnaskedSuccess | Attack::EarlySuccess => {
                            matches!(answer, No | CannotTell)
                        }
                        // Words and names that are not read decide nothing; an entry's name is.
                        Attack::TextNotUtf8 => answer == Yes,
                        Attack::NameNotUtf8 if step == Step::Bind => answer == Yes,
                        _ => answer == CannotTell,
                    };
                    assert!(is_just, "{step:?} {attack:?}: {answer:?}\n{}", adapter.log());
                    assert!(started.elapsed() < Duration::from_secs(20), "{step:?} {attack:?}");
                }
                let grown = memory(adapter.id()).saturating_sub(before);
                assert!(grown < 16 * 1024, "{step:?} {attack:?} took {grown} KiB");
                let log = adapter.log();
                assert!(!log.contains("defect"), "{step:?} {attack:?}: {log}");
                assert!(server.answered() > 0, "{step:?} {attack:?} was never made");
                let (_, status) = adapter.finish();
                assert!(status.success(), "{step:?} {attack:?}");
            });
        }
    });
}

#[test]
fn odd_answers_to_a_search_mean_what_they_say() {
    for (oddity, expected) in Oddity::ALL.map(|oddity| {
        let expected = match oddity {
            // References are never chased, and never taken for entries.
            Oddity::Reference => Yes,
            Oddity::TwoEntries | Oddity::SizeLimit | Oddity::Referral | Oddity::Busy => CannotTell,
        };
        (oddity, expected)
    }) {
        let server = Hostile::odd(oddity).unwrap();
        let site = against(&server, Step::Search);
        let mut adapter = Adapter::start(&site, Framing::Packet);
        for _ in 0..3 {
            let answer = adapter.ask("isuser:alice:example.com");
            assert_eq!(answer, expected, "{oddity:?}: {}", adapter.log());
        }
    }
}

/// How many damaged answers of each kind are tried, by so many processes at once: most of the time
/// they wait for what the damage has taken away.
const DAMAGED: usize = 100;
const AT_ONCE: u64 = 6;

#[test]
fn damaged_answers_grant_only_what_a_well_formed_success_among_them_grants() {
    let seed = std::env::var("HOSTILE_SEED")
        .map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
    eprintln!("HOSTILE_SEED={seed}");
    // For the damage of user binds, and of password changes.
    let taken = [AtomicUsize::new(0), AtomicUsize::new(0)];
    std::thread::scope(|scope| {
        for (damaged, number) in
            Damaged::ALL.into_iter().flat_map(|damaged| (0..AT_ONCE).map(move |n| (damaged, n)))
        {
            let taken = &taken;
            scope.spawn(move || {
                let server = Hostile::damaging(damaged, seed.wrapping_add(number)).unwrap();
                let quick = "answer_within = \"250ms\"\n---\n[throttle]\nenabled = false";
                let set = "set_password = \"exop\"";
                let site = site(&[&server.url()], Lookup::Search, set, quick);
                let mut granted = 0;
                while server.answered() < DAMAGED {
                    // A process of its own, before this one has learned to leave the server alone.
                    let adapter = Adapter::start(&site, Framing::Packet);
                    converse(adapter, &server, &mut granted);
                }
                match damaged {
                    Damaged::UserBind => taken[0].fetch_add(granted, Ordering::SeqCst),
                    Damaged::PasswordChange => taken[1].fetch_add(granted, Ordering::SeqCst),
                    _ => 0,
                };
            });
        }
    });
    // Damage can leave a success whole, and then it is one.
    assert!(taken.iter().all(|taken| taken.load(Ordering::SeqCst) > 0), "{taken:?}");
}

/// Asks for as long as damaged answers come of it.
fn converse(mut adapter: Adapter, server: &Hostile, yes: &mut usize) {
    loop {
        let answered = server.answered();
        for request in [
            "auth:alice:example.com:wrong",
            "isuser:alice:example.com",
            "setpass:alice:example.com:new",
        ] {
            let granted = server.granted();
            let answer = adapter.ask(request);
            let new = server.granted() - granted;
            if answer == Yes && !request.starts_with("isuser") {
                assert!(new > 0, "{request}: {}", adapter.log());
                *yes += 1;
            }
        }
        if server.answered() == answered || answered >= DAMAGED {
            break;
        }
    }
    let log = adapter.log();
    assert!(!log.contains("defect"), "{log}");
    let (rest, status) = adapter.finish();
    assert!(rest.is_empty() && status.success(), "{log}");
}
