//! Which server is up, doubted or down, and which is probed when.

use super::*;
use crate::directory::diagnosis::Refusal;
use crate::result_code::{BUSY, OTHER};

const SECOND: Duration = Duration::from_secs(1);

fn health(servers: usize) -> (Health, Instant) {
    let health = Health::default();
    let now = Instant::now();
    health.set_servers(|_| true, servers, now);
    (health, now)
}

#[test]
fn a_server_that_fell_is_asked_again_ever_later() {
    let (health, mut now) = health(2);
    let a: ServerName = "a".into();
    let mut before = Duration::ZERO;
    for round in 0..8 {
        health.mark_down(&a, Trial::Answer, "", now);
        assert!(health.is_suspect("a") && !health.is_suspect("b"));
        let (due, next) = health.probe_due(now);
        assert!(due.is_empty());
        let pause = next.unwrap() - now;
        let (least, most) = (SECOND * 3 / 4, 40 * SECOND);
        assert!((least..most).contains(&pause), "{round}: {pause:?}");
        assert!(pause > before || pause > 20 * SECOND, "{round}: {pause:?} after {before:?}");
        before = pause;
        now = next.unwrap();
        assert_eq!(health.probe_due(now).0, [(Arc::clone(&a), vec![Trial::Answer])]);
    }
    health.did(&a, Work::Answer, now);
    assert!(!health.is_suspect("a"));
    assert_eq!(health.probe_due(now), (vec![], None));
    // A server that comes and goes is no better than one that is gone.
    health.mark_down(&a, Trial::Answer, "", now + SECOND);
    assert!(health.probe_due(now).1.unwrap() - now > 20 * SECOND);
}

#[test]
fn a_server_that_was_up_for_long_is_as_good_as_new() {
    let (health, now) = health(2);
    let a: ServerName = "a".into();
    for _ in 0..5 {
        health.mark_down(&a, Trial::Answer, "", now);
        health.did(&a, Work::Answer, now);
    }
    health.did(&a, Work::Answer, now + FORGOTTEN_AFTER + SECOND);
    let now = now + FORGOTTEN_AFTER + SECOND;
    health.mark_down(&a, Trial::Answer, "", now);
    assert!(health.probe_due(now).1.unwrap() - now < 2 * SECOND);
}

#[test]
fn whoever_does_not_wait_is_told_what_went_wrong_last_with_each_server() {
    let (health, now) = health(2);
    let [a, b]: [ServerName; 2] = ["a".into(), "b".into()];
    health.not_connected(&b, &ConnectError::Unreachable("it is off".to_owned()), now);
    health.not_connected(&a, &ConnectError::Unreachable("connection refused".to_owned()), now);
    // Its pause is not over yet, and more is known about it.
    health.failed(&a, &Trial::Answer, "its certificate is of an unknown CA", now);
    let faults = "a: its certificate is of an unknown CA; b: it is off";
    assert_eq!(health.outage(), format!("{ALL_DOWN}; {faults}"));
}

#[test]
fn failures_of_the_same_moment_are_one() {
    let (health, now) = health(2);
    let a: ServerName = "a".into();
    for _ in 0..64 {
        health.mark_down(&a, Trial::Answer, "", now);
    }
    assert!(health.probe_due(now).1.unwrap() - now < 2 * SECOND);
}

#[test]
fn an_outage_is_of_all_servers_and_is_given_up_after_a_while() {
    let (health, now) = health(2);
    let (a, b): (ServerName, ServerName) = ("a".into(), "b".into());
    health.mark_down(&a, Trial::Answer, "", now);
    assert!(!health.all_down() && !health.circuit_open(now + 10 * SECOND));
    assert!(health.has_other("a") && !health.has_other("b"));
    health.mark_down(&b, Trial::Answer, "", now);
    assert!(health.all_down());
    assert!(!health.circuit_open(now + SECOND) && health.circuit_open(now + OPENS_AFTER));
    assert!(!health.has_other("a"));
    health.did(&a, Work::Answer, now + OPENS_AFTER);
    assert!(!health.all_down() && !health.circuit_open(now + 2 * OPENS_AFTER));
}

