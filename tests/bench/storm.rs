//! Everybody signs in at once, through several processes as ejabberd has them, while the directory
//! uses a slow hash.

mod shown;

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ldap_fixtures::slapd::{Hash, Options, PASSWORD};
use ring::pbkdf2;
use serde_json::{Value, json};

use crate::daemon::{Client, Daemon, PATIENCE};
use crate::drive::{Answer, Request, Verb, Verdict, drive};
use crate::extauth::Extauth;
use crate::figures::{Sorted, Work, float};
use crate::kernel::proportional;
use crate::report::{Bound, Section, Target, number};

use self::shown::{buckets, histogram, picture, table};
use crate::site::{Setting, Site};

/// As many as ejabberd starts where it has so many processors.
const LANES: usize = 8;

/// PBKDF2's iterations: about 5 ms for a bind, and several times that.
const SLOW: u32 = 10_000;
const SLOWER: u32 = 50_000;

/// The deadline of the overload, in seconds.
const SHORT: f64 = 1.0;

/// Who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Processes by themselves.
    Processes,
    /// As many relays, and a daemon.
    Relays,
    /// A daemon, over as many connections to its socket.
    Native,
}

impl Way {
    fn title(self) -> &'static str {
        match self {
            Self::Processes => "processes",
            Self::Relays => "a daemon and relays",
            Self::Native => "a daemon's socket",
        }
    }
}

/// One storm, and what came of it.
struct Storm {
    title: &'static str,
    way: Way,
    elapsed: Duration,
    answers: Vec<Answer>,
    /// Proportional memory of all who answered, afterwards, in MiB.
    memory: f64,
}

/// The three storms of one way.
struct Storms {
    lock_step: Storm,
    at_once: Storm,
    overload: Storm,
}

/// Measures three of them, in each way.
pub fn measure(users: usize) -> Result<Section> {
    let site = |iterations| {
        let stored = Some(hashed(iterations)?);
        let options =
            Options { users, hash: Hash::Pbkdf2, stored, is_quiet: true, ..Options::default() };
        Site::start(options, users)
    };
    let (slow, slower) = (site(SLOW)?, site(SLOWER)?);
    let measure = |way| Storms::measure(way, &slow, &slower);
    let processes = measure(Way::Processes)?;
    let relays = measure(Way::Relays)?;
    let native = measure(Way::Native)?;
    let storms = [&processes, &relays, &native];
    let all = || storms.iter().flat_map(|it| it.all());
    let mut targets: Vec<_> = storms.iter().flat_map(|it| it.targets()).collect();
    targets.extend(processes.targets_of_use());
    targets.extend([&relays, &native].into_iter().flat_map(|it| it.targets_beside(&processes)));
    Ok(Section {
        title: "A reconnect storm",
        tables: vec![
            table(users, all()),
            histogram(&processes.overload),
            histogram(&native.overload),
        ],
        targets,
        pictures: vec![("storm.svg", picture(&processes.overload))],
        figures: Value::Array(all().map(Storm::to_json).collect()),
    })
}

impl Storms {
    /// On a directory with a slow hash, and one with a slower one.
    fn measure(way: Way, slow: &Site, slower: &Site) -> Result<Self> {
        let mut asked = Asked::start(way, slow, PATIENCE)?;
        let lock_step = asked.storm("a: in lock-step", slow.users, 1)?;
        let at_once = asked.storm("b: all at once", slow.users, usize::MAX)?;
        let mut asked = Asked::start(way, slower, Duration::from_secs_f64(SHORT))?;
        let overload = asked.storm("c: overload", slower.users, 64)?;
        Ok(Self { lock_step, at_once, overload })
    }

    fn all(&self) -> [&Storm; 3] {
        [&self.lock_step, &self.at_once, &self.overload]
    }
}

/// Those who are asked.
struct Asked {
    way: Way,
    daemon: Option<Daemon>,
    processes: Vec<Extauth>,
    clients: Vec<Client>,
}

