//! What counts against an account or a domain, and for how long.

use super::*;

#[test]
fn the_same_wrong_password_is_asked_once_in_each_window() {
    let bed = GuardBed::new();
    assert_eq!(bed.sign_in("alice", "old", no(), Duration::ZERO), None);
    for at in [SECOND, MINUTE, 59 * MINUTE] {
        assert_eq!(bed.sign_in("alice", "old", no(), at), same_again(at));
    }
    assert_eq!(bed.sign_in("bob", "old", no(), MINUTE), None);
    // Not even because its owner has signed in between.
    assert_eq!(bed.sign_in("alice", "new", GRANTED, 59 * MINUTE), None);
    let at = 60 * MINUTE - SECOND;
    assert_eq!(bed.sign_in("alice", "old", no(), at), same_again(at));
    assert_eq!(bed.sign_in("alice", "old", no(), 60 * MINUTE), None);
}

#[test]
fn a_wrong_password_is_remembered_for_as_long_as_the_window_at_least() {
    for (remember_wrong, refused) in [(SECOND, 60 * MINUTE), (90 * MINUTE, 90 * MINUTE)] {
        let bed = GuardBed::keeping_to(GuardSettings { remember_wrong, ..settings() });
        assert_eq!(bed.sign_in("alice", "old", no(), Duration::ZERO), None);
        let at = refused - SECOND;
        assert_eq!(bed.sign_in("alice", "old", no(), at), same_again(at));
        assert_eq!(bed.sign_in("alice", "old", no(), refused), None);
    }
}

#[test]
fn nothing_is_forgiven_before_a_whole_quiet_window() {
    let bed = GuardBed::new();
    // A directory may count all of them until there was none for a whole window.
    for at in [0, 25, 50] {
        assert_eq!(bed.sign_in("alice", &at.to_string(), no(), at * MINUTE), None);
    }
    assert_eq!(bed.sign_in("alice", "x", no(), 61 * MINUTE), spent(49 * MINUTE));
    assert_eq!(bed.sign_in("bob", "x", no(), 61 * MINUTE), None);
    assert_eq!(bed.sign_in("alice", "x", no(), 110 * MINUTE), None);
}

#[test]
fn the_password_that_was_right_last_is_let_through_and_one_place_is_kept_for_it() {
    let bed = GuardBed::new();
    assert_eq!(bed.sign_in("alice", "right", GRANTED, Duration::ZERO), None);
    for password in ["a", "b"] {
        assert_eq!(bed.sign_in("alice", password, no(), SECOND), None);
    }
    assert_eq!(bed.sign_in("alice", "c", no(), SECOND), spent(60 * MINUTE));
    for at in 2..100 {
        assert_eq!(bed.sign_in("alice", "right", GRANTED, at * SECOND), None);
        assert!(bed.sign_in("alice", "c", no(), at * SECOND).is_some(), "it clears nothing");
    }
    // Once it is wrong, it is as any other, and the budget is spent.
    assert_eq!(bed.sign_in("alice", "right", no(), 100 * SECOND), None);
    assert_eq!(bed.sign_in("alice", "right", no(), 101 * SECOND), same_again(SECOND));
    let left = 60 * MINUTE - SECOND;
    assert_eq!(bed.sign_in("alice", "new", GRANTED, 101 * SECOND), spent(left));
}

#[test]
fn what_proves_nothing_about_a_password_takes_nothing() {
    let bed = GuardBed::new();
    for (outcome, at) in [
        Outcome::from(Outage::NoServer),
        Denial::AccountLocked.into(),
        Denial::PasswordExpired.into(),
        Denial::AccountDisabled.into(),
        Outage::DeadlinePassed.into(),
        Outage::Directory.into(),
        Denial::MustChangePassword.into(),
    ]
    .into_iter()
    .cycle()
    .take(40)
    .zip(0..)
    {
        assert_eq!(bed.sign_in("alice", "same", outcome, at * SECOND), None);
    }
    for password in ["a", "b", "c"] {
        assert_eq!(bed.sign_in("alice", password, no(), MINUTE), None);
    }
}

#[test]
fn a_lock_takes_the_right_password_from_nobody() {
    let bed = GuardBed::new();
    assert_eq!(bed.sign_in("alice", "right", GRANTED, Duration::ZERO), None);
    for password in ["a", "b"] {
        assert_eq!(bed.sign_in("alice", password, no(), Duration::ZERO), None);
    }
    for _ in 0..5 {
        assert_eq!(bed.sign_in("alice", "right", Denial::AccountLocked, SECOND), None);
    }
    assert_eq!(bed.sign_in("alice", "right", GRANTED, MINUTE), None);
}

#[test]
fn guesses_at_a_remembered_password_take_the_same_budget_but_not_its_owners_place() {
    let bed = GuardBed::new();
    assert_eq!(bed.sign_in("alice", "right", GRANTED, Duration::ZERO), None);
    let compare = |password: &str| {
        let attempt = bed.attempt("alice", password);
        bed.guard.admits_comparison(&attempt, password == "right", bed.start + SECOND)
    };
    for password in ["a", "right", "a", "b", "right", "c"] {
        assert!(compare(password), "{password}");
    }
    for password in ["d", "right"] {
        assert!(!compare(password), "{password}");
    }
    assert_eq!(bed.sign_in("alice", "right", GRANTED, MINUTE), None);
    assert!(matches!(bed.sign_in("alice", "e", no(), MINUTE), Some(Hold::Spent { .. })));
    // What was only compared may be right: nobody has refused it.
    assert_eq!(bed.sign_in("alice", "a", GRANTED, 62 * MINUTE), None);
}

