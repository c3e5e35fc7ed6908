//! Whatever happens in whatever order: hours of attempts that chance picks, on a directory that is slow,
//! hangs, is away, breaks connections and answers late, while passwords are changed and configurations
//! are read again.

use std::sync::MutexGuard;

use fastrand::Rng;
use tokio::task::JoinSet;

use xmpp_ldap_auth::directory::pool::sent_bind::GOES_ON_FOR;

use super::*;

/// How a directory does its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Quick,
    /// It judges, and says so, any time later.
    Late,
    /// It judges, and the connection breaks.
    Breaking,
    /// It reads nothing.
    Hanging,
    /// It is not there to be asked.
    Away,
}

const MOODS: [Mood; 5] = [Mood::Quick, Mood::Late, Mood::Away, Mood::Breaking, Mood::Hanging];

/// A bind that is not read yet.
struct Unread {
    entry: String,
    password: String,
    sent: CountedBind,
    at: Instant,
}

struct Whim {
    mood: Mood,
    /// Of each entry, the numbers of the password that is right and of the one that is set next: none is
    /// right again.
    passwords: HashMap<String, (u32, u32)>,
    failures: HashMap<String, Failures>,
    unread: Vec<Unread>,
    /// How many binds are read and not judged yet.
    unjudged: usize,
    rng: Rng,
}

struct Whimsical {
    state: Arc<Mutex<Whim>>,
    answer_signal: Arc<AnswerSignal>,
    within: Duration,
}

fn secret(number: u32) -> String {
    format!("secret {number}")
}

impl Whim {
    fn judges(&mut self, entry: &str, password: &str, within: Duration) -> Verdict {
        if password == secret(self.numbers(entry).0) {
            return Verdict::Granted;
        }
        self.failures.entry(entry.to_owned()).or_default().add(within, Instant::now());
        Verdict::Denied(Denial::WrongPassword)
    }

    fn numbers(&mut self, entry: &str) -> &mut (u32, u32) {
        self.passwords.entry(entry.to_owned()).or_insert((1, 1))
    }

    /// A password is set, unless one may be judged after that which was right when it was sent.
    fn is_set(&mut self, entry: &str) -> bool {
        let is_idle = self.unjudged == 0 && self.unread.is_empty();
        let (right, next) = self.numbers(entry);
        if is_idle {
            *right = *next;
        }
        is_idle
    }

    fn up_to(&mut self, longest: Duration) -> Duration {
        longest.mul_f64(self.rng.f64())
    }
}

impl Whimsical {
    fn whim(&self) -> MutexGuard<'_, Whim> {
        self.state.lock().unwrap()
    }
}

impl Script for Whimsical {
    async fn change(&self, entry: &str) -> Outcome {
        let [before, after] = [(); 2].map(|()| self.whim().up_to(SECOND));
        sleep(before).await;
        if matches!(self.whim().mood, Mood::Hanging | Mood::Away) || !self.whim().is_set(entry) {
            return Denial::PasswordRefused.into();
        }
        sleep(after).await;
        Verdict::Granted.into()
    }

    fn entry(&self, account: &Account) -> Result<Candidate, Outcome> {
        match self.whim().mood {
            Mood::Away => Err(Outage::NoServer.into()),
            _ => Ok(entry(account.localpart().split('.').next().unwrap())),
        }
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
            let (within, answer_signal) = (self.within, Arc::clone(&self.answer_signal));
            let mood = self.whim().mood;
            match mood {
                Mood::Quick => {
                    sleep(SECOND / 100).await;
                    // From here on, nobody gives it up.
                    let verdict = self.whim().judges(entry, password, within);
                    sent.answered();
                    answer_signal.answered(Instant::now());
                    return verdict.into();
                }
                Mood::Away => return Outage::NoServer.into(),
                Mood::Breaking => {
                    let _ = self.whim().judges(entry, password, within);
                    drop(sent);
                    if by.bound(sleep(SLOW)).await.is_err() {
                        return Outage::DeadlinePassed.into();
                    }
                }
                Mood::Hanging => {
                    let (entry, password) = (entry.to_owned(), password.to_owned());
                    let unread = Unread { entry, password, sent, at: Instant::now() };
                    self.whim().unread.push(unread);
                    let _ = by.bound(std::future::pending::<()>()).await;
                    return Outage::DeadlinePassed.into();
                }
                Mood::Late => {
                    let judged = Instant::now() + self.whim().up_to(10 * SECOND);
                    let told = judged + self.whim().up_to(10 * SECOND);
                    let state = Arc::clone(&self.state);
                    let (entry, password) = (entry.to_owned(), password.to_owned());
                    let (tell, is_told) = tokio::sync::oneshot::channel();
                    self.whim().unjudged += 1;
                    tokio::spawn(async move {
                        sleep_until(judged).await;
                        state.lock().unwrap().unjudged -= 1;
                        let verdict = state.lock().unwrap().judges(&entry, &password, within);
                        sleep_until(told).await;
                        if state.lock().unwrap().mood == Mood::Hanging {
                            return;
                        }
                        answer_signal.answered(Instant::now());
                        match told <= by.instant() {
                            true => sent.answered(),
                            false => sent.answered_late(verdict, Instant::now()),
                        }
                        let _ = tell.send(verdict);
                    });
                    let told = by.bound(is_told).await.ok().and_then(Result::ok);
                    return told.map_or(Outage::BindUnanswered.into(), Outcome::from);
                }
            }
        }
    }
}

struct Site {
    directory: Scripted<Whimsical>,
    authenticator: Authenticator<Scripted<Whimsical>>,
    policies: Mutex<Arc<Policies>>,
    guard: GuardSettings,
    cache: CacheSettings,
}

