//! Hours of attacks in paused time, on directories that count failures as the products do: how many
//! wrong passwords reach them, and whether they lock the account.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "../support/accounts.rs"]
mod accounts;
mod random;

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use accounts::{Script, Scripted, entry};
use futures_util::future::join_all;
use tokio::time::{Instant, sleep, sleep_until};
use xmpp_ldap_auth::answer::Answer;
use xmpp_ldap_auth::authenticator::{Authenticator, ServedDomains};
use xmpp_ldap_auth::deadline::Deadline;
use xmpp_ldap_auth::directory::backend::Candidate;
use xmpp_ldap_auth::jid::Account;
use xmpp_ldap_auth::policy::Policies;
use xmpp_ldap_auth::policy::admission::PersonalWait;
use xmpp_ldap_auth::policy::cache::{CacheMode, CacheSettings};
use xmpp_ldap_auth::policy::guard::{AnswerSignal, Budget, CountedBind, GuardSettings, Permit};
use xmpp_ldap_auth::request::Request;
use xmpp_ldap_auth::verdict::{Denial, Outage, Outcome, Verdict};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// For how long a server thinks about a bind before its connection breaks.
const SLOW: Duration = Duration::from_millis(1500);

/// The failures of one entry at the directory.
#[derive(Debug, Default)]
struct Failures {
    /// When each wrong password was judged.
    at: Vec<Instant>,
    /// Those that count by the rule of Active Directory: they are forgotten after a whole quiet window.
    in_a_row: u32,
    most_in_a_row: u32,
}

impl Failures {
    fn add(&mut self, within: Duration, now: Instant) {
        let is_quiet = self.at.last().is_none_or(|last| now - *last > within);
        self.in_a_row = if is_quiet { 1 } else { self.in_a_row + 1 };
        self.most_in_a_row = self.most_in_a_row.max(self.in_a_row);
        self.at.push(now);
    }

    /// The most in any window, as OpenLDAP counts.
    fn most_within(&self, within: Duration) -> usize {
        let from = |start: &Instant| {
            self.at.iter().filter(|at| **at >= *start && **at - *start < within).count()
        };
        self.at.iter().map(from).max().unwrap_or_default()
    }
}

/// A directory on which each user has the password `right`; users with one entry are told apart by
/// what stands behind a dot.
struct Counting {
    failures: Mutex<HashMap<String, Failures>>,
    password: Mutex<&'static str>,
    is_slow: Mutex<bool>,
    /// Whose wrong passwords it has not read yet, while it hangs.
    hung: Mutex<Option<Vec<String>>>,
    answer_signal: Arc<AnswerSignal>,
    within: Duration,
}

impl Script for Counting {
    fn entry(&self, account: &Account) -> Result<Candidate, Outcome> {
        Ok(entry(account.localpart().split('.').next().unwrap()))
    }

    async fn bind(
        &self,
        entry: &str,
        password: &str,
        permit: &Permit,
        _: &PersonalWait,
        by: Deadline,
    ) -> Outcome {
        loop {
            let Some(sent) = permit.send(&self.answer_signal) else {
                return Outage::TooManyFailures.into();
            };
            let is_right = password == *self.password.lock().unwrap();
            if let Some(unread) = &mut *self.hung.lock().unwrap() {
                unread.extend((!is_right).then(|| entry.to_owned()));
                return Outage::DeadlinePassed.into();
            }
            if !is_right {
                let mut failures = self.failures.lock().unwrap();
                failures.entry(entry.to_owned()).or_default().add(self.within, Instant::now());
            }
            let is_slow = *self.is_slow.lock().unwrap();
            if by.bound(sleep(if is_slow { SLOW } else { MINUTE / 6000 })).await.is_err() {
                return Outage::DeadlinePassed.into();
            }
            if is_slow {
                // The connection broke, so it is tried on another one.
                continue;
            }
            sent.answered();
            self.answer_signal.answered(Instant::now());
            return if is_right { Verdict::Granted.into() } else { Denial::WrongPassword.into() };
        }
    }
}

/// An attack on an authenticator of that directory.
struct Attack {
    directory: Scripted<Counting>,
    authenticator: Authenticator<Scripted<Counting>>,
    started: Instant,
    guesses: Mutex<u64>,
}