#[test]
fn a_domain_with_more_wrong_passwords_than_usual_is_told_of_once() {
    let bed = GuardBed::new();
    let mut told = Vec::new();
    for (index, at) in (0..40).zip([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 61].into_iter().cycle())
    {
        let at = (index / 14) * 3 * MINUTE + at * SECOND;
        let Ok(permit) = bed.enter(&format!("user{index}"), "x", at) else { panic!() };
        if permit.conclude(&no(), bed.start + at) {
            told.push(index);
        }
    }
    assert_eq!(told, [9, 23, 37]);
}

#[test]
fn every_refused_password_is_remembered_for_as_long_as_it_is_promised() {
    let account = Budget { failures: 3, within: SECOND };
    let bed = GuardBed::keeping_to(GuardSettings { account, remember_wrong: HOUR, ..settings() });
    for number in 0..100 {
        assert_eq!(bed.sign_in("alice", &number.to_string(), no(), number * SECOND), None);
    }
    for number in 0..100 {
        let ago = HOUR - (number + 1) * SECOND;
        let at = HOUR - SECOND;
        assert_eq!(bed.sign_in("alice", &number.to_string(), no(), at), same_again(ago));
    }
}

#[test]
fn another_budget_counts_what_was_wrong_before() {
    let bed = GuardBed::new();
    for password in ["a", "b"] {
        assert_eq!(bed.sign_in("alice", password, no(), Duration::ZERO), None);
    }
    for (failures, is_held) in [(2, true), (5, false)] {
        let account = Budget { failures, within: 60 * MINUTE };
        let guard = bed.guard.adjusted(GuardSettings { account, ..settings() });
        let bed = GuardBed { guard, key: bed.key.clone(), answer_signal: Arc::default(), ..bed };
        assert_eq!(bed.sign_in("alice", "c", no(), SECOND).is_some(), is_held, "{failures}");
        assert_eq!(bed.sign_in("alice", "a", no(), SECOND), same_again(SECOND));
    }
}

#[test]
fn memory_is_bounded_and_nothing_is_forgotten_early_to_keep_it_so() {
    let one = NonZeroUsize::MIN;
    let bed = GuardBed::keeping_to(GuardSettings { accounts: one, ..settings() });
    let guess = |user: u32, at| bed.sign_in(&format!("user{user}"), "x", no(), at);
    for user in 0..100 {
        assert_eq!(guess(user, Duration::ZERO), None);
    }
    assert_eq!(guess(100, SECOND), spent(60 * MINUTE));
    assert_eq!(guess(0, SECOND), same_again(SECOND));
    assert_eq!(locked(&bed.guard.state).records.len(), 100);
    let bed = GuardBed::new();
    for user in 0..20_000u32 {
        bed.sign_in(&format!("user{user}"), "x", no(), user * 10 * SECOND);
        bed.sign_in(&format!("user{user}"), "right", GRANTED, user * 10 * SECOND);
    }
    let state = locked(&bed.guard.state);
    assert!(state.records.len() < 2 * FIRST_SWEEP, "{}", state.records.len());
    assert_eq!(state.right.len(), 100);
}

#[test]
fn memory_that_was_full_has_room_again_when_its_failures_count_no_more() {
    for (accounts, most) in [(1, 100), (30, 3000)] {
        let accounts = NonZeroUsize::new(accounts).unwrap();
        let bed = GuardBed::keeping_to(GuardSettings { accounts, ..settings() });
        let guess = |user: u32, at| bed.sign_in(&format!("user{user}"), "x", no(), at);
        for user in 0..most {
            assert_eq!(guess(user, Duration::ZERO), None);
        }
        // Asked all the time, as in an attack.
        let mut at = Duration::ZERO;
        while at < HOUR {
            assert_eq!(guess(most, at), spent(HOUR), "{at:?}");
            at += SECOND;
        }
        assert_eq!(guess(most, HOUR + SWEPT_AGAIN_AFTER), None);
        assert_eq!(locked(&bed.guard.state).records.len(), 1);
    }
}

#[test]
fn how_often_it_stepped_in_is_counted_whatever_it_keeps_to() {
    let bed = GuardBed::new();
    let wrong = Denial::WrongPassword;
    for (second, password) in (0..).zip(["a", "b", "a", "c", "d", "e", "a"]) {
        let _ = bed.sign_in("alice", password, wrong, second * SECOND);
    }
    assert_eq!(bed.guard.refusals(), [("same-wrong", 2), ("account", 2), ("domain", 0)]);
    let adjusted = bed.guard.adjusted(settings());
    for number in 0..7 {
        let _ = bed.sign_in(&format!("user{number}"), "x", wrong, SECOND);
    }
    assert_eq!(adjusted.refusals(), [("same-wrong", 2), ("account", 2), ("domain", 1)]);
}
