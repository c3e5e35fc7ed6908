//! Measures the built binary beside libldap, on the same slapd in the same run:
//!
//! ```text
//! cargo bench --bench throughput [-- --rounds N --json FILE --quick]
//! ```
//!
//! The contenders take turns, so that what else the machine does meets all of them; figures are
//! medians over the rounds, and ratios are of medians. A target that is missed is reported and is
//! no failure.

#![allow(missing_docs, unreachable_pub, reason = "nobody else uses this program's parts")]
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "it prints, and its rival takes the short way"
)]

mod adapter;
mod figures;
mod rivals;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Instant;

use adapter::Adapter;
use anyhow::Result;
use clap::Parser;
use figures::{Figures, Load, Work, median};
use ldap_fixtures::slapd::{Options, SERVICE_PASSWORD};
use rivals::{Libldap, ldap3_loop};
use serde_json::{Value, json};

#[derive(Parser)]
struct Arguments {
    /// How many times each contender does each work
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Only shows that the benchmark works; its figures mean nothing
    #[arg(long)]
    quick: bool,
    /// Where to write the figures
    #[arg(long)]
    json: Option<PathBuf>,
    /// Passed by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

/// The works, with the configuration of the binary for each.
const SCENES: [(&str, &str, Work, usize); 5] = [
    ("auth by search and bind, lock-step", "search", Work::SearchBind, 1),
    ("auth by DN template, lock-step", "name", Work::Bind, 1),
    ("isuser, lock-step", "search", Work::Search, 1),
    ("auth by search and bind, 16 in flight", "search", Work::SearchBind, 16),
    ("isuser, 16 in flight", "search", Work::Search, 16),
];

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let (rounds, requests, users) =
        if arguments.quick { (1, 160, 20) } else { (arguments.rounds, 4000, 1000) };
    let slapd = Options { users, ..Options::default() }.start()?;
    let site = tempfile::tempdir()?;
    let secret = site.path().join("password");
    fs::write(&secret, SERVICE_PASSWORD)?;
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600))?;
    adapter::configure(site.path(), &slapd.url())?;
    let libldap = Libldap::build(site.path())?;

    let mut results = vec![[const { Vec::<Figures>::new() }; 3]; SCENES.len()];
    let (mut first_answers, mut memory) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let mut adapters = Vec::new();
        for name in ["search", "name"] {
            let started = Instant::now();
            let mut adapter = Adapter::start(site.path(), name)?;
            let once = Load { work: Work::SearchBind, in_flight: 1, requests: 1, users };
            adapter.run(once)?;
            first_answers.push(started.elapsed().as_secs_f64() * 1e3);
            adapters.push((name, adapter));
        }
        for ((_, name, work, in_flight), [ours, limit, library]) in SCENES.iter().zip(&mut results)
        {
            let load = Load { work: *work, in_flight: *in_flight, requests, users };
            for (adapter_name, adapter) in &mut adapters {
                if adapter_name == name {
                    ours.push(adapter.run(load)?);
                }
            }
            limit.push(libldap.run(&slapd.url(), load)?);
            library.push(ldap3_loop(&slapd.url(), load)?);
        }
        for (_, adapter) in &adapters {
            memory.push(adapter.memory()?);
        }
    }
    let scenes: Vec<Scene> = SCENES
        .iter()
        .zip(&results)
        .map(|((title, _, _, in_flight), rounds)| Scene {
            title,
            is_lock_step: *in_flight == 1,
            figures: rounds.each_ref().map(|rounds| Figures::median(rounds)),
        })
        .collect();
    let (first_answer, memory) = (median(first_answers), median(memory) / 1024.0);
    for scene in &scenes {
        scene.print();
    }
    print_targets(&scenes, first_answer, memory);
    if let Some(file) = arguments.json {
        let value = json!({
            "rounds": rounds,
            "scenes": scenes.iter().map(Scene::to_json).collect::<Vec<_>>(),
            "first_answer_ms": first_answer,
            "resident_memory_mib": memory,
        });
        fs::write(file, format!("{value:#}\n"))?;
    }
    Ok(())
}

const CONTENDERS: [&str; 3] = ["xmpp-ldap-auth", "libldap", "ldap3"];

/// One work, done by all.
struct Scene {
    title: &'static str,
    is_lock_step: bool,
    figures: [Figures; 3],
}

impl Scene {
    /// How a contender compares with libldap: latency where one waits for each answer, else rate.
    fn ratio(&self, figures: &Figures) -> f64 {
        let [_, limit, _] = &self.figures;
        if self.is_lock_step { figures.p50 / limit.p50 } else { figures.rate / limit.rate }
    }

    fn print(&self) {
        let compared = if self.is_lock_step { "p50 / libldap's" } else { "rate / libldap's" };
        println!("\n{}", self.title);
        println!(
            "{:<16} {:>9} {:>9} {:>9} {:>9}  {compared}",
            "", "p50 us", "p99 us", "per s", "CPU us"
        );
        for (name, figures) in CONTENDERS.iter().zip(&self.figures) {
            let Figures { p50, p99, rate, processor } = figures;
            let ratio = self.ratio(figures);
            println!("{name:<16} {p50:>9.0} {p99:>9.0} {rate:>9.0} {processor:>9.1}  {ratio:.2}");
        }
    }

    fn to_json(&self) -> Value {
        let contenders = CONTENDERS.iter().zip(&self.figures).map(|(name, figures)| {
            json!({
                "name": name,
                "p50_us": figures.p50,
                "p99_us": figures.p99,
                "requests_per_second": figures.rate,
                "processor_us": figures.processor,
                "ratio_to_libldap": self.ratio(figures),
            })
        });
        json!({ "title": self.title, "contenders": contenders.collect::<Vec<_>>() })
    }
}

fn print_targets(scenes: &[Scene], first_answer: f64, memory: f64) {
    println!("\ntargets");
    let say = |what: &str, value: f64, bound: &str, is_met: bool| {
        println!("{:<58} {value:>6.2}  {bound:<9} {}", what, if is_met { "met" } else { "missed" });
    };
    for scene in scenes {
        let [ours, ..] = &scene.figures;
        let ratio = scene.ratio(ours);
        if scene.is_lock_step {
            say(&format!("{}: p50 / libldap's", scene.title), ratio, "<= 1.35", ratio <= 1.35);
        } else {
            say(&format!("{}: rate / libldap's", scene.title), ratio, ">= 0.85", ratio >= 0.85);
        }
    }
    say("first answer after the start, in ms", first_answer, "<= 50", first_answer <= 50.0);
    say("resident memory after the run, in MiB", memory, "< 12", memory < 12.0);
}