#[test]
fn who_is_alone_is_asked_again_soon() {
    let (health, mut now) = health(1);
    let a: ServerName = "a".into();
    for _ in 0..8 {
        health.mark_down(&a, Trial::Answer, "", now);
        let next = health.probe_due(now).1.unwrap();
        assert!(next - now < 3 * SECOND);
        now = next;
    }
}

#[test]
fn servers_that_are_gone_are_forgotten() {
    let (health, now) = health(2);
    health.mark_down(&"a".into(), Trial::Answer, "", now);
    health.mark_down(&"b".into(), Trial::Answer, "", now);
    assert!(health.all_down());
    health.set_servers(|name| name != "a" && name != "b", 2, now);
    assert!(!health.is_suspect("a") && !health.all_down());
    health.mark_down(&"c".into(), Trial::Answer, "", now);
    assert!(!health.all_down());
    health.set_servers(|name| name == "c", 1, now);
    assert!(health.all_down());
}

fn search(base: &str) -> Trial {
    Trial::Search(Arc::new([SampleQuery::of_entry(base)]))
}

#[test]
fn a_server_comes_back_when_it_has_done_what_it_failed_at() {
    let query = Query::entry("dc=x", &[]);
    let works =
        [Work::Answer, Work::ServiceBind, Work::Search(&query), Work::UserBind("cn=a,dc=x")];
    let user_bind = Trial::UserBind("nobody".into());
    for (trial, proofs) in [
        (Trial::Answer, [true, true, true, true]),
        (Trial::ServiceBind, [false, true, true, false]),
        (search("dc=x"), [false, false, true, false]),
        (user_bind, [false, false, false, true]),
    ] {
        for (work, proves) in works.into_iter().zip(proofs) {
            for is_down in [false, true] {
                let (health, now) = health(2);
                let a: ServerName = "a".into();
                if is_down {
                    health.mark_down(&a, trial.clone(), "", now);
                } else {
                    health.doubt(&a, trial.clone());
                }
                health.did(&a, work, now);
                assert_eq!(!health.is_suspect("a"), proves, "{trial:?} by {work:?}");
            }
        }
    }
}

#[test]
fn a_doubted_server_is_probed_at_once_and_is_not_down() {
    let (health, now) = health(1);
    let a: ServerName = "a".into();
    health.doubt(&a, Trial::ServiceBind);
    health.doubt(&a, search("dc=x"));
    assert!(health.is_suspect("a") && !health.all_down());
    let (due, next) = health.probe_due(now);
    assert_eq!((due.len(), next), (1, None));
    // What is asked of it meanwhile is not passed with the rest.
    health.doubt(&a, search("dc=y"));
    health.passed(&a, &due[0].1, now);
    assert_eq!(health.probe_due(now).0, [(Arc::clone(&a), vec![search("dc=y")])]);
    health.passed(&a, &[search("dc=y")], now);
    assert!(!health.is_suspect("a"));
}

#[test]
fn one_bind_without_an_answer_says_nothing_about_its_server() {
    let (health, now) = health(2);
    let a: ServerName = "a".into();
    let (name, query) = ("cn=a,dc=x", Query::entry("dc=x", &[]));
    for _ in 0..4 {
        health.bind_unanswered(&a, name);
        assert!(!health.is_suspect("a"));
        health.did(&a, Work::UserBind(name), now);
    }
    health.bind_unanswered(&a, name);
    health.did(&a, Work::Search(&query), now);
    health.bind_unanswered(&a, name);
    assert!(health.is_suspect("a"));
    // Whoever is alone is not left for it.
    let (health, _) = self::health(1);
    (0..4).for_each(|_| health.bind_unanswered(&a, name));
    assert!(!health.is_suspect("a"));
}