impl Site {
    fn new(failures: u32, within: Duration, seed: u64) -> Self {
        let account = Budget { failures, within };
        let accounts = NonZeroUsize::new(50).unwrap();
        let guard = GuardSettings { account, domain: account, remember_wrong: within, accounts };
        let cache =
            CacheSettings { mode: CacheMode::StaleIfUnavailable, good_for: 12 * HOUR, accounts };
        let state = Arc::new(Mutex::new(Whim {
            mood: Mood::Quick,
            passwords: HashMap::new(),
            failures: HashMap::new(),
            unread: Vec::new(),
            unjudged: 0,
            rng: Rng::with_seed(seed),
        }));
        let directory = Scripted::new(Whimsical { state, answer_signal: Arc::default(), within });
        let policies = Arc::new(Policies::new(Some(guard), Some(cache)).unwrap());
        let domains = HashMap::from([("h".to_owned(), directory.clone())]);
        let served = ServedDomains { domains, policies: Arc::clone(&policies) };
        let authenticator = Authenticator::new(served);
        Self { directory, authenticator, policies: Mutex::new(policies), guard, cache }
    }

    fn whim(&self) -> MutexGuard<'_, Whim> {
        self.directory.script.whim()
    }

    fn reload(&self) {
        let mut policies = self.policies.lock().unwrap();
        *policies = Arc::new(policies.renewed(Some(self.guard), Some(self.cache)));
        let domains = HashMap::from([("h".to_owned(), self.directory.clone())]);
        self.authenticator.serve(ServedDomains { domains, policies: Arc::clone(&policies) });
    }

    /// Another mood. What was not read is read now, in any order, and answered where anybody listens.
    fn turns(&self) {
        let script = &self.directory.script;
        let mut whim = self.whim();
        let mood = MOODS[whim.rng.usize(..MOODS.len())];
        whim.mood = mood;
        if matches!(mood, Mood::Hanging | Mood::Away) {
            return;
        }
        let mut unread = std::mem::take(&mut whim.unread);
        whim.rng.shuffle(&mut unread);
        for Unread { entry, password, sent, at } in unread {
            let verdict = whim.judges(&entry, &password, script.within);
            if at.elapsed() < GOES_ON_FOR {
                sent.answered_late(verdict, Instant::now());
            }
        }
        script.answer_signal.answered(Instant::now());
    }
}

/// What one seed comes to: how many wrong passwords reached the directory.
async fn play(failures: u32, within: Duration, seed: u64) -> usize {
    let site = Arc::new(Site::new(failures, within, seed));
    let mut rng = Rng::with_seed(!seed);
    let is_changed_elsewhere = seed.is_multiple_of(2);
    let mut asking = JoinSet::new();
    let mut guesses = 0;
    let started = Instant::now();
    while started.elapsed() < 6 * within {
        let user = ["alice", "alice.mail", "bob", "bob.1", "bob.2"][rng.usize(..5)];
        let entry = user.split('.').next().unwrap();
        match rng.u32(..100) {
            0..70 => {
                guesses += 1;
                let mut password = match rng.u32(..10) {
                    0..2 => secret(site.whim().numbers(entry).0),
                    2 => secret(site.whim().numbers(entry).0 + 1),
                    3 => secret(site.whim().numbers(entry).0 - 1),
                    _ => format!("guess {guesses}"),
                };
                for _ in 0..rng.u32(1..5) {
                    let (site, within) = (Arc::clone(&site), (1 + rng.u64(..6)) * 1000);
                    let account = Arc::new(Account::new(user, "h").unwrap());
                    let request =
                        Request::Auth { account, password: std::mem::take(&mut password).into() };
                    let by = Deadline::after(Instant::now(), Duration::from_millis(within));
                    asking.spawn(async move { site.authenticator.answer(&request, by).await });
                    guesses += 1;
                    password = format!("guess {guesses}");
                }
            }
            70..75 => {
                let account = Arc::new(Account::new(user, "h").unwrap());
                let site = Arc::clone(&site);
                let next = {
                    let mut whim = site.whim();
                    let (right, next) = whim.numbers(entry);
                    *next = *right + 1;
                    *next
                };
                let request = Request::SetPass { account, password: secret(next).into() };
                let by = Deadline::after(Instant::now(), 2 * SECOND);
                asking.spawn(async move { site.authenticator.answer(&request, by).await });
            }
            75..77 if is_changed_elsewhere => {
                site.whim().numbers(entry).1 += 1;
                site.whim().is_set(entry);
            }
            77..80 => site.reload(),
            75..77 => {}
            80..84 => site.turns(),
            // Whoever asked goes away.
            84..86 => asking.abort_all(),
            86..96 => sleep(SECOND.mul_f64(rng.f64() * 10.0)).await,
            _ => sleep(within.mul_f64(rng.f64() / 2.0)).await,
        }
        while asking.try_join_next().is_some() {}
    }
    let whim = site.whim();
    for (entry, counted) in &whim.failures {
        let context = format!("{failures} in {within:?}, seed {seed}: {entry}");
        let most = counted.most_within(within);
        assert!(most <= usize::try_from(failures).unwrap(), "{context}: {most} in a window");
        let in_a_row = counted.most_in_a_row;
        assert!(in_a_row <= failures, "{context}: {in_a_row} without a quiet time");
    }
    whim.failures.values().map(|counted| counted.at.len()).sum()
}

#[tokio::test(start_paused = true)]
async fn whatever_chance_brings_no_more_wrong_passwords_reach_the_directory() {
    for (failures, within) in [(1, HOUR), (2, 30 * MINUTE), (3, HOUR), (5, 10 * MINUTE)] {
        let mut reached = 0;
        for seed in 0..20 {
            reached += play(failures, within, seed).await;
        }
        assert!(reached > 100, "{failures} in {within:?}: {reached}");
    }
}
