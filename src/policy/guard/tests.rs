//! What the guard lets through, over time.

use secrecy::SecretString;

use super::super::digest::ProcessKey;
use super::*;
use crate::verdict::Outage;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn settings() -> GuardSettings {
    GuardSettings {
        account: Budget {
            failures: 3,
            within: 60 * MINUTE,
            first_wait: MINUTE,
            longest_wait: 30 * MINUTE,
        },
        domain: Budget {
            failures: 10,
            within: MINUTE,
            first_wait: SECOND,
            longest_wait: 10 * SECOND,
        },
        remember_wrong: 10 * MINUTE,
        accounts: NonZeroUsize::new(100).unwrap(),
    }
}

struct Bed {
    guard: Arc<Guard>,
    key: ProcessKey,
    start: Instant,
}

impl Bed {
    fn new() -> Self {
        let key = ProcessKey::new().unwrap();
        Self { guard: Guard::new(settings()), key, start: Instant::now() }
    }

    fn attempt(&self, user: &str, password: &str) -> Attempt {
        self.key.attempt("example.com", user, &SecretString::from(password))
    }

    /// Why an attempt is held back: `None` if the directory was asked, which says `verdict`.
    fn sign_in(
        &self,
        user: &str,
        password: &str,
        verdict: impl Into<Outcome>,
        at: Duration,
    ) -> Option<Hold> {
        let now = self.start + at;
        match self.guard.enter(self.attempt(user, password), now) {
            Entrance::Ask(permit) => {
                permit.conclude(&verdict.into(), now);
                None
            }
            Entrance::Deny(hold) => Some(hold),
            Entrance::Share(_) | Entrance::Wait(_) => panic!("nobody else is asking"),
        }
    }
}

fn no() -> Outcome {
    Denial::WrongPassword.into()
}

fn same_again(ago: Duration) -> Option<Hold> {
    Some(Hold::SameAgain { ago })
}

fn wait(whose: Whose, left: Duration) -> Option<Hold> {
    Some(Hold::Wait { whose, left })
}

#[test]
fn the_same_wrong_password_is_refused_from_memory_for_a_while() {
    let bed = Bed::new();
    assert_eq!(bed.sign_in("alice", "old", no(), Duration::ZERO), None);
    for at in [SECOND, MINUTE, 9 * MINUTE] {
        assert_eq!(bed.sign_in("alice", "old", no(), at), same_again(at));
    }
    assert_eq!(bed.sign_in("bob", "old", no(), MINUTE), None);
    assert_eq!(bed.sign_in("alice", "new", Verdict::Granted, MINUTE), None);
    // It was right again in between: what was wrong may have changed as well.
    assert_eq!(bed.sign_in("alice", "old", no(), 2 * MINUTE), None);
    assert_eq!(bed.sign_in("alice", "old", no(), 12 * MINUTE), None);
}

#[test]
fn different_wrong_passwords_are_let_through_ever_more_seldom() {
    let bed = Bed::new();
    for (index, at) in (0..4).zip([0, 1, 2, 3]) {
        assert_eq!(bed.sign_in("alice", &index.to_string(), no(), at * SECOND), None);
    }
    assert_eq!(bed.sign_in("alice", "4", no(), 4 * SECOND), wait(Whose::Account, 59 * SECOND));
    assert_eq!(bed.sign_in("alice", "5", no(), 62 * SECOND), wait(Whose::Account, SECOND));
    assert_eq!(bed.sign_in("alice", "6", no(), 64 * SECOND), None);
    // Twice as long.
    assert_eq!(bed.sign_in("alice", "7", no(), 180 * SECOND), wait(Whose::Account, 4 * SECOND));
    assert_eq!(bed.sign_in("alice", "8", no(), 185 * SECOND), None);
    assert_eq!(bed.sign_in("bob", "1", no(), 185 * SECOND), None);
    // A whole hour without a failure frees as many as there were.
    assert_eq!(bed.sign_in("alice", "9", no(), 120 * MINUTE), None);
    assert_eq!(bed.sign_in("alice", "10", no(), 120 * MINUTE), None);
}

#[test]
fn an_attacker_reaches_the_directory_fewer_than_ten_times_in_half_an_hour() {
    let bed = Bed::new();
    let asked = (0..1800u32)
        .filter(|second| {
            bed.sign_in("alice", &second.to_string(), no(), *second * SECOND).is_none()
        })
        .count();
    assert!((4..10).contains(&asked), "{asked}");
}