impl Asked {
    /// Starts them, to answer within a time.
    fn start(way: Way, site: &Site, within: Duration) -> Result<Self> {
        let within_line = format!("answer_within = \"{}ms\"\n", within.as_millis());
        let top = if way == Way::Processes { &within_line } else { "" };
        let name = format!("storm-{way:?}");
        // As many connections for binds as all processes have together.
        let pool = if way == Way::Processes { "" } else { "size = 64" };
        let setting = Setting { top, pool, ..Setting::of(Work::SearchBind) };
        let config = site.configure(&name, &setting)?;
        let start = || Daemon::start(site, &name, &config);
        let daemon = (way != Way::Processes).then(start).transpose()?;
        let config = match &daemon {
            Some(daemon) => daemon.configure_relays(&within_line)?,
            None => config,
        };
        let (mut processes, mut clients) = (Vec::new(), Vec::new());
        for _ in 0..LANES {
            match &daemon {
                Some(daemon) if way == Way::Native => {
                    clients.push(Client::connect(daemon, within)?);
                }
                _ => processes.push(site.start_binary(&config)?),
            }
        }
        Ok(Self { way, daemon, processes, clients })
    }

    /// Everybody signs in.
    fn storm(&mut self, title: &'static str, users: usize, depth: usize) -> Result<Storm> {
        let mut next: Vec<_> = (1..=LANES).collect();
        let next = |lane: usize| {
            let user = next.get_mut(lane)?;
            let request = (*user <= users).then_some(Request { verb: Verb::Auth, user: *user });
            *user += LANES;
            request
        };
        let started = Instant::now();
        let answers = match self.way {
            Way::Native => drive(&mut self.clients, depth, next),
            Way::Processes | Way::Relays => drive(&mut self.processes, depth, next),
        }?;
        let elapsed = started.elapsed();
        let no = answers.iter().find(|answer| answer.verdict == Verdict::No);
        ensure!(no.is_none(), "a no to a right password: {title}, {:?}, {no:?}", self.way);
        let ids =
            self.processes.iter().map(Extauth::id).chain(self.daemon.as_ref().map(Daemon::id));
        let memory = ids.map(proportional).sum::<Result<f64>>()?;
        Ok(Storm { title, way: self.way, elapsed, answers, memory })
    }
}

/// A password as slapd's PBKDF2 module stores it.
fn hashed(iterations: u32) -> Result<String> {
    let salt = b"0123456789abcdef";
    let mut hash = [0; 64];
    let count = NonZeroU32::new(iterations).context("no iterations")?;
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA512, count, salt, PASSWORD.as_bytes(), &mut hash);
    let encode = |bytes: &[u8]| STANDARD_NO_PAD.encode(bytes).replace('+', ".");
    Ok(format!("{{PBKDF2-SHA512}}{iterations}${}${}", encode(salt), encode(&hash)))
}

impl Storm {
    fn name(&self) -> String {
        format!("{}; {}", self.title, self.way.title())
    }

    fn seconds(&self, verdict: Option<Verdict>) -> Vec<f64> {
        let wanted = |answer: &&Answer| verdict.is_none_or(|verdict| answer.verdict == verdict);
        let answers = self.answers.iter().filter(wanted);
        answers.map(|answer| answer.latency().as_secs_f64()).collect()
    }

    fn count(&self, verdict: Verdict) -> usize {
        self.answers.iter().filter(|answer| answer.verdict == verdict).count()
    }

    fn yes_rate(&self) -> f64 {
        float(self.count(Verdict::Yes)) / self.elapsed.as_secs_f64()
    }

    fn target_of_use(&self, capacity: f64, bound: f64) -> Target {
        Target {
            what: format!("{}: yes a second / what the directory can do", self.name()),
            value: self.yes_rate() / capacity,
            bound: Bound::AtLeast(bound),
            reason: format!(
                "{} to {} a second, as in lock-step; a bind given up is work for nobody",
                number(self.yes_rate()),
                number(capacity)
            ),
        }
    }

    /// When half of all answers were there: the most that a process had, for the least.
    fn fairness(&self) -> f64 {
        let mut counts = [0_usize; LANES];
        for answer in self.answers.iter().take(self.answers.len() / 2) {
            if let Some(count) = counts.get_mut(answer.lane) {
                *count += 1;
            }
        }
        let (most, least) = (counts.iter().max(), counts.iter().min());
        float(most.copied().unwrap_or(0)) / float(least.copied().unwrap_or(0))
    }