impl Attack {
    fn on(failures: u32, within: Duration) -> Self {
        let account = Budget { failures, within };
        let accounts = NonZeroUsize::new(50).unwrap();
        let guard = GuardSettings { account, domain: account, remember_wrong: within, accounts };
        let cache =
            CacheSettings { mode: CacheMode::StaleIfUnavailable, good_for: 12 * HOUR, accounts };
        let directory = Scripted::new(Counting {
            failures: Mutex::default(),
            password: Mutex::new("right"),
            is_slow: Mutex::default(),
            hung: Mutex::default(),
            answer_signal: Arc::default(),
            within,
        });
        let served = ServedDomains {
            domains: HashMap::from([("h".to_owned(), directory.clone())]),
            policies: Arc::new(Policies::new(Some(guard), Some(cache)).unwrap()),
        };
        let authenticator = Authenticator::new(served);
        Self { directory, authenticator, started: Instant::now(), guesses: Mutex::default() }
    }

    async fn try_password(&self, user: &str, password: &str) -> Verdict {
        let account = Arc::new(Account::new(user, "h").unwrap());
        let request = Request::Auth { account, password: password.into() };
        let by = Deadline::after(Instant::now(), 4 * SECOND);
        self.authenticator.answer(&request, by).await.verdict
    }

    /// Tries a password that nobody has tried.
    async fn guess(&self, user: &str) -> Verdict {
        let guess = {
            let mut guesses = self.guesses.lock().unwrap();
            *guesses += 1;
            format!("guess{guesses}")
        };
        self.try_password(user, &guess).await
    }

    fn is_going_on(&self, hours: Duration) -> bool {
        self.started.elapsed() < hours
    }

    fn set_slow(&self, is_slow: bool) {
        *self.directory.script.is_slow.lock().unwrap() = is_slow;
    }

    fn hang(&self) {
        *self.directory.script.hung.lock().unwrap() = Some(Vec::new());
    }

    /// The directory reads what it was sent while it hung, and answers others.
    fn go_on(&self) {
        let script = &self.directory.script;
        for entry in script.hung.lock().unwrap().take().into_iter().flatten() {
            let mut failures = script.failures.lock().unwrap();
            failures.entry(entry).or_default().add(script.within, Instant::now());
        }
        script.answer_signal.answered(Instant::now());
    }
}

const DURATION: Duration = Duration::from_secs(5 * 3600);

/// Guesses at once, and again and again.
async fn bursts(attack: &Attack) {
    while attack.is_going_on(DURATION) {
        join_all((0..20).map(|_| attack.guess("alice"))).await;
        sleep(37 * SECOND).await;
    }
}

/// One guess now and then: so seldom that each is forgotten by a bucket that leaks.
async fn drip(attack: &Attack) {
    let mut pause = SECOND;
    while attack.is_going_on(DURATION) {
        let _ = attack.guess("alice").await;
        sleep(pause).await;
        pause = (pause * 2).min(13 * MINUTE);
    }
}

async fn alternating_accounts(attack: &Attack) {
    while attack.is_going_on(HOUR) {
        for user in 0..40 {
            let _ = attack.guess(&format!("user{user}")).await;
        }
        let _ = attack.guess("alice").await;
        sleep(20 * SECOND).await;
    }
}

async fn aliases(attack: &Attack) {
    for alias in 0.. {
        if !attack.is_going_on(DURATION) {
            break;
        }
        let _ = attack.guess(&format!("alice.{alias}")).await;
        sleep(50 * SECOND).await;
    }
}

async fn a_phone_with_an_old_password(attack: &Attack) {
    while attack.is_going_on(DURATION) {
        let _ = attack.try_password("alice", "yesterdays").await;
        sleep(20 * SECOND).await;
    }
}

async fn with_its_owner_in_between(attack: &Attack) {
    let _ = attack.try_password("alice", "right").await;
    while attack.is_going_on(DURATION) {
        join_all((0..3).map(|_| attack.guess("alice"))).await;
        let _ = attack.try_password("alice", "yesterdays").await;
        assert_eq!(attack.try_password("alice", "right").await, Verdict::Granted);
        sleep(MINUTE).await;
    }
}

/// The phones keep the password that was right.
async fn a_password_that_was_changed_elsewhere(attack: &Attack) {
    let _ = attack.try_password("alice", "right").await;
    while attack.is_going_on(DURATION) {
        *attack.directory.script.password.lock().unwrap() = "changed";
        join_all((0..5).map(|_| attack.guess("alice"))).await;
        let _ = attack.try_password("alice", "right").await;
        let _ = attack.try_password("alice", "changed").await;
        *attack.directory.script.password.lock().unwrap() = "right";
        sleep(7 * MINUTE).await;
        let _ = attack.try_password("alice", "right").await;
    }
}

async fn binds_that_are_not_answered(attack: &Attack) {
    let _ = attack.try_password("alice", "right").await;
    while attack.is_going_on(HOUR) {
        attack.set_slow(true);
        for password in ["yesterdays", "yesterdays", "right"] {
            let _ = attack.try_password("alice", password).await;
            let _ = attack.guess("alice").await;
        }
        join_all((0..5).map(|_| attack.guess("alice"))).await;
        attack.set_slow(false);
        let _ = attack.guess("alice").await;
        let _ = attack.try_password("alice", "yesterdays").await;
        let _ = attack.try_password("alice", "right").await;
        sleep(70 * SECOND).await;
    }
}

