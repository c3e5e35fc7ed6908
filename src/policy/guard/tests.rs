//! What the guard lets through, over time.

use std::num::NonZeroUsize;

use secrecy::SecretString;

use super::super::digest::ProcessKey;
use super::*;
use crate::verdict::Outage;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

fn settings() -> GuardSettings {
    GuardSettings {
        account: Budget { failures: 3, within: 60 * MINUTE },
        domain: Budget { failures: 10, within: MINUTE },
        remember_wrong: 60 * MINUTE,
        accounts: NonZeroUsize::new(100).unwrap(),
    }
}

struct GuardBed {
    guard: Arc<Guard>,
    key: ProcessKey,
    start: Instant,
}

impl GuardBed {
    fn new() -> Self {
        let key = ProcessKey::new().unwrap();
        Self { guard: Guard::new(settings(), &Arc::default()), key, start: Instant::now() }
    }

    fn keeping_to(settings: GuardSettings) -> Self {
        Self { guard: Guard::new(settings, &Arc::default()), ..Self::new() }
    }

    fn enter(&self, user: &str, password: &str, at: Duration) -> Entrance {
        let now = self.start + at;
        self.guard.enter(self.attempt(user, password), now + 4 * SECOND, now)
    }

    fn attempt(&self, user: &str, password: &str) -> SignInAttempt {
        let (began, password) = (self.changes().now(), SecretString::from(password));
        SignInAttempt::new(&self.key, began, "example.com", user, user, &password)
    }

    fn changes(&self) -> Arc<Changes> {
        Arc::clone(&self.guard.locked().changes)
    }

    /// Why an attempt is held back: `None` if the directory was asked, which says `verdict`.
    fn sign_in(
        &self,
        user: &str,
        password: &str,
        verdict: impl Into<Outcome>,
        at: Duration,
    ) -> Option<Hold> {
        match self.enter(user, password, at) {
            Entrance::Ask(permit) => {
                assert!(permit.send(), "the first bind has its room");
                permit.answered();
                permit.conclude(&verdict.into(), self.start + at);
                None
            }
            Entrance::Deny(hold) => Some(hold),
            Entrance::Share(_) | Entrance::Wait(_) => panic!("nobody else is asking"),
        }
    }

    /// Sends binds that nobody answers; whether there was room for each.
    fn send_in_vain(&self, user: &str, password: &str, binds: usize, at: Duration) -> Vec<bool> {
        match self.enter(user, password, at) {
            Entrance::Ask(permit) => (0..binds).map(|_| permit.send()).collect(),
            _ => Vec::new(),
        }
    }
}

fn no() -> Outcome {
    Denial::WrongPassword.into()
}

fn same_again(ago: Duration) -> Option<Hold> {
    Some(Hold::SameAgain { ago })
}

fn spent(left: Duration) -> Option<Hold> {
    Some(Hold::Spent { left })
}

const GRANTED: Verdict = Verdict::Granted;

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
fn what_was_sent_and_not_answered_counts_from_when_the_answer_was_due() {
    let bed = GuardBed::new();
    assert_eq!(bed.send_in_vain("alice", "x", 1, Duration::ZERO), [true]);
    assert_eq!(bed.send_in_vain("alice", "x", 2, SECOND), [true, true]);
    assert_eq!(bed.sign_in("alice", "x", no(), 2 * SECOND), spent(60 * MINUTE + 3 * SECOND));
    assert_eq!(bed.sign_in("alice", "x", no(), 60 * MINUTE + 5 * SECOND), None);
    // Nothing was sent: nothing counts.
    for at in 0..9 {
        assert!(bed.send_in_vain("bob", "x", 0, at * SECOND).is_empty());
    }
    assert_eq!(bed.sign_in("bob", "x", no(), 9 * SECOND), None);
}

#[test]
fn one_attempt_sends_no_more_binds_than_may_be_wrong() {
    let bed = GuardBed::new();
    assert_eq!(bed.sign_in("alice", "a", no(), Duration::ZERO), None);
    assert_eq!(bed.send_in_vain("alice", "x", 5, SECOND), [true, true, false, false, false]);
    let Entrance::Ask(permit) = bed.enter("bob", "x", SECOND) else { panic!() };
    // A server that is busy has judged nothing.
    for _ in 0..9 {
        assert!(permit.send());
        permit.answered();
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
        let Entrance::Ask(permit) = bed.enter(&format!("user{index}"), "x", at) else { panic!() };
        if permit.conclude(&no(), bed.start + at) {
            told.push(index);
        }
    }
    assert_eq!(told, [9, 23, 37]);
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
    let Entrance::Ask(slow) = enter("new") else { panic!() };
    assert!(slow.send());
    change();
    // Who asks now is not told what was true before.
    assert!(matches!(enter("new"), Entrance::Wait(_)));
    slow.answered();
    slow.conclude(&no(), bed.start);
    assert_eq!(bed.sign_in("alice", "new", GRANTED, SECOND), None);
    // It was a failure, all the same, and the last share is kept for the new password.
    assert_eq!(bed.sign_in("alice", "a", no(), SECOND), None);
    assert_eq!(bed.sign_in("alice", "b", no(), SECOND), spent(60 * MINUTE));
    let Entrance::Ask(slow) = enter("new") else { panic!() };
    change();
    slow.conclude(&GRANTED.into(), bed.start);
    assert_eq!(bed.sign_in("alice", "other", no(), SECOND), None);
    assert_eq!(bed.sign_in("alice", "new", GRANTED, SECOND), spent(60 * MINUTE));
}

