//! Everybody signs in at once, through several processes as ejabberd has them, while the directory
//! uses a slow hash.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ldap_fixtures::slapd::{Hash, Options, PASSWORD};
use ring::pbkdf2;
use serde_json::{Value, json};

use crate::drive::{Answer, Request, Verb, Verdict, drive};
use crate::extauth::Extauth;
use crate::figures::{Sorted, Work, float};
use crate::plot::Bars;
use crate::report::{Bound, Section, Table, Target, number};
use crate::site::{Setting, Site};

/// As many as ejabberd starts where it has so many processors.
const PROCESSES: usize = 8;

/// PBKDF2's iterations: about 5 ms for a bind, and several times that.
const SLOW: u32 = 10_000;
const SLOWER: u32 = 50_000;

/// The deadline of the overload, in seconds.
const SHORT: f64 = 1.0;

/// One storm, and what came of it.
struct Storm {
    title: &'static str,
    elapsed: Duration,
    answers: Vec<Answer>,
}

/// Measures three of them.
pub fn measure(users: usize) -> Result<Section> {
    let lock_step = storm("a: in lock-step, as ejabberd asks", users, SLOW, "", 1)?;
    let at_once = storm("b: all written at once", users, SLOW, "", usize::MAX)?;
    let within = format!("answer_within = \"{SHORT}s\"");
    let overload =
        storm("c: 64 in flight each, a hash five times as slow, 1 s", users, SLOWER, &within, 64)?;
    let capacity = lock_step.yes_rate();
    let slower = f64::from(SLOW) / f64::from(SLOWER);
    let targets = [
        targets_of_lock_step(&lock_step),
        vec![at_once.target_of_use("all at once", capacity, 0.9)],
        vec![overload.target_of_use("overload", capacity * slower, 0.5)],
        targets_of_overload(&overload),
    ];
    let storms = [lock_step, at_once, overload];
    let [_, _, overload] = &storms;
    Ok(Section {
        title: "A reconnect storm",
        tables: vec![table(users, &storms), histogram(overload)],
        targets: targets.into_iter().flatten().collect(),
        pictures: vec![("storm.svg", picture(overload))],
        figures: Value::Array(storms.iter().map(Storm::to_json).collect()),
    })
}

