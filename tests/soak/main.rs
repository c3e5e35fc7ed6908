//! Many mixed requests with random faults and hostile input, each answer checked to be its request's.
//!
//! `tests/soak/run` makes it long. `SOAK_SEED` repeats the requests of an earlier run, though not
//! what the scheduler made of them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    unreachable_pub,
    missing_docs,
    reason = "a test fails by panicking, and its helpers are nobody's API"
)]

mod daemon;
mod faults;
mod figures;
mod model;
#[path = "../support/mod.rs"]
mod support;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;
use ldap_fixtures::proxy::Proxy;
use ldap_fixtures::slapd::{BASE, Options, Slapd, WRITER_DN, WRITER_PASSWORD};
use rustix::process::Pid;

use daemon::Daemon;
use faults::Breakable;
use figures::Figures;
use model::{Model, Sent, USERS, login};
use support::Answer::{self, CannotTell, No, Yes};
use support::{Adapter, Framing, PATIENCE, Site};

/// Unless `SOAK_REQUESTS` says how many.
const REQUESTS: usize = 20_000;

/// How many requests a conversation makes before the next figures, in quiet and with faults.
const QUIET: usize = 500;
const BROKEN: usize = 500;

/// How many requests are under way at most.
const AHEAD: usize = 48;

/// One caller and its process.
struct Conversation {
    framing: Framing,
    adapter: Adapter,
    model: Model,
    site: Site,
    rng: Rng,
    under_way: VecDeque<Sent>,
    answers: [usize; 3],
    figures: Vec<Figures>,
}

/// What a process is told of its caller.
const CALLER: &str = "answer_within = \"1s\"\n";

/// What the process that asks the directory is told of it.
///
/// Its guard would hold right passwords back after few failures: a bind that a fault has cut off
/// counts as one, and whose password was set elsewhere, or before a daemon was killed, is a stranger.
fn corp(servers: &[String; 2]) -> String {
    format!(
        "[throttle]\nfailures = 1000\nwithin = \"1s\"\ndomain_failures = 100000\n\
         [directory.corp]\nservers = {servers:?}\n\
         base = \"ou=people,{BASE}\"\nuser_filter = \"(uid={{localpart}})\"\n\
         bind_dn = \"{WRITER_DN}\"\nbind_password_file = \"{{dir}}/password\"\n\
         set_password = \"exop\"\n\
         [domain.\"example.com\"]\ndirectory = \"corp\"\n\
         [domain.\"guess.example\"]\ndirectory = \"corp\"\n"
    )
}

fn site(config: &str) -> Site {
    let site = Site::new(config);
    site.secret("password", WRITER_PASSWORD);
    site
}

impl Conversation {
    fn start(framing: Framing, site: Site, seed: u64) -> Self {
        let adapter = Adapter::start(&site, framing);
        let mut it = Self {
            framing,
            adapter,
            model: Model::new(seed, framing),
            site,
            rng: Rng::with_seed(seed),
            under_way: VecDeque::new(),
            answers: [0; 3],
            figures: Vec::new(),
        };
        for request in Model::introductions() {
            it.expect(&request, Yes);
        }
        it
    }

    #[track_caller]
    fn expect(&mut self, request: &str, expected: Answer) {
        let answer = self.adapter.ask(request);
        assert_eq!(answer, expected, "{request}: {}", self.adapter.last_of_log());
    }

    /// So many requests; none is under way at the end.
    fn go_on(&mut self, requests: usize, has_faults: bool) {
        for _ in 0..requests {
            let sent = self.model.next();
            self.adapter.send_raw(&sent.bytes);
            self.under_way.push_back(sent);
            // Now one after the other, now all at once.
            let ahead = self.rng.usize(..AHEAD);
            while self.under_way.len() > ahead {
                self.take(has_faults);
            }
        }
        while !self.under_way.is_empty() {
            self.take(has_faults);
        }
    }

    fn take(&mut self, has_faults: bool) {
        let answer = self.adapter.answer();
        self.answers[match answer {
            Yes => 0,
            No => 1,
            CannotTell => 2,
        }] += 1;
        let sent = self.under_way.pop_front().unwrap();
        if let Err(sent) = self.model.judge(sent, answer, has_faults) {
            let request = String::from_utf8_lossy(&sent.bytes).into_owned();
            panic!(
                "{:?} to {request:?}, faults: {has_faults}, {sent:?}; log:\n{}",
                answer,
                self.adapter.last_of_log()
            );
        }
    }

    /// Waits until the directory answers again.
    fn settle(&mut self) {
        let request = format!("auth:{}:example.com:secret", login(1));
        let started = Instant::now();
        while self.adapter.ask(&request) != Yes {
            assert!(started.elapsed() < PATIENCE, "{}", self.adapter.last_of_log());
        }
    }

    /// Gives those whose password nobody knows by now a new one.
    fn find_the_lost(&mut self, slapd: &Slapd) {
        let lost: Vec<usize> = self.model.lost().collect();
        for user in lost {
            let dn = format!("uid={},ou=people,{BASE}", login(user));
            let password = format!("found{}", self.rng.u32(..));
            slapd.set_password(&dn, &password).unwrap();
            self.model.found(user, &password);
        }
    }

