//! What is asked of a scripted directory and what is remembered, in paused time.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/accounts.rs"]
mod accounts;

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use accounts::{Script, Scripted, entry};
use tokio::time::{Instant, sleep};
use xmpp_ldap_auth::answer::Answer;
use xmpp_ldap_auth::authenticator::{Authenticator, ServedDomains};
use xmpp_ldap_auth::deadline::Deadline;
use xmpp_ldap_auth::directory::backend::Candidate;
use xmpp_ldap_auth::jid::Account;
use xmpp_ldap_auth::policy::Policies;
use xmpp_ldap_auth::policy::cache::{CacheSettings, Mode};
use xmpp_ldap_auth::policy::guard::{Budget, Entrance, GuardSettings, Hold, Permit};
use xmpp_ldap_auth::request::Request;
use xmpp_ldap_auth::verdict::{Denial, Outage, Outcome, Verdict};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

const ACCOUNTS: NonZeroUsize = NonZeroUsize::new(10).unwrap();

/// One account, whose entry can be renamed, and whose directory can fail; and `bob`, whom the
/// directory always accepts at once.
#[derive(Default)]
struct Plan {
    password: &'static str,
    entry: &'static str,
    /// The entry that is remembered, and is not looked up to sign in.
    remembered: Option<&'static str>,
    is_doubtful: bool,
    /// Whether its name follows from the account's, so that nobody reads it.
    is_unasked: bool,
    /// Why whoever is found is denied.
    denial: Option<Outcome>,
    /// Why it does not exist for `isuser`.
    hidden: Option<Outcome>,
    /// What becomes of each look-up or bind, if the directory does not judge it.
    search: Option<Outcome>,
    bind: Option<Outcome>,
    change: Option<Outcome>,
    /// What a bind is that is not answered in time.
    unanswered: Option<Outage>,
    /// How long a bind, after it was judged, or a change takes.
    delay: Duration,
    binds: usize,
}

type Directory = Scripted<Mutex<Plan>>;

impl Script for Mutex<Plan> {
    fn entry(&self, account: &Account) -> Result<Candidate, Outcome> {
        if account.localpart() == "bob" {
            return Ok(entry("cn=b"));
        }
        let plan = self.lock().unwrap();
        let found = entry(plan.entry);
        match (&plan.search, &plan.denial) {
            (Some(outcome), _) => Err(outcome.clone()),
            (None, _) if plan.is_doubtful => Ok(found.doubtful()),
            (None, _) if plan.is_unasked => Ok(found.unasked()),
            (None, Some(denial)) => Ok(found.refused(denial.clone())),
            (None, None) => Ok(found),
        }
    }

    fn remembered(&self) -> Option<Candidate> {
        self.lock().unwrap().remembered.map(entry)
    }

    async fn bind(&self, entry: &str, password: &str, permit: &Permit, by: Deadline) -> Outcome {
        if entry == "cn=b" {
            sleep(Duration::from_millis(3)).await;
            return Verdict::Granted.into();
        }
        let (delay, is_right) = {
            let plan = self.lock().unwrap();
            (plan.delay, entry == plan.entry && password == plan.password)
        };
        assert!(permit.send());
        if by.bound(sleep(delay)).await.is_err() {
            let unanswered = self.lock().unwrap().unanswered;
            return unanswered.unwrap_or(Outage::DeadlinePassed).into();
        }
        permit.answered();
        let mut plan = self.lock().unwrap();
        plan.binds += 1;
        if let Some(outcome) = &plan.bind {
            return outcome.clone();
        }
        if is_right { Verdict::Granted.into() } else { Denial::WrongPassword.into() }
    }

    async fn exists(&self, _: &Account) -> Outcome {
        let plan = self.lock().unwrap();
        plan.search.clone().or(plan.hidden.clone()).unwrap_or_else(|| Verdict::Granted.into())
    }

    async fn change(&self, _: &str) -> Outcome {
        let delay = self.lock().unwrap().delay;
        sleep(delay).await;
        let mut plan = self.lock().unwrap();
        if let Some(refusal) = &plan.change {
            return refusal.clone();
        }
        plan.password = "new";
        Verdict::Granted.into()
    }
}

