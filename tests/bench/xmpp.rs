//! Whole XMPP servers: how many users sign in a second, and how long another one's ping waits, while
//! the directory takes its time for each bind.

mod servers;
mod sessions;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use ldap_fixtures::prosody::Version;
use ldap_fixtures::proxy::{Fault, Proxy};
use serde_json::{Value, json};

use crate::figures::{Sorted, float, median};
use crate::plot::Lines;
use crate::report::{Bound, Section, Table, Target, number};
use crate::site::Site;
use servers::{EjabberdWay, ProsodyWay, Running, Subject, name};
use sessions::Sessions;

/// How many clients sign in at once.
const CLIENTS: [usize; 3] = [1, 8, 50];
const MOST: usize = 50;

/// For how long a bind is held back.
const DELAYS: [Duration; 3] = [Duration::ZERO, Duration::from_millis(50), LONGEST];
const LONGEST: Duration = Duration::from_secs(1);

/// What took longer is not done again: a server that stands still for each bind of a second takes as
/// many seconds as there are clients.
const ONCE: Duration = Duration::from_secs(5);

/// What came of one load, in all rounds.
struct Outcome {
    subject: Subject,
    delay: Duration,
    clients: usize,
    rounds: Vec<Sessions>,
}

impl Outcome {
    fn rate(&self) -> f64 {
        let rate = |round: &Sessions| float(round.signed_in) / round.elapsed.as_secs_f64();
        median(self.rounds.iter().map(rate).collect())
    }

    /// Until all clients had signed in once or more, in s.
    fn elapsed(&self) -> f64 {
        median(self.rounds.iter().map(|round| round.elapsed.as_secs_f64()).collect())
    }

    /// The wait of that share of all pings, in ms.
    fn ping(&self, percent: usize) -> f64 {
        let pings = self.rounds.iter().flat_map(|round| &round.pings);
        Sorted::of(pings.map(|ping| millis(*ping)).collect()).percentile(percent)
    }

    fn failures(&self) -> usize {
        self.rounds.iter().map(|round| round.failures.len()).sum()
    }

    fn to_json(&self) -> Value {
        json!({
            "server": self.subject.title(),
            "bind_ms": millis(self.delay),
            "clients": self.clients,
            "sign_ins_per_second": self.rate(),
            "seconds": self.elapsed(),
            "ping_p50_ms": self.ping(50),
            "ping_p99_ms": self.ping(99),
            "failures": self.failures(),
        })
    }
}

/// What all reached.
struct Outcomes(Vec<Outcome>);

/// Measures all of them, for so many rounds that last so long, with binds that take no longer than
/// `slowest`.
pub fn measure(
    site: &Site,
    rounds: usize,
    lasting: Duration,
    slowest: Duration,
) -> Result<Section> {
    let delays: Vec<Duration> = DELAYS.into_iter().filter(|delay| *delay <= slowest).collect();
    let mut outcomes = Vec::new();
    for delay in delays.iter().copied() {
        outcomes.extend(measure_delayed(site, delay, rounds, lasting)?);
    }
    let outcomes = Outcomes(outcomes);
    let points: Vec<String> = delays.iter().map(|delay| number(millis(*delay))).collect();
    let picture = |title, figure: fn(&Outcome) -> f64| {
        let shown = Subject::ALL.into_iter().filter(|subject| subject.is_shown());
        let shown: Vec<_> = shown.map(|subject| (subject.title(), subject)).collect();
        let series = shown.iter().map(|(title, subject)| {
            let at = |delay: &Duration| outcomes.get(*subject, *delay, MOST).map(figure);
            (title.as_str(), delays.iter().map(at).collect())
        });
        let series = series.collect();
        Lines { title, across: "ms that a bind takes", points: points.clone(), series }.to_svg()
    };
    Ok(Section {
        title: "XMPP servers",
        tables: delays.iter().map(|delay| outcomes.table(*delay)).collect(),
        targets: outcomes.targets(),
        pictures: vec![
            ("sign-ins.svg", picture("50 clients: sign-ins a second", Outcome::rate)),
            (
                "ping.svg",
                picture("50 clients sign in: p99 of another user's ping, ms", |outcome| {
                    outcome.ping(99)
                }),
            ),
        ],
        figures: outcomes.0.iter().map(Outcome::to_json).collect(),
    })
}

