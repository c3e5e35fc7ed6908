//! What is asked of a scripted directory and what is remembered, in paused time.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../support/accounts.rs"]
mod accounts;
mod changes;
mod guard;
mod memory;

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
use xmpp_ldap_auth::policy::admission::PersonalWait;
use xmpp_ldap_auth::policy::cache::{CacheMode, CacheSettings};
use xmpp_ldap_auth::policy::guard::{AnswerSignal, Barred, Budget, GuardSettings, Hold, Permit};
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
    /// Whether a bind waits for a person meanwhile.
    is_personal: bool,
    binds: usize,
    /// Goes on with the next bind.
    answer_signal: Arc<AnswerSignal>,
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

    async fn bind(
        &self,
        entry: &str,
        password: &str,
        permit: &Permit,
        wait: &PersonalWait,
        by: Deadline,
    ) -> Outcome {
        if entry == "cn=b" {
            sleep(Duration::from_millis(3)).await;
            return Verdict::Granted.into();
        }
        let (delay, is_right) = {
            let plan = self.lock().unwrap();
            (plan.delay, entry == plan.entry && password == plan.password)
        };
        let sent = permit.send(&self.lock().unwrap().answer_signal).unwrap();
        if self.lock().unwrap().is_personal {
            wait.begin();
        }
        if by.bound(sleep(delay)).await.is_err() {
            let unanswered = self.lock().unwrap().unanswered;
            return unanswered.unwrap_or(Outage::DeadlinePassed).into();
        }
        sent.answered();
        let mut plan = self.lock().unwrap();
        plan.answer_signal.answered(Instant::now());
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
    fn new(guard: Option<GuardSettings>, mode: Option<CacheMode>) -> Self {
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

fn cache(mode: CacheMode) -> CacheSettings {
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
async fn a_bind_that_waits_for_a_person_says_nothing_of_the_directorys_rate() {
    let bob = Arc::new(Account::new("bob", "h").unwrap());
    let bob = Request::Auth { account: bob, password: "right".into() };
    for (is_personal, expected) in
        [(true, Verdict::Granted), (false, Verdict::Unavailable(Outage::Overloaded))]
    {
        let bed = Bed::new(None, None);
        bed.script(|script| (script.delay, script.is_personal) = (MINUTE, is_personal));
        let alice = auth("right");
        let other = async {
            sleep(20 * SECOND).await;
            bed.ask(&bob, SECOND / 2).await.verdict
        };
        let (alice, other) = tokio::join!(bed.ask(&alice, HOUR), other);
        assert_eq!((alice.verdict, other), (Verdict::Granted, expected));
    }
}

#[tokio::test(start_paused = true)]
async fn an_account_that_nobody_reads_is_the_directorys_to_judge() {
    for (mode, in_outage) in
        [(CacheMode::Ttl, OUT), (CacheMode::StaleIfUnavailable, Verdict::Granted)]
    {
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
async fn a_no_counts_for_every_name_of_the_entry() {
    let denials: [fn(&mut Plan); 3] = [
        |script| script.password = "changed",
        |script| script.denial = Some(Denial::NotInGroup.into()),
        |script| script.search = Some(Denial::UnknownUser.into()),
    ];
    for (index, deny) in denials.into_iter().enumerate() {
        let bed = Bed::new(Some(guard()), Some(CacheMode::StaleIfUnavailable));
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
    let bed = Bed::new(None, Some(CacheMode::StaleIfUnavailable));
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
async fn an_entry_with_another_name_by_now_is_tried_once_more() {
    let bed = Bed::new(Some(guard()), Some(CacheMode::StaleIfUnavailable));
    bed.script(|script| script.remembered = Some("cn=before"));
    assert_eq!(bed.sign_in("right").await, Verdict::Granted);
    assert_eq!(bed.binds(), 2);
    assert_eq!(bed.sign_in("wrong").await, WRONG);
    assert_eq!(bed.binds(), 4);
    bed.script(|script| script.remembered = Some("cn=a"));
    assert_eq!(bed.sign_in("other").await, WRONG);
    assert_eq!(bed.binds(), 5);
}