/// An authenticator of that directory.
struct Bed {
    directory: Directory,
    policies: Arc<Policies>,
    authenticator: Authenticator<Directory>,
}

impl Bed {
    fn new(guard: Option<GuardSettings>, mode: Option<Mode>) -> Self {
        let plan = Plan { password: "right", entry: "cn=a", ..Plan::default() };
        let directory = Scripted::new(Mutex::new(plan));
        let policies = Arc::new(Policies::new(guard, mode.map(cache)).unwrap());
        let domains = ["h", "alias"].map(|domain| (domain.to_owned(), directory.clone()));
        let domains = HashMap::from(domains);
        let served = ServedDomains { domains, policies: Arc::clone(&policies) };
        Self { directory, policies, authenticator: Authenticator::new(served) }
    }

    fn script(&self, change: impl FnOnce(&mut Plan)) {
        change(&mut self.directory.script.lock().unwrap());
    }

    fn binds(&self) -> usize {
        self.directory.script.lock().unwrap().binds
    }

    async fn ask(&self, request: &Request, within: Duration) -> Outcome {
        self.authenticator.answer(request, Deadline::after(Instant::now(), within)).await
    }

    async fn sign_in(&self, password: &str) -> Verdict {
        self.ask(&auth(password), 4 * SECOND).await.verdict
    }

    async fn sign_in_at(&self, domain: &str, password: &str) -> Verdict {
        let account = Arc::new(Account::new("alice", domain).unwrap());
        let request = Request::Auth { account, password: password.into() };
        self.ask(&request, 4 * SECOND).await.verdict
    }

    async fn exists(&self) -> Verdict {
        self.ask(&Request::IsUser { account: alice() }, 4 * SECOND).await.verdict
    }
}

const WRONG: Verdict = Verdict::Denied(Denial::WrongPassword);
const HELD: Verdict = Verdict::Unavailable(Outage::TooManyFailures);
const OUT: Verdict = Verdict::Unavailable(Outage::NoServer);

fn guard() -> GuardSettings {
    let account = Budget { failures: 3, within: HOUR };
    let domain = Budget { failures: 100, within: HOUR };
    GuardSettings { account, domain, remember_wrong: HOUR, accounts: ACCOUNTS }
}

fn cache(mode: Mode) -> CacheSettings {
    CacheSettings { mode, good_for: 10 * MINUTE, accounts: ACCOUNTS }
}

fn alice() -> Arc<Account> {
    Arc::new(Account::new("alice", "h").unwrap())
}

fn auth(password: &str) -> Request {
    Request::Auth { account: alice(), password: password.into() }
}

fn out() -> Option<Outcome> {
    Some(Outage::NoServer.into())
}

