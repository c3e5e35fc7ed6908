//! Rates, latencies and processor time of all contenders, on the same directory, taking turns.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::contender::{Entrant, entrants};
use crate::drive::{Answer, Request, Verb, Verdict, drive};
use crate::extauth::Extauth;
use crate::figures::{Figures, Load, Sorted, Work, median, micros};
use crate::kernel::Usage;
use crate::libldap;
use crate::site::{Setting, Site, binary};

/// The works, and how many requests are in flight.
pub const SCENES: [(Work, usize); 11] = [
    (Work::SearchBind, 1),
    (Work::SearchBind, 2),
    (Work::SearchBind, 4),
    (Work::SearchBind, 8),
    (Work::SearchBind, 16),
    (Work::SearchBind, 64),
    (Work::Bind, 1),
    (Work::Bind, 16),
    (Work::Search, 1),
    (Work::Search, 16),
    (Work::Search, 64),
];

/// How often a setting is tried before one is chosen; the best try of each counts.
const TRIES: usize = 3;

/// What one contender reached in one scene, in its best setting: medians over the rounds.
pub struct Outcome {
    pub scene: (Work, usize),
    pub name: &'static str,
    pub setting: String,
    pub figures: Figures,
}

/// What all reached.
pub struct Rates {
    pub outcomes: Vec<Outcome>,
    /// Lock-step p50 of a request that the binary answers without the directory, in microseconds.
    pub without_directory: f64,
    /// The same, where everything passes through a `cat` on its way in and another on its way out.
    pub passed_on: f64,
}

impl Rates {
    pub fn scene(&self, scene: (Work, usize)) -> impl Iterator<Item = &Outcome> {
        self.outcomes.iter().filter(move |outcome| outcome.scene == scene)
    }

    pub fn figures(&self, scene: (Work, usize), name: &str) -> Option<&Figures> {
        self.scene(scene).find(|outcome| outcome.name == name).map(|outcome| &outcome.figures)
    }

    /// Where a contender has its best rate, over all numbers in flight.
    pub fn best(&self, work: Work, name: &str) -> Option<&Outcome> {
        let theirs =
            self.outcomes.iter().filter(|outcome| outcome.scene.0 == work && outcome.name == name);
        theirs.max_by(|a, b| a.figures.rate.total_cmp(&b.figures.rate))
    }
}

/// Lets them take turns, for so many rounds.
pub fn measure(
    site: &Site,
    libldap: &libldap::Program,
    rounds: usize,
    lasting: Duration,
) -> Result<Rates> {
    let load = |(work, in_flight)| Load { work, in_flight, lasting, users: site.users };
    let mut entrants = entrants(site, libldap)?;
    // The setting chosen for a scene and an entrant, and its figures of every round.
    let mut chosen = BTreeMap::new();
    for (scene, what) in SCENES.into_iter().enumerate() {
        for (number, entrant) in entrants.iter_mut().enumerate() {
            let short = Load { lasting: lasting / 2, ..load(what) };
            if let Some(setting) = best_setting(entrant, &short)? {
                chosen.insert((scene, number), (setting, Vec::new()));
            }
        }
    }
    let config = site.configure("refused", &Setting::of(Work::Search))?;
    let (mut without_directory, mut passed_on) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        for (scene, what) in SCENES.into_iter().enumerate() {
            for turn in 0..entrants.len() {
                // Nobody is always the first.
                let number = (turn + round) % entrants.len();
                let entrant = entrants.get_mut(number).context("no entrant")?;
                if let Some((setting, figures)) = chosen.get_mut(&(scene, number)) {
                    figures.push(run(site, entrant, *setting, &load(what))?);
                }
            }
        }
        let ask = |command| ask_without_directory(site, command, lasting);
        without_directory.push(ask(binary(&config))?);
        passed_on.push(ask(passing_on(&config))?);
    }
    let outcome = |((scene, number), (setting, figures)): ((usize, usize), (usize, Vec<_>))| {
        let entrant: &Entrant<'_> = entrants.get(number)?;
        let (setting, _) = entrant.settings.get(setting)?;
        Some(Outcome {
            scene: *SCENES.get(scene)?,
            name: entrant.name,
            setting: setting.clone(),
            figures: Figures::median(&figures),
        })
    };
    Ok(Rates {
        outcomes: chosen.into_iter().filter_map(outcome).collect(),
        without_directory: median(without_directory),
        passed_on: median(passed_on),
    })
}

/// The setting that is the fastest for this load, if any serves it.
fn best_setting(entrant: &mut Entrant<'_>, load: &Load) -> Result<Option<usize>> {
    let serving = entrant.settings.iter().enumerate();
    let serving: Vec<usize> = serving
        .filter(|(_, (_, contender))| contender.serves(load.work, load.in_flight))
        .map(|(index, _)| index)
        .collect();
    if serving.len() < 2 {
        return Ok(serving.first().copied());
    }
    let mut rates = Vec::new();
    for _ in 0..TRIES {
        for setting in &serving {
            rates.push((try_setting(entrant, *setting, load)?.rate, *setting));
        }
    }
    Ok(rates.into_iter().max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, setting)| setting))
}

fn try_setting(entrant: &mut Entrant<'_>, setting: usize, load: &Load) -> Result<Figures> {
    let (setting, contender) = entrant.settings.get_mut(setting).context("no such setting")?;
    contender.run(load).with_context(|| format!("{} {setting}, {load:?}", entrant.name))
}

/// One round of one entrant, with what the directory itself used for it.
fn run(site: &Site, entrant: &mut Entrant<'_>, setting: usize, load: &Load) -> Result<Figures> {
    let directory = || Usage::of([site.slapd.id()]);
    let before = directory()?;
    let figures = try_setting(entrant, setting, load)?;
    let used = directory()?.processor.saturating_sub(before.processor);
    let requests = figures.rate * load.lasting.as_secs_f64();
    Ok(Figures { directory: micros(used) / requests, ..figures })
}

/// The binary between two processes that do nothing but pass bytes on.
fn passing_on(config: &Path) -> Command {
    let binary = binary(config);
    let mut command = Command::new("sh");
    command.args(["-c", "cat | \"$@\" | cat", "sh"]).arg(binary.get_program());
    command.args(binary.get_args());
    command
}

/// Lock-step p50 of what is refused at once, because nobody serves the domain: pipes and session.
fn ask_without_directory(site: &Site, command: Command, lasting: Duration) -> Result<f64> {
    let mut program = [Extauth::start(command, site)?];
    let started = Instant::now();
    let answers = drive(&mut program, 1, |_| {
        (started.elapsed() < lasting).then_some(Request { verb: Verb::Elsewhere, user: 1 })
    })?;
    ensure!(answers.iter().all(|answer| answer.verdict == Verdict::No), "a yes to nobody's domain");
    let latencies = answers.iter().map(Answer::latency).map(micros);
    Ok(Sorted::of(latencies.collect()).percentile(50))
}
