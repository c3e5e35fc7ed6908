//! What is under way, or was sent and never answered.

use super::*;

#[test]
fn what_was_sent_and_not_answered_counts_from_when_the_answer_was_due() {
    let bed = GuardBed::new();
    assert_eq!(bed.send_in_vain("alice", "x", 1, Duration::ZERO), [true]);
    assert_eq!(bed.send_in_vain("alice", "x", 2, SECOND), [true, true]);
    assert_eq!(bed.sign_in("alice", "x", no(), 2 * SECOND), spent(60 * MINUTE + 3 * SECOND));
    bed.answer_signal.answered(bed.start + 4 * SECOND);
    assert_eq!(bed.sign_in("alice", "x", no(), 60 * MINUTE + 5 * SECOND), None);
    // Nothing was sent: nothing counts.
    for at in 0..9 {
        assert!(bed.send_in_vain("bob", "x", 0, at * SECOND).is_empty());
    }
    assert_eq!(bed.sign_in("bob", "x", no(), 9 * SECOND), None);
}

#[test]
fn what_a_server_that_hangs_was_sent_counts_from_when_it_goes_on() {
    let bed = GuardBed::new();
    for (number, password) in (0..).zip(["a", "b", "c"]) {
        assert_eq!(bed.send_in_vain("alice", password, 1, number * SECOND), [true]);
    }
    for at in [MINUTE, HOUR, 3 * HOUR] {
        assert_eq!(bed.sign_in("alice", "d", no(), at), spent(HOUR), "{at:?}");
    }
    bed.answer_signal.answered(bed.start + 3 * HOUR);
    // What it answers later says nothing new.
    bed.answer_signal.answered(bed.start + 4 * HOUR);
    assert_eq!(bed.sign_in("alice", "d", no(), 4 * HOUR - SECOND), spent(SECOND));
    assert_eq!(bed.sign_in("alice", "d", no(), 4 * HOUR), None);
}

#[test]
fn what_a_server_was_sent_that_never_goes_on_is_forgotten_after_a_day() {
    let bed = GuardBed::new();
    assert_eq!(bed.send_in_vain("alice", "a", 3, Duration::ZERO), [true; 3]);
    assert_eq!(bed.guard.held(bed.start + 24 * HOUR), (1, 1));
    let day = 24 * HOUR + 4 * SECOND;
    assert_eq!(bed.sign_in("alice", "b", no(), day + HOUR - SECOND), spent(SECOND));
    assert_eq!(bed.sign_in("alice", "b", no(), day + HOUR), None);
    assert_eq!(bed.guard.held(bed.start + 2 * day), (0, 0));
}

#[test]
fn one_attempt_sends_no_more_binds_than_may_be_wrong() {
    let bed = GuardBed::new();
    assert_eq!(bed.sign_in("alice", "a", no(), Duration::ZERO), None);
    assert_eq!(bed.send_in_vain("alice", "x", 5, SECOND), [true, true, false, false, false]);
    let Ok(permit) = bed.enter("bob", "x", SECOND) else { panic!() };
    // A server that is busy has judged nothing.
    for _ in 0..9 {
        permit.send(&bed.answer_signal).unwrap().answered();
    }
}

#[test]
fn a_password_that_is_accepted_was_not_wrong_before() {
    let bed = GuardBed::new();
    assert_eq!(bed.send_in_vain("alice", "right", 2, Duration::ZERO), [true, true]);
    assert_eq!(bed.sign_in("alice", "right", GRANTED, SECOND), None);
    for password in ["a", "b"] {
        assert_eq!(bed.sign_in("alice", password, no(), MINUTE), None);
    }
    assert!(bed.sign_in("alice", "c", no(), MINUTE).is_some());
}

#[test]
fn a_password_that_was_set_meanwhile_may_have_been_wrong_before() {
    let bed = GuardBed::new();
    assert_eq!(bed.send_in_vain("alice", "new", 2, Duration::ZERO), [true, true]);
    bed.changes().password_changed(bed.key.id("alice"));
    assert_eq!(bed.sign_in("alice", "new", GRANTED, SECOND), None);
    assert_eq!(bed.guard.held(bed.start + SECOND), (1, 0));
    assert!(bed.sign_in("alice", "a", no(), SECOND).is_some(), "the last share is kept");
}

#[test]
fn a_change_forgets_which_passwords_were_wrong_and_not_how_many() {
    let bed = GuardBed::new();
    for password in ["a", "b"] {
        assert_eq!(bed.sign_in("alice", password, no(), Duration::ZERO), None);
    }
    bed.changes().password_changed(bed.key.id("alice"));
    assert_eq!(bed.sign_in("alice", "a", no(), SECOND), None);
    assert!(matches!(bed.sign_in("alice", "c", no(), SECOND), Some(Hold::Spent { .. })));
}