#[test]
fn what_an_answer_makes_of_its_server_depends_on_whom_it_judges() {
    let query = Query::entry("dc=x", &[]);
    let (search, bind) = (Work::Search(&query), Work::ServiceBind);
    for (work, judged, is_suspect, is_down) in [
        (search, Judged::Everywhere, false, false),
        (search, Judged::NotHere, false, false),
        (bind, Judged::NotHere, true, false),
        (search, Judged::NotNow, true, false),
        (bind, Judged::NotNow, true, true),
        (Work::Answer, Judged::NotNow, true, false),
        (Work::UserBind("cn=a,dc=x"), Judged::NotNow, false, false),
    ] {
        let (health, now) = health(1);
        health.answered(&"a".into(), work, judged, "", now);
        let seen = (health.is_suspect("a"), health.all_down());
        assert_eq!(seen, (is_suspect, is_down), "{work:?} {judged:?}");
    }
    assert!(!Trial::ServiceBind.is_passed_with(OTHER) && Trial::Answer.is_passed_with(OTHER));
    assert!(!Trial::Answer.is_passed_with(BUSY));
}

#[test]
fn one_search_that_cannot_be_answered_takes_no_server_down_and_two_have_to_be_answered_again() {
    let (health, now) = health(1);
    let a: ServerName = "a".into();
    let queries = ["cn=a,dc=x", "cn=b,dc=x"].map(|base| Query::entry(base, &[]));
    let [first, second] = queries.each_ref().map(Work::Search);
    for _ in 0..4 {
        health.answered(&a, first, Judged::NotNow, "", now);
        assert!(health.is_suspect("a") && !health.all_down());
        health.passed(&a, &[search("cn=a,dc=x")], now);
        assert!(!health.is_suspect("a"));
    }
    health.did(&a, second, now);
    health.answered(&a, second, Judged::NotNow, "", now);
    assert!(!health.all_down());
    health.answered(&a, first, Judged::NotNow, "", now);
    assert!(health.all_down());
    let samples = [&queries[1], &queries[0]].map(SampleQuery::of);
    let (due, _) = health.probe_due(now + 2 * SECOND);
    assert_eq!(due, [(Arc::clone(&a), vec![Trial::Search(Arc::new(samples))])]);
    health.did(&a, first, now);
    assert!(!health.is_suspect("a"));
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_long_in_an_outage_that_lasts() {
    let (health, now) = health(1);
    let a: ServerName = "a".into();
    let given_up = async |since| {
        tokio::time::timeout(60 * SECOND, health.given_up(since)).await.map(|()| now.elapsed())
    };
    assert!(given_up(now).await.is_err(), "it is up");
    let now = Instant::now();
    health.mark_down(&a, Trial::Answer, "", now);
    health.given_up(now).await;
    assert!(now.elapsed() >= OPENS_AFTER);
    let later = Instant::now();
    health.given_up(later).await;
    assert!((PATIENCE_IN_OUTAGE..2 * PATIENCE_IN_OUTAGE).contains(&later.elapsed()));
}

#[test]
fn a_session_that_was_kept_and_ends_says_nothing_about_its_server() {
    for (error, is_reused, is_suspect) in [
        (SessionError::Closed, false, true),
        (SessionError::Closed, true, false),
        (SessionError::Silent, false, true),
        (SessionError::Silent, true, true),
        (SessionError::Malformed("x"), true, true),
    ] {
        let (health, _) = health(2);
        health.broke(&"a".into(), Work::Answer, &error, is_reused);
        assert_eq!(health.is_suspect("a"), is_suspect, "{error:?} {is_reused}");
    }
    let (health, _) = health(1);
    health.broke(&"a".into(), Work::Answer, &SessionError::Silent, true);
    assert!(!health.is_suspect("a"), "there is no other to go to");
}

#[test]
fn who_judges_an_account_while_connecting_is_there() {
    let refused = |is_judged| {
        ConnectError::Refused(Refusal { code: Some(49), is_judged, text: String::new() })
    };
    let (health, now) = health(1);
    let a: ServerName = "a".into();
    health.not_connected(&a, &refused(false), now);
    assert!(health.all_down());
    health.not_connected(&a, &refused(true), now);
    assert!(!health.is_suspect("a"));
}