    fn measure(&mut self, slapd: &Slapd) {
        let log = self.site.path().join(format!("{}.log", self.framing.caller()));
        let requests = self.answers.iter().sum();
        let server = slapd.descriptors().unwrap();
        self.figures.push(Figures::of(self.adapter.id(), &log, server, requests));
    }
}

/// Does the same for both conversations at once.
fn both(conversations: &mut [Conversation; 2], work: impl Fn(&mut Conversation) + Sync) {
    std::thread::scope(|scope| {
        for conversation in conversations {
            scope.spawn(|| work(conversation));
        }
    });
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap())
}

/// Who asks the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// Each conversation's process by itself.
    Alone,
    /// One daemon, of which both are relays.
    Daemon,
}

#[test]
fn no_reply_is_lost_or_anothers_and_nothing_grows() {
    soak(Asked::Alone);
}

#[test]
fn nor_is_one_through_a_daemon() {
    soak(Asked::Daemon);
}

fn soak(asked: Asked) {
    let requests = number("SOAK_REQUESTS").map_or(REQUESTS, |count| count.try_into().unwrap());
    let seed = number("SOAK_SEED").unwrap_or_else(|| fastrand::u64(..));
    eprintln!("{asked:?}: SOAK_SEED={seed}, {requests} requests");

    let slapd = Options { users: USERS, is_quiet: true, ..Options::default() }.start().unwrap();
    // An attempt that was cut off counts there, and here nobody knows of it.
    slapd.replace(&format!("cn=default,ou=policies,{BASE}"), "pwdLockout", "FALSE").unwrap();
    let ways = [(); 2].map(|()| Proxy::start(slapd.address()).unwrap());
    let corp = corp(&ways.each_ref().map(Proxy::url));
    let daemon = (asked == Asked::Daemon).then(|| Daemon::start(site(&corp)));
    let config = match &daemon {
        Some(daemon) => format!("{CALLER}daemon = {:?}\n", daemon.socket()),
        None => format!("{CALLER}{corp}"),
    };
    let mut conversations =
        Framing::BOTH.map(|framing| Conversation::start(framing, site(&config), seed));
    let adapters = conversations
        .each_ref()
        .map(|it| Pid::from_raw(it.adapter.id().try_into().unwrap()).unwrap());
    let mut breakable = Breakable { slapd, ways, adapters, daemon };

    let (started, mut rng) = (Instant::now(), Rng::with_seed(seed));
    let mut count = faults::Count::new();
    for _ in 0..requests.div_ceil(2 * (QUIET + BROKEN)) {
        both(&mut conversations, |it| it.go_on(QUIET, false));
        measure(&mut conversations, &mut breakable);
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| faults::make(&mut rng, &mut breakable, &is_over, &mut count));
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                both(&mut conversations, |it| it.go_on(BROKEN, true));
            }));
            is_over.store(true, Ordering::SeqCst);
            outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        });
        both(&mut conversations, Conversation::settle);
        for it in &mut conversations {
            it.find_the_lost(&breakable.slapd);
        }
        breakable.ways.iter().for_each(Proxy::forget_received);
    }
    report(&conversations, &breakable, &count, started.elapsed());

    for it in conversations {
        check(&it.figures);
        let log =
            std::fs::read_to_string(it.site.path().join(format!("{}.log", it.framing.caller())))
                .unwrap();
        assert!(!log.contains("a defect was contained"));
        let (rest, status) = it.adapter.finish();
        assert!(rest.is_empty() && status.success());
    }
    if let Some(daemon) = breakable.daemon {
        check(daemon.figures());
        assert!(!daemon.finish().contains("a defect was contained"));
    }
}

fn measure(conversations: &mut [Conversation; 2], breakable: &mut Breakable) {
    conversations.iter_mut().for_each(|it| it.measure(&breakable.slapd));
    if let Some(daemon) = &mut breakable.daemon {
        let requests = conversations.iter().flat_map(|it| it.answers).sum();
        daemon.measure(breakable.slapd.descriptors().unwrap(), requests);
    }
}

fn check(figures: &[Figures]) {
    let [first, last] = first_and_last(figures);
    last.check_since(&first);
}

/// The figures of a tenth of the way, and of its end.
fn first_and_last(figures: &[Figures]) -> [Figures; 2] {
    [figures[figures.len() / 10], figures[figures.len() - 1]]
}

fn report(
    conversations: &[Conversation; 2],
    breakable: &Breakable,
    count: &faults::Count,
    elapsed: Duration,
) {
    let print = |figures: &[Figures]| {
        let [first, last] = first_and_last(figures);
        eprintln!("  at 10 %: {first}\n  at 100 %: {last}");
    };
    for it in conversations {
        let [yes, no, cannot_tell] = it.answers;
        eprintln!("{}: {yes} yes, {no} no, {cannot_tell} cannot tell", it.framing.caller());
        print(&it.figures);
    }
    if let Some(daemon) = &breakable.daemon {
        eprintln!("the daemon:");
        print(daemon.figures());
    }
    let total: usize = conversations.iter().flat_map(|it| it.answers).sum();
    eprintln!("{total} requests in {elapsed:.0?}, faults: {count:?}");
}