async fn a_server_that_hangs_for_longer_than_failures_count(attack: &Attack) {
    while attack.is_going_on(2 * DURATION) {
        attack.hang();
        for _ in 0..12 {
            let _ = attack.guess("alice").await;
            sleep(attack.directory.script.within / 8).await;
        }
        attack.go_on();
        for _ in 0..5 {
            let _ = attack.guess("alice").await;
            sleep(SECOND).await;
        }
        sleep(attack.directory.script.within).await;
    }
}

async fn callers_that_give_up(attack: &Attack) {
    attack.set_slow(true);
    while attack.is_going_on(HOUR) {
        let _ = tokio::time::timeout(SECOND, attack.guess("alice")).await;
        sleep(10 * SECOND).await;
    }
}

async fn changes_of_the_password_in_between(attack: &Attack) {
    let account = Arc::new(Account::new("alice", "h").unwrap());
    let change = Request::SetPass { account, password: "right".into() };
    while attack.is_going_on(HOUR) {
        let _ = attack.guess("alice").await;
        let _ = attack.try_password("alice", "yesterdays").await;
        let by = Deadline::after(Instant::now(), SECOND);
        let _ = attack.authenticator.answer(&change, by).await;
        sleep(20 * SECOND).await;
    }
}

#[tokio::test(start_paused = true)]
async fn no_attack_brings_more_wrong_passwords_than_promised_to_the_directory() {
    let budgets = [
        (1, 30 * MINUTE),
        (2, 30 * MINUTE),
        (3, HOUR),
        (4, 10 * MINUTE),
        (9, 2 * HOUR),
        (3, 24 * HOUR),
    ];
    for (failures, within) in budgets {
        let attacks = async |name: &'static str, attack: &Attack| match name {
            "bursts" => bursts(attack).await,
            "drip" => drip(attack).await,
            "alternating" => alternating_accounts(attack).await,
            "aliases" => aliases(attack).await,
            "phone" => a_phone_with_an_old_password(attack).await,
            "owner" if failures > 1 => with_its_owner_in_between(attack).await,
            "changed" => a_password_that_was_changed_elsewhere(attack).await,
            "unanswered" => binds_that_are_not_answered(attack).await,
            "hang" => a_server_that_hangs_for_longer_than_failures_count(attack).await,
            "given up" => callers_that_give_up(attack).await,
            "setpass" => changes_of_the_password_in_between(attack).await,
            _ => {}
        };
        for name in [
            "bursts",
            "drip",
            "alternating",
            "aliases",
            "phone",
            "owner",
            "changed",
            "unanswered",
            "hang",
            "given up",
            "setpass",
        ] {
            let attack = Attack::on(failures, within);
            attacks(name, &attack).await;
            let all = attack.directory.script.failures.lock().unwrap();
            for (entry, counted) in &*all {
                let (most, limit) =
                    (counted.most_within(within), usize::try_from(failures).unwrap());
                assert!(most <= limit, "{name}: {most} of {entry} in {within:?}, not {failures}");
                let in_a_row = counted.most_in_a_row;
                assert!(in_a_row <= failures, "{name}: {entry}: {in_a_row} without a quiet time");
            }
            let reached = all.values().map(|counted| counted.at.len()).sum::<usize>();
            let is_none_due = name == "owner" && failures == 1;
            assert_eq!(reached == 0, is_none_due, "{name}: the attack must reach the directory");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_wrong_password_reaches_the_directory_once_in_each_window() {
    let attack = Attack::on(3, HOUR);
    a_phone_with_an_old_password(&attack).await;
    let all = attack.directory.script.failures.lock().unwrap();
    assert_eq!(all["alice"].most_within(HOUR), 1);
    assert_eq!(all["alice"].at.len(), 5);
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_and_not_answered_counts_once_for_each_bind() {
    let attack = Attack::on(3, HOUR);
    attack.set_slow(true);
    for _ in 0..8 {
        let _ = attack.try_password("alice", "yesterdays").await;
    }
    assert_eq!(attack.directory.script.failures.lock().unwrap()["alice"].at.len(), 3);
    attack.set_slow(false);
    attack.go_on();
    let held = attack.try_password("alice", "right").await;
    assert_eq!(held, Verdict::Unavailable(Outage::TooManyFailures));
    sleep_until(attack.started + HOUR + MINUTE).await;
    assert_eq!(attack.try_password("alice", "right").await, Verdict::Granted);
}