#[test]
fn who_was_let_in_before_is_let_through_always() {
    let bed = Bed::new();
    assert_eq!(bed.sign_in("alice", "right", Verdict::Granted, Duration::ZERO), None);
    for index in 0..4 {
        assert_eq!(bed.sign_in("alice", &index.to_string(), no(), SECOND), None);
    }
    assert_eq!(bed.sign_in("alice", "other", no(), 2 * SECOND), wait(Whose::Account, 59 * SECOND));
    assert_eq!(bed.sign_in("alice", "right", Verdict::Granted, 2 * SECOND), None);
    // That success has cleared the account.
    assert_eq!(bed.sign_in("alice", "other", no(), 3 * SECOND), None);
    // Once it is wrong, it is as any other.
    assert_eq!(bed.sign_in("alice", "right", no(), 4 * SECOND), None);
    assert_eq!(bed.sign_in("alice", "right", no(), 5 * SECOND), same_again(SECOND));
}

#[test]
fn a_domain_has_a_budget_too() {
    let bed = Bed::new();
    for index in 0..11 {
        assert_eq!(bed.sign_in(&format!("user{index}"), "x", no(), Duration::ZERO), None);
    }
    assert_eq!(bed.sign_in("another", "x", no(), Duration::ZERO), wait(Whose::Domain, SECOND));
    assert_eq!(bed.sign_in("another", "x", Verdict::Granted, SECOND), None);
}

#[test]
fn only_answers_about_the_password_count() {
    let bed = Bed::new();
    for (index, outcome) in [
        Outcome::from(Outage::NoServer),
        Denial::PasswordExpired.into(),
        Denial::AccountDisabled.into(),
        Outage::DeadlinePassed.into(),
        Denial::MustChangePassword.into(),
    ]
    .into_iter()
    .cycle()
    .take(40)
    .enumerate()
    {
        let at = u32::try_from(index).unwrap() * SECOND;
        assert_eq!(bed.sign_in("alice", "same", outcome, at), None);
    }
}

#[test]
fn a_locked_account_uses_up_its_budget_and_no_password_is_taken_for_wrong() {
    let bed = Bed::new();
    for at in 0..4 {
        let locked = Denial::AccountLocked;
        assert_eq!(bed.sign_in("alice", "same", locked, at * SECOND), None);
    }
    assert_eq!(bed.sign_in("alice", "same", no(), 4 * SECOND), wait(Whose::Account, 59 * SECOND));
}

#[test]
fn a_change_forgets_everything() {
    let bed = Bed::new();
    for index in 0..4 {
        assert_eq!(bed.sign_in("alice", &index.to_string(), no(), Duration::ZERO), None);
    }
    bed.guard.forget(bed.key.id("alice"));
    assert_eq!(bed.sign_in("alice", "0", Verdict::Granted, SECOND), None);
}

#[tokio::test]
async fn identical_attempts_at_the_same_time_are_one() {
    let bed = Bed::new();
    let attempt = bed.attempt("alice", "secret");
    let Entrance::Ask(permit) = bed.guard.enter(attempt, bed.start) else { panic!() };
    let Entrance::Share(outcome) = bed.guard.enter(attempt, bed.start) else { panic!() };
    let other = bed.attempt("alice", "other");
    assert!(matches!(bed.guard.enter(other, bed.start), Entrance::Ask(_)));
    permit.conclude(&Verdict::Granted.into(), bed.start);
    let shared = outcome.ended().await;
    assert_eq!(shared.unwrap().verdict, Verdict::Granted);
    // Whoever gave up tells nobody anything.
    let Entrance::Ask(permit) = bed.guard.enter(attempt, bed.start) else { panic!() };
    let Entrance::Share(outcome) = bed.guard.enter(attempt, bed.start) else { panic!() };
    drop(permit);
    assert!(outcome.ended().await.is_none());
    assert!(matches!(bed.guard.enter(attempt, bed.start), Entrance::Ask(_)));
}

#[test]
fn memory_is_bounded() {
    let bed = Bed::new();
    for index in 0..1000u32 {
        let at = index * 10 * SECOND;
        bed.sign_in(&format!("user{index}"), "x", no(), at);
    }
    let state = bed.guard.locked();
    assert_eq!(state.records.len(), 100);
    assert_eq!(state.in_flight.len(), 0);
}

#[test]
fn no_more_passwords_are_under_way_than_may_be_wrong() {
    let bed = Bed::new();
    let enter = |password: &str| bed.guard.enter(bed.attempt("alice", password), bed.start);
    let asking: Vec<_> = ["a", "b", "c"].map(enter).into_iter().collect();
    assert!(asking.iter().all(|entrance| matches!(entrance, Entrance::Ask(_))));
    assert!(matches!(enter("d"), Entrance::Wait(_)));
    assert!(matches!(enter("a"), Entrance::Share(_)));
    assert_eq!(bed.sign_in("bob", "d", no(), SECOND), None);
    for entrance in asking {
        let Entrance::Ask(permit) = entrance else { panic!() };
        permit.conclude(&no(), bed.start);
    }
    // One more than is free begins the first wait.
    assert_eq!(bed.sign_in("alice", "d", no(), SECOND), None);
    assert_eq!(bed.sign_in("alice", "e", no(), SECOND), wait(Whose::Account, MINUTE));
}