#[test]
fn what_began_before_a_change_says_nothing_about_the_password_after_it() {
    let bed = GuardBed::new();
    let change = || bed.changes().password_changed(bed.key.id("alice"));
    let enter = |password: &str| bed.enter("alice", password, SECOND);
    let Ok(slow) = enter("new") else { panic!() };
    let sent = slow.send(&bed.answer_signal).unwrap();
    change();
    // Who asks now is not told what was true before.
    assert!(matches!(enter("new"), Err(Barred::Wait(_))));
    sent.answered();
    slow.conclude(&no(), bed.start);
    assert_eq!(bed.sign_in("alice", "new", GRANTED, SECOND), None);
    // It was a failure, all the same, and the last share is kept for the new password.
    assert_eq!(bed.sign_in("alice", "a", no(), SECOND), None);
    assert_eq!(bed.sign_in("alice", "b", no(), SECOND), spent(60 * MINUTE));
    let Ok(slow) = enter("new") else { panic!() };
    change();
    slow.conclude(&GRANTED.into(), bed.start);
    assert_eq!(bed.sign_in("alice", "other", no(), SECOND), None);
    assert_eq!(bed.sign_in("alice", "new", GRANTED, SECOND), spent(60 * MINUTE));
}

#[test]
fn what_was_forgiven_meanwhile_counts_and_is_asked_again() {
    let bed = GuardBed::new();
    let Ok(slow) = bed.enter("alice", "new", SECOND) else { panic!() };
    bed.guard.forgive(bed.key.id("alice"));
    assert!(matches!(bed.enter("alice", "new", SECOND), Err(Barred::Wait(_))));
    slow.conclude(&no(), bed.start);
    for password in ["new", "b"] {
        assert_eq!(bed.sign_in("alice", password, no(), SECOND), None);
    }
    assert_eq!(bed.sign_in("alice", "c", no(), SECOND), spent(60 * MINUTE));
}

#[tokio::test]
async fn identical_attempts_at_the_same_time_are_one() {
    let bed = GuardBed::new();
    let enter = |password: &str| bed.enter("alice", password, Duration::ZERO);
    let Ok(permit) = enter("secret") else { panic!() };
    let Err(Barred::Share(outcome)) = enter("secret") else { panic!() };
    assert!(enter("other").is_ok());
    permit.conclude(&GRANTED.into(), bed.start);
    let shared = outcome.ended().await;
    assert_eq!(shared.unwrap().verdict, GRANTED);
    // Whoever gave up tells nobody anything.
    let Ok(permit) = enter("secret") else { panic!() };
    let Err(Barred::Share(outcome)) = enter("secret") else { panic!() };
    drop(permit);
    assert!(outcome.ended().await.is_none());
    assert!(enter("secret").is_ok());
}

#[test]
fn no_more_passwords_are_under_way_than_may_be_wrong() {
    let bed = GuardBed::new();
    let enter = |password: &str| bed.enter("alice", password, Duration::ZERO);
    let asking: Vec<_> = ["a", "b", "c"].map(enter).into_iter().collect();
    assert!(asking.iter().all(|entrance| entrance.is_ok()));
    assert!(matches!(enter("d"), Err(Barred::Wait(_))));
    assert!(matches!(enter("a"), Err(Barred::Share(_))));
    assert_eq!(bed.sign_in("bob", "d", no(), SECOND), None);
    let mut verdicts = [no(), no(), Denial::AccountLocked.into()].into_iter();
    for entrance in asking {
        let Ok(permit) = entrance else { panic!() };
        permit.conclude(&verdicts.next().unwrap(), bed.start);
    }
    assert_eq!(bed.sign_in("alice", "d", no(), SECOND), None);
    assert_eq!(bed.sign_in("alice", "e", no(), SECOND), spent(60 * MINUTE));
}

#[test]
fn a_hang_keeps_nobody_out_whose_password_was_right() {
    let bed = GuardBed::new();
    assert_eq!(bed.sign_in("alice", "right", Verdict::Granted, Duration::ZERO), None);
    for second in [1, 6] {
        assert_eq!(bed.send_in_vain("alice", "right", 1, SECOND * second), [true]);
    }
    // The last answer was due at 10 s. What the directory says before that is of no later bind.
    assert_eq!(bed.sign_in("bob", "right", GRANTED, SECOND * 10), None);
    let held = bed.sign_in("alice", "right", GRANTED, HOUR);
    assert_eq!(held, Some(Hold::Unanswered { left: 10 * SECOND }));
    assert_eq!(bed.sign_in("bob", "wrong", no(), HOUR), None);
    assert_eq!(bed.sign_in("alice", "right", GRANTED, HOUR), None);
    for password in ["a", "b"] {
        assert_eq!(bed.sign_in("alice", password, no(), HOUR), None);
    }
    assert_eq!(bed.sign_in("alice", "right", GRANTED, HOUR), None);
}

#[test]
fn in_a_hang_the_right_password_is_sent_no_more_often_than_others() {
    let bed = GuardBed::new();
    assert_eq!(bed.sign_in("alice", "right", Verdict::Granted, Duration::ZERO), None);
    let sent = |password: &str| {
        let seconds = (1..600).map(|second| SECOND * second);
        seconds.map(|at| bed.send_in_vain("alice", password, 1, at).len()).sum::<usize>()
    };
    assert_eq!(sent("right"), 2);
    assert_eq!(sent("guess"), 0);
    assert_eq!(bed.sign_in("bob", "right", GRANTED, 600 * SECOND), None);
    assert_eq!(sent("right"), 1);
    assert_eq!(bed.sign_in("bob", "right", GRANTED, 1200 * SECOND), None);
    assert_eq!(sent("right"), 0);
}