#[tokio::test(start_paused = true)]
async fn what_needs_no_directory_does_not_reach_it() {
    let bed = Bed::new(None, None);
    assert_eq!(bed.sign_in("").await, Verdict::Denied(Denial::EmptyPassword));
    let account = Arc::new(Account::new("alice", "elsewhere").unwrap());
    let elsewhere = bed.ask(&Request::IsUser { account }, SECOND).await;
    assert_eq!(elsewhere.verdict, Verdict::Denied(Denial::UnknownDomain));
    let authenticator = Authenticator::<Directory>::misconfigured();
    let by = Deadline::after(Instant::now(), SECOND);
    let outcome = authenticator.answer(&auth("right"), by).await;
    assert_eq!(outcome.verdict, Verdict::Unavailable(Outage::Misconfigured));
    assert_eq!(bed.binds(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_yes_from_memory_makes_nothing_younger() {
    let bed = Bed::new(None, Some(Mode::Ttl));
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
    for mode in [Mode::Ttl, Mode::StaleIfUnavailable] {
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
async fn an_account_that_nobody_reads_is_the_directorys_to_judge() {
    for (mode, in_outage) in [(Mode::Ttl, OUT), (Mode::StaleIfUnavailable, Verdict::Granted)] {
        let bed = Bed::new(None, Some(mode));
        bed.script(|script| script.is_unasked = true);
        for binds in 1..=2 {
            assert_eq!(bed.sign_in("right").await, Verdict::Granted);
            assert_eq!(bed.binds(), binds, "{mode:?}");
        }
        bed.script(|script| script.bind = out());
        assert_eq!(bed.sign_in("right").await, in_outage, "{mode:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn in_an_outage_who_was_let_in_is_let_in_with_that_password() {
    for (search, bind) in [(out(), None), (None, out())] {
        let bed = Bed::new(Some(guard()), Some(Mode::StaleIfUnavailable));
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
    for mode in [Mode::Ttl, Mode::StaleIfUnavailable] {
        let bed = Bed::new(Some(guard()), Some(mode));
        assert_eq!(bed.sign_in("right").await, Verdict::Granted);
        assert_eq!(bed.sign_in("wrong").await, WRONG);
        bed.script(|script| script.bind = out());
        assert_eq!(bed.sign_in("right").await, OUT, "{mode:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_guard_holds_back_ends_nothing_that_is_remembered() {
    let bed = Bed::new(Some(guard()), Some(Mode::StaleIfUnavailable));
    for password in ["a", "b"] {
        assert_eq!(bed.sign_in(password).await, WRONG);
    }
    assert_eq!(bed.sign_in("right").await, Verdict::Granted);
    assert_eq!(bed.sign_in("c").await, HELD);
    bed.script(|script| script.bind = out());
    assert_eq!(bed.sign_in("right").await, Verdict::Granted);
}

#[tokio::test(start_paused = true)]
async fn in_an_outage_guesses_are_as_few_as_at_the_directory() {
    let bed = Bed::new(Some(guard()), Some(Mode::StaleIfUnavailable));
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
            let bed = Bed::new(None, Some(Mode::StaleIfUnavailable));
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
async fn a_no_counts_for_every_name_of_the_entry() {
    let denials: [fn(&mut Plan); 3] = [
        |script| script.password = "changed",
        |script| script.denial = Some(Denial::NotInGroup.into()),
        |script| script.search = Some(Denial::UnknownUser.into()),
    ];
    for (index, deny) in denials.into_iter().enumerate() {
        let bed = Bed::new(Some(guard()), Some(Mode::StaleIfUnavailable));
        for domain in ["h", "alias"] {
            assert_eq!(bed.sign_in_at(domain, "right").await, Verdict::Granted);
        }
        bed.script(deny);
        assert!(matches!(bed.sign_in("right").await, Verdict::Denied(_)));
        bed.script(|script| (script.search, script.bind) = (out(), out()));
        for domain in ["h", "alias"] {
            assert_eq!(bed.sign_in_at(domain, "right").await, OUT, "{domain}, {index}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_only_hidden_from_isuser_goes_on_signing_in() {
    let bed = Bed::new(None, Some(Mode::StaleIfUnavailable));
    assert_eq!(bed.sign_in("right").await, Verdict::Granted);
    assert_eq!(bed.exists().await, Verdict::Granted);
    for denial in [Denial::NotInGroup, Denial::AccountDisabled] {
        bed.script(|script| script.hidden = Some(denial.into()));
        assert_eq!(bed.exists().await, Verdict::Denied(denial));
        bed.script(|script| script.search = out());
        assert_eq!(bed.exists().await, OUT);
        assert_eq!(bed.sign_in("right").await, Verdict::Granted);
        bed.script(|script| script.search = None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_that_is_refused_forgets_nothing() {
    let bed = Bed::new(Some(guard()), Some(Mode::Ttl));
    assert_eq!(bed.sign_in("wrong").await, WRONG);
    assert_eq!(bed.sign_in("right").await, Verdict::Granted);
    bed.script(|script| script.change = Some(Denial::PasswordRefused.into()));
    let change = Request::SetPass { account: alice(), password: "new".into() };
    let refused = bed.ask(&change, SECOND).await.verdict;
    assert_eq!(refused, Verdict::Denied(Denial::PasswordRefused));
    for (password, expected) in [("right", Verdict::Granted), ("wrong", WRONG)] {
        assert_eq!(bed.sign_in(password).await, expected);
    }
    assert_eq!(bed.binds(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_entry_with_another_name_by_now_is_tried_once_more() {
    let bed = Bed::new(Some(guard()), Some(Mode::StaleIfUnavailable));
    bed.script(|script| script.remembered = Some("cn=before"));
    assert_eq!(bed.sign_in("right").await, Verdict::Granted);
    assert_eq!(bed.binds(), 2);
    assert_eq!(bed.sign_in("wrong").await, WRONG);
    assert_eq!(bed.binds(), 4);
    bed.script(|script| script.remembered = Some("cn=a"));
    assert_eq!(bed.sign_in("other").await, WRONG);
    assert_eq!(bed.binds(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_refused_password_is_forgotten_although_the_name_cannot_be_looked_up_again() {
    let bed = Bed::new(None, Some(Mode::StaleIfUnavailable));
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
    let bed = Bed::new(None, Some(Mode::StaleIfUnavailable));
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
async fn who_waits_for_a_bind_that_nobody_confirms_is_not_let_in_from_memory() {
    let unanswered = Verdict::Unavailable(Outage::BindUnanswered);
    for failures in [1, 3] {
        let account = Budget { failures, within: HOUR };
        let guard = GuardSettings { account, ..guard() };
        let bed = Bed::new(Some(guard), Some(Mode::StaleIfUnavailable));
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

#[tokio::test(start_paused = true)]
async fn a_change_forgets_what_was_proved_before_it_and_meanwhile() {
    let change = Request::SetPass { account: alice(), password: "new".into() };
    for signs_in_meanwhile in [false, true] {
        let bed = Bed::new(Some(guard()), Some(Mode::Ttl));
        assert_eq!(bed.sign_in("right").await, Verdict::Granted);
        assert_eq!(bed.sign_in("new").await, WRONG);
        assert_eq!(bed.sign_in("right").await, Verdict::Granted);
        bed.script(|script| script.delay = SECOND);
        if signs_in_meanwhile {
            let outcomes = tokio::join!(bed.ask(&change, 4 * SECOND), async {
                bed.script(|script| script.delay = Duration::ZERO);
                bed.sign_in("right").await
            });
            assert_eq!(outcomes.1, Verdict::Granted);
            assert_eq!(outcomes.0.verdict, Verdict::Granted);
        } else {
            // Given up half-way, when nobody can say what the password is now.
            let given_up = tokio::time::timeout(SECOND / 2, bed.ask(&change, 4 * SECOND)).await;
            assert!(given_up.is_err());
            bed.script(|script| (script.password, script.delay) = ("new", Duration::ZERO));
        }
        assert_eq!(bed.sign_in("right").await, WRONG);
        assert_eq!(bed.sign_in("new").await, Verdict::Granted);
    }
}

#[tokio::test(start_paused = true)]
async fn what_began_before_a_change_and_ends_after_it_proves_nothing() {
    let modes = [None, Some(Mode::Ttl), Some(Mode::StaleIfUnavailable)];
    for (mode, is_guarded) in modes.into_iter().flat_map(|mode| [(mode, true), (mode, false)]) {
        for (password, before, after) in
            [("right", Verdict::Granted, WRONG), ("new", WRONG, Verdict::Granted)]
        {
            let bed = Bed::new(is_guarded.then(guard), mode);
            bed.script(|plan| plan.delay = 2 * SECOND);
            let overtaken = bed.sign_in_at("alias", password);
            let change = async {
                sleep(SECOND).await;
                bed.script(|plan| plan.delay = Duration::ZERO);
                let request = Request::SetPass { account: alice(), password: "new".into() };
                assert_eq!(bed.ask(&request, 4 * SECOND).await.verdict, Verdict::Granted);
                // Whoever asks now asks about the password that there is now.
                bed.sign_in(password).await
            };
            let (overtaken, now) = tokio::join!(overtaken, change);
            assert_eq!((overtaken, now), (before, after), "{mode:?} {is_guarded}");
            assert_eq!(bed.sign_in(password).await, after, "{mode:?} {is_guarded}");
        }
    }
}

/// An outage after a change that a slow sign-in with the old password outlives.
#[tokio::test(start_paused = true)]
async fn an_old_password_that_was_proved_late_stands_in_for_nothing() {
    let bed = Bed::new(None, Some(Mode::StaleIfUnavailable));
    bed.script(|plan| plan.delay = 2 * SECOND);
    let change = async {
        sleep(SECOND).await;
        bed.script(|plan| plan.delay = Duration::ZERO);
        let request = Request::SetPass { account: alice(), password: "new".into() };
        assert_eq!(bed.ask(&request, 4 * SECOND).await.verdict, Verdict::Granted);
    };
    let (slow, ()) = tokio::join!(bed.sign_in_at("alias", "right"), change);
    assert_eq!(slow, Verdict::Granted);
    bed.script(|plan| plan.search = out());
    for domain in ["alias", "h"] {
        assert_eq!(bed.sign_in_at(domain, "right").await, OUT);
    }
}

/// A change may end by a configuration that is in use no more.
#[tokio::test(start_paused = true)]
async fn a_change_is_known_to_every_configuration() {
    for settings in [None, Some(guard())] {
        let old = Bed::new(settings, Some(Mode::Ttl));
        let renewed = old.policies.renewed(Some(guard()), Some(cache(Mode::Ttl)));
        let domains = HashMap::from([("h".to_owned(), old.directory.clone())]);
        let served = ServedDomains { domains, policies: Arc::new(renewed) };
        let new = Authenticator::new(served);
        let sign_in = async || {
            let by = Deadline::after(Instant::now(), 4 * SECOND);
            new.answer(&auth("right"), by).await.verdict
        };
        assert_eq!(sign_in().await, Verdict::Granted);
        let request = Request::SetPass { account: alice(), password: "new".into() };
        assert_eq!(old.ask(&request, 4 * SECOND).await.verdict, Verdict::Granted);
        assert_eq!(sign_in().await, WRONG);
    }
}

#[tokio::test(start_paused = true)]
async fn the_password_that_was_set_last_has_the_last_share() {
    let bed = Bed::new(Some(guard()), None);
    let change = Request::SetPass { account: alice(), password: "new".into() };
    assert_eq!(bed.ask(&change, 4 * SECOND).await.verdict, Verdict::Granted);
    for (password, expected) in [("a", WRONG), ("b", WRONG), ("c", HELD)] {
        assert_eq!(bed.sign_in(password).await, expected);
    }
    assert_eq!(bed.sign_in("new").await, Verdict::Granted);
    // Nobody knows which of two changes was the last.
    let bed = Bed::new(Some(guard()), None);
    bed.script(|plan| plan.delay = SECOND);
    let another = Request::SetPass { account: alice(), password: "another".into() };
    let (first, second) = tokio::join!(bed.ask(&change, 4 * SECOND), bed.ask(&another, 4 * SECOND));
    assert_eq!([first.verdict, second.verdict], [Verdict::Granted; 2]);
    bed.script(|plan| plan.delay = Duration::ZERO);
    for password in ["a", "b", "c"] {
        assert_eq!(bed.sign_in(password).await, WRONG);
    }
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
async fn another_configuration_keeps_what_was_wrong_and_not_what_was_right() {
    let bed = Bed::new(Some(guard()), Some(Mode::Ttl));
    assert_eq!(bed.sign_in("right").await, Verdict::Granted);
    assert_eq!(bed.sign_in("other").await, WRONG);
    let off = bed.policies.renewed(None, Some(cache(Mode::Ttl)));
    assert!(off.guard.is_none());
    let attempt = bed.policies.attempt("h", "cn=a", "cn=a", &"other".into());
    let on_again = off.renewed(Some(guard()), None).guard.unwrap();
    let entrance = on_again.enter(attempt, Instant::now(), Instant::now());
    assert!(matches!(entrance, Entrance::Deny(Hold::SameAgain { .. })));
    let stricter = Budget { failures: 1, within: HOUR };
    let stricter = GuardSettings { account: stricter, ..guard() };
    for (guard, asks_another) in [(guard(), true), (stricter, false)] {
        let policies = bed.policies.renewed(Some(guard), Some(cache(Mode::Ttl)));
        let enter = |password: &str| {
            let attempt = policies.attempt("h", "cn=a", "cn=a", &password.into());
            policies.guard.as_ref().unwrap().enter(attempt, Instant::now(), Instant::now())
        };
        assert!(matches!(enter("other"), Entrance::Deny(Hold::SameAgain { .. })));
        assert_eq!(matches!(enter("another"), Entrance::Ask(_)), asks_another);
        let account = policies.key.id(&alice().to_string());
        let attempt = policies.attempt("h", "cn=a", "cn=a", &"right".into());
        assert!(!policies.cache.as_ref().unwrap().spares(account, &attempt, Instant::now()));
    }
}
