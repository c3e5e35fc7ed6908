//! What the lock-out guard holds back, and what it says.

use super::*;

#[tokio::test(start_paused = true)]
async fn what_the_guard_holds_back_ends_nothing_that_is_remembered() {
    let bed = Bed::new(Some(guard()), Some(CacheMode::StaleIfUnavailable));
    for password in ["a", "b"] {
        assert_eq!(bed.sign_in(password).await, WRONG);
    }
    assert_eq!(bed.sign_in("right").await, Verdict::Granted);
    assert_eq!(bed.sign_in("c").await, HELD);
    bed.script(|script| script.bind = out());
    assert_eq!(bed.sign_in("right").await, Verdict::Granted);
}

#[tokio::test(start_paused = true)]
async fn the_outage_of_whoever_asked_is_not_shared_with_those_who_have_more_time() {
    let bed = Bed::new(Some(guard()), None);
    bed.script(|script| script.delay = 2 * SECOND);
    let request = auth("right");
    let (hurried, patient) = tokio::join!(bed.ask(&request, SECOND), bed.ask(&request, 4 * SECOND));
    assert_eq!(hurried.verdict, Verdict::Unavailable(Outage::DeadlinePassed));
    assert_eq!(patient.verdict, Verdict::Granted);
    let (first, second) = tokio::join!(bed.sign_in("right"), bed.sign_in("right"));
    assert_eq!([first, second], [Verdict::Granted; 2]);
    assert_eq!(bed.binds(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_the_guard_holds_back_says_why() {
    let bed = Bed::new(Some(guard()), None);
    for password in ["a", "b", "c"] {
        assert_eq!(bed.sign_in(password).await, WRONG);
    }
    sleep(5 * SECOND).await;
    let again = bed.ask(&auth("a"), SECOND).await;
    assert_eq!(again.verdict, WRONG);
    let text = "the same password was refused 5 s ago; the directory was not asked again";
    assert_eq!(again.detail.as_deref(), Some(text));
    let held = bed.ask(&auth("e"), SECOND).await;
    assert_eq!(held.verdict, HELD);
    let text = "too many wrong passwords for this account; the directory is asked again in 3596 s";
    assert_eq!(held.detail.as_deref(), Some(text));
    assert_eq!(bed.binds(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_the_guard_holds_back_does_not_make_the_directory_look_slow() {
    let bed = Bed::new(Some(guard()), None);
    for password in ["a", "b", "c"] {
        assert_eq!(bed.sign_in(password).await, WRONG);
    }
    let guesses: Vec<_> = (0..64).map(|guess| guess.to_string()).collect();
    for _ in 0..50 {
        let all = guesses.iter().map(|guess| bed.sign_in(guess));
        for verdict in futures_util::future::join_all(all).await {
            assert_eq!(verdict, HELD);
        }
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_bind_that_hangs_does_not_make_the_directory_look_slow() {
    let bed = Bed::new(Some(guard()), None);
    bed.script(|plan| plan.delay = HOUR);
    let account = Arc::new(Account::new("bob", "h").unwrap());
    let bob = Request::Auth { account, password: "right".into() };
    for passwords in [1, 60] {
        let waiting = (0..60).map(async |number| {
            let password = (number % passwords).to_string();
            bed.ask(&auth(&password), 10 * SECOND).await.verdict
        });
        let sign_in = async {
            for _ in 0..3 {
                sleep(3 * SECOND).await;
                assert_eq!(bed.ask(&bob, 10 * SECOND).await.verdict, Verdict::Granted);
            }
        };
        let (held, ()) = tokio::join!(futures_util::future::join_all(waiting), sign_in);
        assert!(held.iter().all(|verdict| matches!(verdict, Verdict::Unavailable(_))));
        sleep(2 * HOUR).await;
    }
}

#[tokio::test(start_paused = true)]
async fn no_account_has_more_than_eight_who_wait_for_others_of_its() {
    for passwords in [1, 60] {
        let bed = Bed::new(Some(guard()), None);
        assert_eq!(bed.sign_in("wrong").await, WRONG);
        bed.script(|plan| plan.delay = HOUR);
        let (started, crowded) = (Instant::now(), Verdict::Unavailable(Outage::Crowded));
        let attempts = (0..60).map(async |number| {
            let password = (1 + number % passwords).to_string();
            let verdict = bed.ask(&auth(&password), 10 * SECOND).await.verdict;
            // Who asks the same waits for a bit, because it may soon be answered.
            let refused_after = if passwords == 1 { 3 * SECOND } else { Duration::ZERO };
            let is_refused = started.elapsed() == refused_after;
            assert_eq!(is_refused, verdict == crowded, "{:?}", started.elapsed());
            verdict
        });
        let verdicts = futures_util::future::join_all(attempts).await;
        let waited = verdicts.iter().filter(|verdict| **verdict != crowded).count();
        // Those who ask, and those who wait.
        assert_eq!(waited, if passwords == 1 { 1 } else { 2 } + 8, "{passwords}");
    }
}

#[tokio::test(start_paused = true)]
async fn another_configuration_keeps_what_was_wrong_and_not_what_was_right() {
    let bed = Bed::new(Some(guard()), Some(CacheMode::Ttl));
    assert_eq!(bed.sign_in("right").await, Verdict::Granted);
    assert_eq!(bed.sign_in("other").await, WRONG);
    let off = bed.policies.renewed(None, Some(cache(CacheMode::Ttl)));
    assert!(off.guard.is_none());
    let attempt = bed.policies.attempt("h", "cn=a", "cn=a", &"other".into());
    let on_again = off.renewed(Some(guard()), None).guard.unwrap();
    let entrance = on_again.enter(attempt, Instant::now(), Instant::now());
    assert!(matches!(entrance, Err(Barred::Deny(Hold::SameAgain { .. }))));
    let stricter = Budget { failures: 1, within: HOUR };
    let stricter = GuardSettings { account: stricter, ..guard() };
    for (guard, asks_another) in [(guard(), true), (stricter, false)] {
        let policies = bed.policies.renewed(Some(guard), Some(cache(CacheMode::Ttl)));
        let enter = |password: &str| {
            let attempt = policies.attempt("h", "cn=a", "cn=a", &password.into());
            policies.guard.as_ref().unwrap().enter(attempt, Instant::now(), Instant::now())
        };
        assert!(matches!(enter("other"), Err(Barred::Deny(Hold::SameAgain { .. }))));
        assert_eq!(enter("another").is_ok(), asks_another);
        let account = policies.key.id(&alice().to_string());
        let attempt = policies.attempt("h", "cn=a", "cn=a", &"right".into());
        assert!(!policies.cache.as_ref().unwrap().spares(account, &attempt, Instant::now()));
    }
}