fn storm(
    title: &'static str,
    users: usize,
    iterations: u32,
    top: &str,
    depth: usize,
) -> Result<Storm> {
    let stored = Some(hashed(iterations)?);
    let options = Options { users, hash: Hash::Pbkdf2, stored, ..Options::default() };
    let site = Site::start(options, users)?;
    let config = site.configure("storm", &Setting { top, ..Setting::of(Work::SearchBind) })?;
    let processes: Result<Vec<Extauth>> =
        (0..PROCESSES).map(|_| site.start_binary(&config)).collect();
    let mut processes = processes?;
    let mut next: Vec<_> = (1..=PROCESSES).collect();
    let started = Instant::now();
    let answers = drive(&mut processes, depth, |lane| {
        let user = next.get_mut(lane)?;
        let request = (*user <= users).then_some(Request { verb: Verb::Auth, user: *user });
        *user += PROCESSES;
        request
    })?;
    let elapsed = started.elapsed();
    ensure!(answers.iter().all(|answer| answer.verdict != Verdict::No), "a no to a right password");
    Ok(Storm { title, elapsed, answers })
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

    /// What of the directory's work came to something.
    fn target_of_use(&self, name: &str, capacity: f64, bound: f64) -> Target {
        Target {
            what: format!("{name}: yes a second / what the directory can do"),
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
        let mut counts = [0_usize; PROCESSES];
        for answer in self.answers.iter().take(self.answers.len() / 2) {
            if let Some(count) = counts.get_mut(answer.lane) {
                *count += 1;
            }
        }
        let (most, least) = (counts.iter().max(), counts.iter().min());
        float(most.copied().unwrap_or(0)) / float(least.copied().unwrap_or(0))
    }

    fn longest(&self) -> f64 {
        self.seconds(None).into_iter().fold(0.0, f64::max)
    }

    fn to_json(&self) -> Value {
        let sorted = Sorted::of(self.seconds(None));
        json!({
            "title": self.title,
            "seconds": self.elapsed.as_secs_f64(),
            "yes": self.count(Verdict::Yes),
            "no": self.count(Verdict::No),
            "cannot_tell": self.count(Verdict::CannotTell),
            "p50_s": sorted.percentile(50),
            "p99_s": sorted.percentile(99),
            "max_s": self.longest(),
            "most_for_least": self.fairness(),
            "buckets": buckets(self).map(|(title, yes, cannot_tell)| {
                json!({ "answered": title, "yes": yes, "cannot_tell": cannot_tell })
            }).collect::<Vec<_>>(),
        })
    }
}

fn table(users: usize, storms: &[Storm]) -> Table {
    let row = |storm: &Storm| {
        let all = Sorted::of(storm.seconds(None));
        let counts = [Verdict::Yes, Verdict::No, Verdict::CannotTell];
        let counts = counts.map(|verdict| storm.count(verdict).to_string());
        let times = [
            storm.elapsed.as_secs_f64(),
            storm.yes_rate(),
            all.percentile(50),
            all.percentile(99),
            storm.longest(),
            storm.fairness(),
        ];
        std::iter::once(storm.title.to_owned()).chain(counts).chain(times.map(number)).collect()
    };
    Table {
        title: format!("**{users} users through {PROCESSES} processes**"),
        head: vec![
            "",
            "yes",
            "no",
            "cannot tell",
            "all done in s",
            "yes/s",
            "p50 s",
            "p99 s",
            "max s",
            "most/least",
        ],
        rows: storms.iter().map(row).collect(),
    }
}

/// How many answers came in each tenth of the short deadline.
fn buckets(storm: &Storm) -> impl Iterator<Item = (String, usize, usize)> {
    (0..12).map(move |bucket: u32| {
        let (from, to) = (f64::from(bucket) * SHORT / 10.0, f64::from(bucket + 1) * SHORT / 10.0);
        let is_last = bucket == 11;
        let within = |verdict| {
            let seconds = storm.seconds(Some(verdict)).into_iter();
            seconds.filter(|time| *time >= from && (is_last || *time < to)).count()
        };
        let title = if is_last {
            format!("{from:.1} s and later")
        } else {
            format!("{from:.1}–{to:.1} s")
        };
        (title, within(Verdict::Yes), within(Verdict::CannotTell))
    })
}

fn histogram(overload: &Storm) -> Table {
    Table {
        title: "**When the answers of the overload (c) came**".to_owned(),
        head: vec!["after", "yes", "cannot tell"],
        rows: buckets(overload)
            .map(|(title, yes, cannot_tell)| vec![title, yes.to_string(), cannot_tell.to_string()])
            .collect(),
    }
}

fn picture(overload: &Storm) -> String {
    let rows: Vec<_> = buckets(overload).collect();
    Bars {
        title: "Overload with 1 s to answer: how many answers came when",
        kinds: vec!["yes", "cannot tell"],
        rows: rows
            .iter()
            .map(|(title, yes, no)| (title.as_str(), vec![float(*yes), float(*no)]))
            .collect(),
    }
    .to_svg()
}

fn targets_of_lock_step(storm: &Storm) -> Vec<Target> {
    vec![
        Target {
            what: "lock-step storm: answers that are not yes".to_owned(),
            value: float(storm.answers.len() - storm.count(Verdict::Yes)),
            bound: Bound::AtMost(0.0),
            reason: "the deadline, 25 s, is far away".to_owned(),
        },
        Target {
            what: "lock-step storm: most answers of a process / least".to_owned(),
            value: storm.fairness(),
            bound: Bound::AtMost(1.25),
            reason: "counted when half of the users were in".to_owned(),
        },
    ]
}

fn targets_of_overload(storm: &Storm) -> Vec<Target> {
    let refused = Sorted::of(storm.seconds(Some(Verdict::CannotTell)));
    vec![
        Target {
            what: "overload: longest time to an answer, s".to_owned(),
            value: storm.longest(),
            bound: Bound::AtMost(1.1 * SHORT),
            reason: format!("answer_within is {SHORT} s; a busy machine is late by some ms"),
        },
        Target {
            what: "overload: p50 of the time to cannot-tell, s".to_owned(),
            value: refused.percentile(50),
            bound: Bound::AtMost(SHORT / 4.0),
            reason: format!(
                "{} of {} answers are cannot-tell",
                storm.count(Verdict::CannotTell),
                storm.answers.len()
            ),
        },
        Target {
            what: "overload: most answers of a process / least".to_owned(),
            value: storm.fairness(),
            bound: Bound::AtMost(1.25),
            reason: "counted when half of the answers were there".to_owned(),
        },
    ]
}