#[test]
fn what_was_forgiven_meanwhile_counts_and_is_asked_again() {
    let bed = GuardBed::new();
    let Entrance::Ask(slow) = bed.enter("alice", "new", SECOND) else { panic!() };
    bed.guard.forgive(bed.key.id("alice"));
    assert!(matches!(bed.enter("alice", "new", SECOND), Entrance::Wait(_)));
    slow.conclude(&no(), bed.start);
    for password in ["new", "b"] {
        assert_eq!(bed.sign_in("alice", password, no(), SECOND), None);
    }
    assert_eq!(bed.sign_in("alice", "c", no(), SECOND), spent(60 * MINUTE));
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
        let bed = GuardBed { guard, key: bed.key.clone(), start: bed.start };
        assert_eq!(bed.sign_in("alice", "c", no(), SECOND).is_some(), is_held, "{failures}");
        assert_eq!(bed.sign_in("alice", "a", no(), SECOND), same_again(SECOND));
    }
}

#[tokio::test]
async fn identical_attempts_at_the_same_time_are_one() {
    let bed = GuardBed::new();
    let enter = |password: &str| bed.enter("alice", password, Duration::ZERO);
    let Entrance::Ask(permit) = enter("secret") else { panic!() };
    let Entrance::Share(outcome) = enter("secret") else { panic!() };
    assert!(matches!(enter("other"), Entrance::Ask(_)));
    permit.conclude(&GRANTED.into(), bed.start);
    let shared = outcome.ended().await;
    assert_eq!(shared.unwrap().verdict, GRANTED);
    // Whoever gave up tells nobody anything.
    let Entrance::Ask(permit) = enter("secret") else { panic!() };
    let Entrance::Share(outcome) = enter("secret") else { panic!() };
    drop(permit);
    assert!(outcome.ended().await.is_none());
    assert!(matches!(enter("secret"), Entrance::Ask(_)));
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
    assert_eq!(bed.guard.locked().records.len(), 100);
    let bed = GuardBed::new();
    for user in 0..20_000u32 {
        bed.sign_in(&format!("user{user}"), "x", no(), user * 10 * SECOND);
        bed.sign_in(&format!("user{user}"), "right", GRANTED, user * 10 * SECOND);
    }
    let state = bed.guard.locked();
    assert!(state.records.len() < 2 * FIRST_SWEEP, "{}", state.records.len());
    assert_eq!(state.right.len(), 100);
}

#[test]
fn no_more_passwords_are_under_way_than_may_be_wrong() {
    let bed = GuardBed::new();
    let enter = |password: &str| bed.enter("alice", password, Duration::ZERO);
    let asking: Vec<_> = ["a", "b", "c"].map(enter).into_iter().collect();
    assert!(asking.iter().all(|entrance| matches!(entrance, Entrance::Ask(_))));
    assert!(matches!(enter("d"), Entrance::Wait(_)));
    assert!(matches!(enter("a"), Entrance::Share(_)));
    assert_eq!(bed.sign_in("bob", "d", no(), SECOND), None);
    let mut verdicts = [no(), no(), Denial::AccountLocked.into()].into_iter();
    for entrance in asking {
        let Entrance::Ask(permit) = entrance else { panic!() };
        permit.conclude(&verdicts.next().unwrap(), bed.start);
    }
    assert_eq!(bed.sign_in("alice", "d", no(), SECOND), None);
    assert_eq!(bed.sign_in("alice", "e", no(), SECOND), spent(60 * MINUTE));
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

#[test]
fn a_hang_keeps_nobody_out_whose_password_was_right() {
    let bed = GuardBed::new();
    assert_eq!(bed.sign_in("alice", "right", Verdict::Granted, Duration::ZERO), None);
    for second in [1, 6, 11] {
        assert_eq!(bed.send_in_vain("alice", "right", 1, SECOND * second), [true]);
    }
    // The last answer was due at 15 s.
    let refused = bed.sign_in("alice", "right", Verdict::Granted, SECOND * 20);
    assert_eq!(refused, Some(Hold::Spent { left: SECOND * 55 }));
    assert_eq!(bed.sign_in("alice", "right", Verdict::Granted, SECOND * 75), None);
    assert_eq!(bed.sign_in("alice", "right", Verdict::Granted, SECOND * 76), None);
}

#[test]
fn in_a_hang_the_right_password_is_sent_once_a_minute_and_a_guess_no_more() {
    let bed = GuardBed::new();
    assert_eq!(bed.sign_in("alice", "right", Verdict::Granted, Duration::ZERO), None);
    let sent = |password: &str| {
        let seconds = (1..600).map(|second| SECOND * second);
        seconds.map(|at| bed.send_in_vain("alice", password, 1, at).len()).sum::<usize>()
    };
    assert_eq!(sent("right"), 3 + 9);
    assert_eq!(sent("guess"), 0);
}