    fn target_of_fairness(&self) -> Target {
        Target {
            what: format!("{}: most answers of one / least", self.name()),
            value: self.fairness(),
            bound: Bound::AtMost(1.25),
            reason: "counted when half of the answers were there".to_owned(),
        }
    }

    fn longest(&self) -> f64 {
        self.seconds(None).into_iter().fold(0.0, f64::max)
    }

    fn to_json(&self) -> Value {
        let sorted = Sorted::of(self.seconds(None));
        json!({
            "title": self.name(),
            "seconds": self.elapsed.as_secs_f64(),
            "yes": self.count(Verdict::Yes),
            "no": self.count(Verdict::No),
            "cannot_tell": self.count(Verdict::CannotTell),
            "p50_s": sorted.percentile(50),
            "p99_s": sorted.percentile(99),
            "max_s": self.longest(),
            "most_for_least": self.fairness(),
            "proportional_memory_mib": self.memory,
            "buckets": buckets(self).map(|(title, yes, cannot_tell)| {
                json!({ "answered": title, "yes": yes, "cannot_tell": cannot_tell })
            }).collect::<Vec<_>>(),
        })
    }
}

impl Storms {
    fn targets(&self) -> Vec<Target> {
        let Self { lock_step, at_once: _, overload } = self;
        let refused = Sorted::of(overload.seconds(Some(Verdict::CannotTell)));
        vec![
            Target {
                what: format!("{}: answers that are not yes", lock_step.name()),
                value: float(lock_step.answers.len() - lock_step.count(Verdict::Yes)),
                bound: Bound::AtMost(0.0),
                reason: "the deadline, 25 s, is far away".to_owned(),
            },
            lock_step.target_of_fairness(),
            Target {
                what: format!("{}: longest time to an answer, s", overload.name()),
                value: overload.longest(),
                bound: Bound::AtMost(1.1 * SHORT),
                reason: format!("answer_within is {SHORT} s; a busy machine is late by some ms"),
            },
            Target {
                what: format!("{}: p50 of the time to cannot-tell, s", overload.name()),
                value: refused.percentile(50),
                bound: Bound::AtMost(SHORT / 4.0),
                reason: format!(
                    "{} of {} answers are cannot-tell",
                    overload.count(Verdict::CannotTell),
                    overload.answers.len()
                ),
            },
            overload.target_of_fairness(),
        ]
    }

    /// What of the directory's work came to something, of processes by themselves.
    fn targets_of_use(&self) -> [Target; 2] {
        let capacity = self.lock_step.yes_rate();
        let slower = f64::from(SLOW) / f64::from(SLOWER);
        [
            self.at_once.target_of_use(capacity, 0.9),
            self.overload.target_of_use(capacity * slower, 0.5),
        ]
    }

    /// That a daemon is no worse than processes by themselves.
    fn targets_beside(&self, processes: &Self) -> Vec<Target> {
        let beside = |(ours, theirs): (&Storm, &Storm)| Target {
            what: format!("{}: yes a second / that of {LANES} processes", ours.name()),
            value: ours.yes_rate() / theirs.yes_rate(),
            bound: Bound::AtLeast(0.98),
            reason: format!(
                "{} to {} a second; {} to {} answers are yes",
                number(ours.yes_rate()),
                number(theirs.yes_rate()),
                ours.count(Verdict::Yes),
                theirs.count(Verdict::Yes)
            ),
        };
        let mut targets: Vec<_> = self.all().into_iter().zip(processes.all()).map(beside).collect();
        let (ours, theirs) = (self.at_once.memory, processes.at_once.memory);
        targets.push(Target {
            what: format!("{}: memory / that of {LANES} processes", self.at_once.name()),
            value: ours / theirs,
            bound: Bound::AtMost(1.0),
            reason: format!("{} MiB to {} MiB", number(ours), number(theirs)),
        });
        targets
    }
}
