//! What is answered from memory, and what ends it.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_yes_from_memory_makes_nothing_younger() {
    let bed = Bed::new(None, Some(CacheMode::Ttl));
    assert_eq!(bed.sign_in("right").await, Verdict::Granted);
    sleep(9 * MINUTE).await;
    assert_eq!(bed.sign_in("right").await, Verdict::Granted);
    assert_eq!(bed.binds(), 1);
    sleep(2 * MINUTE).await;
    assert_eq!(bed.sign_in("right").await, Verdict::Granted);
    assert_eq!(bed.binds(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_doubtful_account_is_the_directorys_to_judge() {
    for mode in [CacheMode::Ttl, CacheMode::StaleIfUnavailable] {
        let bed = Bed::new(None, Some(mode));
        assert_eq!(bed.sign_in("right").await, Verdict::Granted);
        bed.script(|script| script.is_doubtful = true);
        assert_eq!(bed.sign_in("right").await, Verdict::Granted);
        assert_eq!(bed.binds(), 2);
        bed.script(|script| script.bind = out());
        assert_eq!(bed.sign_in("right").await, OUT, "{mode:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn in_an_outage_who_was_let_in_is_let_in_with_that_password() {
    for (search, bind) in [(out(), None), (None, out())] {
        let bed = Bed::new(Some(guard()), Some(CacheMode::StaleIfUnavailable));
        assert_eq!(bed.sign_in("right").await, Verdict::Granted);
        bed.script(|script| (script.search, script.bind) = (search, bind));
        assert_eq!(bed.sign_in("right").await, Verdict::Granted);
        assert_eq!(bed.sign_in("wrong").await, OUT);
        let unhelpful = Outcome::from(Outage::Ambiguous);
        bed.script(|script| script.search = Some(unhelpful.clone()));
        assert_eq!(bed.sign_in("right").await, unhelpful.verdict);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_any_password_ends_what_is_remembered() {
    for mode in [CacheMode::Ttl, CacheMode::StaleIfUnavailable] {
        let bed = Bed::new(Some(guard()), Some(mode));
        assert_eq!(bed.sign_in("right").await, Verdict::Granted);
        assert_eq!(bed.sign_in("wrong").await, WRONG);
        bed.script(|script| script.bind = out());
        assert_eq!(bed.sign_in("right").await, OUT, "{mode:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn in_an_outage_guesses_are_as_few_as_at_the_directory() {
    let bed = Bed::new(Some(guard()), Some(CacheMode::StaleIfUnavailable));
    assert_eq!(bed.sign_in("right").await, Verdict::Granted);
    bed.script(|script| script.search = out());
    for password in ["a", "a", "b", "right", "a", "b"] {
        let expected = if password == "right" { Verdict::Granted } else { OUT };
        assert_eq!(bed.sign_in(password).await, expected);
    }
    assert_eq!(bed.sign_in("c").await, OUT);
    for password in ["right", "d", "right"] {
        assert_eq!(bed.sign_in(password).await, OUT, "nobody is vouched for any more");
    }
    // The owner is not kept out for longer than the outage.
    bed.script(|script| script.search = None);
    assert_eq!(bed.sign_in("right").await, Verdict::Granted);
    assert_eq!(bed.sign_in("e").await, HELD);
}

#[tokio::test(start_paused = true)]
async fn only_an_absent_directory_is_an_outage() {
    for (outage, is_absence) in [
        (Outage::NoServer, true),
        (Outage::LostConnection, true),
        (Outage::ServiceBind { code: Some(49) }, false),
        (Outage::ServiceBind { code: None }, false),
        (Outage::BindUnanswered, false),
        (Outage::GroupsTooDeep, false),
        (Outage::Ambiguous, false),
        (Outage::TooManyFailures, false),
    ] {
        for is_found in [true, false] {
            let bed = Bed::new(None, Some(CacheMode::StaleIfUnavailable));
            assert_eq!(bed.sign_in("right").await, Verdict::Granted);
            assert_eq!(bed.exists().await, Verdict::Granted);
            let outcome = Some(Outcome::from(outage));
            bed.script(|script| match is_found {
                true => script.bind = outcome,
                false => script.search = outcome,
            });
            let expected = if is_absence { Verdict::Granted } else { Verdict::Unavailable(outage) };
            assert_eq!(bed.sign_in("right").await, expected, "{outage:?}");
            if !is_found {
                assert_eq!(bed.exists().await, expected, "{outage:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_password_is_forgotten_although_the_name_cannot_be_looked_up_again() {
    let bed = Bed::new(None, Some(CacheMode::StaleIfUnavailable));
    assert_eq!(bed.sign_in("right").await, Verdict::Granted);
    bed.script(|script| {
        script.password = "changed";
        script.remembered = Some("cn=a");
        script.search = out();
    });
    assert_eq!(bed.sign_in("right").await, OUT);
    bed.script(|script| script.bind = out());
    assert_eq!(bed.sign_in("right").await, OUT);
}

#[tokio::test(start_paused = true)]
async fn who_is_gone_neither_exists_nor_signs_in_from_memory() {
    let gone = || Some(Outcome::from(Denial::UnknownUser));
    let bed = Bed::new(None, Some(CacheMode::StaleIfUnavailable));
    assert_eq!(bed.exists().await, Verdict::Granted);
    bed.script(|script| script.search = out());
    assert_eq!(bed.exists().await, Verdict::Granted);
    bed.script(|script| script.search = gone());
    assert_eq!(bed.sign_in("right").await, Verdict::Denied(Denial::UnknownUser));
    bed.script(|script| script.search = out());
    assert_eq!(bed.exists().await, OUT);
    bed.script(|script| script.search = None);
    assert_eq!(bed.sign_in("right").await, Verdict::Granted);
    bed.script(|script| script.search = gone());
    assert_eq!(bed.exists().await, Verdict::Denied(Denial::UnknownUser));
    bed.script(|script| script.search = out());
    assert_eq!(bed.sign_in("right").await, OUT);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_bind_that_nobody_confirms_is_not_let_in_from_memory() {
    let unanswered = Verdict::Unavailable(Outage::BindUnanswered);
    for failures in [1, 3] {
        let account = Budget { failures, within: HOUR };
        let guard = GuardSettings { account, ..guard() };
        let bed = Bed::new(Some(guard), Some(CacheMode::StaleIfUnavailable));
        assert_eq!(bed.sign_in("right").await, Verdict::Granted);
        let plan = |plan: &mut Plan| {
            (plan.delay, plan.unanswered) = (HOUR, Some(Outage::BindUnanswered));
        };
        bed.script(plan);
        let asks = bed.sign_in("right");
        let hurried = async {
            sleep(SECOND).await;
            bed.ask(&auth("right"), SECOND).await.verdict
        };
        let patient = async {
            sleep(SECOND).await;
            let request = auth("right");
            let patient = bed.ask(&request, 4 * SECOND);
            let gone = async {
                // There is too little time left to see that the directory is still there.
                sleep(7 * SECOND / 2).await;
                bed.script(|plan| plan.unanswered = Some(Outage::DeadlinePassed));
            };
            tokio::join!(patient, gone).0.verdict
        };
        let (first, hurried, patient) = tokio::join!(asks, hurried, patient);
        assert_eq!([first, hurried], [unanswered; 2]);
        assert!([unanswered, HELD].contains(&patient), "{patient:?}");
    }
}