fn measure_delayed(
    site: &Site,
    delay: Duration,
    rounds: usize,
    lasting: Duration,
) -> Result<Vec<Outcome>> {
    let proxy = Proxy::start(site.slapd.address())?;
    proxy.set(Fault::DelayBinds(delay));
    // Without a delay nothing is to come between.
    let directory = if delay.is_zero() { site.slapd.address() } else { proxy.address() };
    let start = |subject: Subject| Ok((subject, subject.start(site, directory)?));
    let mut running: Vec<(Subject, Running)> =
        Subject::ALL.into_iter().map(start).collect::<Result<_>>()?;
    let mut outcomes = Vec::new();
    for clients in CLIENTS {
        let mut done: Vec<Outcome> = Subject::ALL
            .map(|subject| Outcome { subject, delay, clients, rounds: Vec::new() })
            .into_iter()
            .collect();
        for round in 0..rounds {
            for turn in 0..done.len() {
                // Nobody is always the first.
                let number = (turn + round) % done.len();
                let outcome = done.get_mut(number).context("no outcome")?;
                let (subject, running) = running.get_mut(number).context("no server")?;
                if outcome.rounds.iter().any(|round| round.elapsed > ONCE) {
                    continue;
                }
                let Running { port, other, .. } = running;
                let sessions = sessions::run(*port, other, clients, lasting, site.users)
                    .with_context(|| {
                        format!("{}, {clients} clients, binds of {delay:?}", subject.title())
                    })?;
                ensure!(
                    sessions.failures.is_empty() || !subject.is_ours(),
                    "{} does not sign everybody in: {:?}",
                    subject.title(),
                    sessions.failures
                );
                outcome.rounds.push(sessions);
            }
        }
        outcomes.extend(done);
    }
    Ok(outcomes)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

impl Subject {
    /// Whether the binary signs users in.
    fn is_ours(self) -> bool {
        !matches!(
            self,
            Self::Prosody(_, ProsodyWay::Own | ProsodyWay::Anybody)
                | Self::Ejabberd(EjabberdWay::Own)
        )
    }

    /// Whether it is in the pictures.
    fn is_shown(self) -> bool {
        !matches!(self, Self::Prosody(Version::V13_0, _))
    }
}

impl Outcomes {
    fn get(&self, subject: Subject, delay: Duration, clients: usize) -> Option<&Outcome> {
        self.0.iter().find(|outcome| {
            outcome.subject == subject && outcome.delay == delay && outcome.clients == clients
        })
    }

    fn table(&self, delay: Duration) -> Table {
        let row = |subject: Subject| {
            let figures = CLIENTS.iter().flat_map(|clients| {
                let outcome = self.get(subject, delay, *clients);
                let of = |figure: fn(&Outcome) -> f64| number(outcome.map_or(f64::NAN, figure));
                [of(Outcome::rate), of(|outcome| outcome.ping(50)), of(|outcome| outcome.ping(99))]
            });
            let all = self.0.iter().filter(|outcome| outcome.subject == subject);
            let failures: usize =
                all.filter(|outcome| outcome.delay == delay).map(Outcome::failures).sum();
            std::iter::once(subject.title()).chain(figures).chain([failures.to_string()]).collect()
        };
        Table {
            title: format!(
                "**Sign-ins a second, and another user's ping in ms; a bind takes {} ms**",
                number(millis(delay))
            ),
            head: vec![
                "",
                "1 client",
                "p50",
                "p99",
                "8 clients",
                "p50",
                "p99",
                "50 clients",
                "p50",
                "p99",
                "not signed in",
            ],
            rows: Subject::ALL.into_iter().map(row).collect(),
        }
    }

    fn targets(&self) -> Vec<Target> {
        let mut targets = Vec::new();
        for version in Version::ALL {
            targets.extend(DELAYS.iter().filter_map(|delay| self.rate(version, *delay)));
            targets.extend(self.ping(version));
        }
        let at_once = [
            Subject::Prosody(Version::V0_12, ProsodyWay::Module),
            Subject::Prosody(Version::V13_0, ProsodyWay::Module),
            Subject::Ejabberd(EjabberdWay::Relays(64)),
        ];
        targets.extend(at_once.into_iter().filter_map(|subject| self.at_once(subject)));
        targets
    }

    /// Where our module is the slowest beside Prosody's own LDAP.
    fn rate(&self, version: Version, delay: Duration) -> Option<Target> {
        let at = |clients| {
            let ours = self.get(Subject::Prosody(version, ProsodyWay::Module), delay, clients)?;
            let own = self.get(Subject::Prosody(version, ProsodyWay::Own), delay, clients)?;
            Some((ours.rate() / own.rate(), ours, own))
        };
        let (ratio, ours, own) =
            CLIENTS.into_iter().filter_map(at).min_by(|one, other| one.0.total_cmp(&other.0))?;
        Some(Target {
            what: format!(
                "{}, binds of {} ms: sign-ins / with its own LDAP",
                name(version),
                number(millis(delay))
            ),
            value: ratio,
            bound: Bound::AtLeast(1.0),
            reason: format!(
                "{} to {} a second, the worst, with {} at once",
                number(ours.rate()),
                number(own.rate()),
                ours.clients
            ),
        })
    }

    /// Where a ping waits the longest beside what Prosody itself takes.
    fn ping(&self, version: Version) -> Option<Target> {
        let module = Subject::Prosody(version, ProsodyWay::Module);
        let more = |ours: &Outcome| {
            let anybody = Subject::Prosody(version, ProsodyWay::Anybody);
            Some(ours.ping(99) - self.get(anybody, Duration::ZERO, ours.clients)?.ping(99))
        };
        let ours = self.0.iter().filter(|outcome| outcome.subject == module);
        let (more, worst) = ours
            .filter_map(|ours| Some((more(ours)?, ours)))
            .max_by(|one, other| one.0.total_cmp(&other.0))?;
        Some(Target {
            what: format!(
                "{}: ms more that a ping waits (p99) than with yes to all",
                name(version)
            ),
            value: more,
            bound: Bound::AtMost(20.0),
            reason: format!(
                "{} ms, the worst, with {} clients and binds of {} ms",
                number(worst.ping(99)),
                worst.clients,
                number(millis(worst.delay))
            ),
        })
    }

    fn at_once(&self, subject: Subject) -> Option<Target> {
        let outcome = self.get(subject, LONGEST, MOST)?;
        Some(Target {
            what: format!("{}: {MOST} sign-ins with binds of 1 s, s", subject.title()),
            value: outcome.elapsed(),
            bound: Bound::AtMost(1.5),
            reason: "pool.size is 64".to_owned(),
        })
    }
}