/// The account after a bind with the password `x` that was not answered in time.
fn left_unanswered() -> (GuardBed, CountedBind) {
    let bed = GuardBed::new();
    let Ok(permit) = bed.enter("alice", "x", Duration::ZERO) else { panic!() };
    let sent = permit.send(&bed.answer_signal).unwrap();
    drop(permit);
    assert_eq!(bed.guard.held(bed.start + 5 * SECOND), (1, 0));
    (bed, sent)
}

#[test]
fn a_late_answer_counts_as_what_it_says() {
    for (verdict, failures) in [
        (no().verdict, 1),
        (GRANTED, 0),
        (Verdict::Denied(Denial::AccountLocked), 0),
        (Verdict::Unavailable(Outage::Directory), 0),
    ] {
        let (bed, sent) = left_unanswered();
        let late = 10 * SECOND;
        sent.answered_late(verdict, bed.start + late);
        assert_eq!(bed.guard.held(bed.start + late), (failures, 0), "{verdict}");
        let again = bed.sign_in("alice", "x", GRANTED, late + SECOND);
        assert_eq!(again, if failures == 1 { same_again(SECOND) } else { None }, "{verdict}");
        // The last share is kept for who was right, or has been taken.
        for password in ["a", "b"] {
            assert_eq!(bed.sign_in("alice", password, no(), late), None, "{verdict} {password}");
        }
        assert_eq!(bed.sign_in("alice", "c", no(), late), spent(HOUR), "{verdict}");
    }
}

#[test]
fn a_late_yes_is_known_to_be_right_and_forgets_what_was_not_answered_of_it() {
    let (bed, sent) = left_unanswered();
    assert_eq!(bed.send_in_vain("alice", "x", 1, SECOND), [true]);
    sent.answered_late(GRANTED, bed.start + 9 * SECOND);
    assert_eq!(bed.guard.held(bed.start + 9 * SECOND), (0, 0));
    for password in ["a", "b"] {
        assert_eq!(bed.sign_in("alice", password, no(), 10 * SECOND), None);
    }
    assert_eq!(bed.sign_in("alice", "c", no(), 10 * SECOND), spent(HOUR));
    assert_eq!(bed.sign_in("alice", "x", GRANTED, 10 * SECOND), None);
}

#[test]
fn a_late_answer_about_what_was_forgiven_or_changed_says_nothing_of_now() {
    for is_change in [true, false] {
        for verdict in [no().verdict, GRANTED] {
            let (bed, sent) = left_unanswered();
            let alice = bed.key.id("alice");
            match is_change {
                true => bed.changes().password_changed(alice),
                false => assert!(bed.guard.forgive(alice)),
            }
            sent.answered_late(verdict, bed.start + 9 * SECOND);
            let failures = usize::from(verdict != GRANTED);
            assert_eq!(bed.guard.held(bed.start + 9 * SECOND), (failures, 0));
            // It is asked, and may be wrong.
            assert_eq!(bed.sign_in("alice", "x", no(), 10 * SECOND), None);
            for number in 1..3 - failures {
                let password = number.to_string();
                assert_eq!(bed.sign_in("alice", &password, no(), 10 * SECOND), None);
            }
            assert_eq!(bed.sign_in("alice", "c", no(), 10 * SECOND), spent(HOUR));
        }
    }
}

#[test]
fn what_is_judged_wrong_while_another_bind_of_the_attempt_goes_on_takes_its_share() {
    for (failures, second) in [(1, false), (2, true), (3, true)] {
        let account = Budget { failures, within: HOUR };
        let bed = GuardBed::keeping_to(GuardSettings { account, ..settings() });
        let Ok(permit) = bed.enter("alice", "x", Duration::ZERO) else { panic!() };
        let first = permit.send(&bed.answer_signal).unwrap();
        first.answered_late(no().verdict, bed.start);
        assert_eq!(permit.send(&bed.answer_signal).is_some(), second, "{failures}");
        drop(permit);
        let spent = (2..failures).map(|number| number.to_string());
        for password in spent {
            assert_eq!(bed.sign_in("alice", &password, no(), SECOND), None);
        }
        assert!(bed.sign_in("alice", "c", no(), SECOND).is_some(), "{failures}");
    }
}

#[test]
fn a_domain_is_told_of_although_the_last_of_many_refusals_came_late() {
    let bed = GuardBed::new();
    let enter = |user: u32| bed.enter(&user.to_string(), "x", Duration::ZERO).unwrap();
    for user in 1..10 {
        assert!(!enter(user).conclude(&no(), bed.start));
    }
    let sent = enter(10).send(&bed.answer_signal).unwrap();
    sent.answered_late(no().verdict, bed.start);
    assert!(!enter(11).conclude(&GRANTED.into(), bed.start));
    assert!(enter(12).conclude(&no(), bed.start));
    assert!(!enter(13).conclude(&no(), bed.start));
}
