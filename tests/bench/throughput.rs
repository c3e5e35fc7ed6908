//! Measures the built binary beside libldap and its rivals, on the same slapd in the same run:
//!
//! ```text
//! tests/bench/run [--rounds N] [--quick] [--only PART]... [--json]
//! ```
//!
//! The contenders take turns, so that what else the machine does meets all of them; figures are
//! medians over the rounds, and ratios are of medians. A target that is missed is reported and is
//! no failure; a wrong answer is one.

#![allow(missing_docs, unreachable_pub, reason = "nobody else uses this program's parts")]
#![allow(clippy::print_stderr, clippy::print_stdout, reason = "it prints")]

mod comparison;
mod contender;
mod daemon;
mod dovecot;
mod drive;
mod encryption;
mod extauth;
mod figures;
mod interrupt;
mod kernel;
mod libldap;
mod library;
mod memory;
mod plot;
mod rates;
mod report;
mod saslauthd;
mod sharing;
mod site;
mod start;
mod storm;
mod xmpp;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use ldap_fixtures::slapd::Options;
use report::Section;
use serde_json::{Map, Value};
use site::Site;

#[derive(Parser)]
struct Arguments {
    /// How many times each contender does each work
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Only shows that the benchmark works; its figures mean nothing
    #[arg(long)]
    quick: bool,
    /// One part of it
    #[arg(long, value_name = "PART")]
    only: Vec<Part>,
    /// Prints JSON instead of tables
    #[arg(long)]
    json: bool,
    /// Passed by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    Rates,
    Daemon,
    Tls,
    FirstAnswer,
    Memory,
    Storm,
    Xmpp,
}

/// How much is done.
struct Scale {
    users: usize,
    rounds: usize,
    lasting: Duration,
    starts: usize,
    requests: usize,
    slowest_bind: Duration,
}

impl Arguments {
    fn scale(&self) -> Scale {
        if self.quick {
            let lasting = Duration::from_millis(20);
            let slowest_bind = Duration::from_millis(50);
            Scale { users: 160, rounds: 1, lasting, starts: 2, requests: 2000, slowest_bind }
        } else {
            Scale {
                users: 10_000,
                rounds: self.rounds,
                lasting: Duration::from_millis(500),
                starts: 40,
                requests: 1_000_000,
                slowest_bind: Duration::from_secs(1),
            }
        }
    }

    fn parts(&self) -> &[Part] {
        if self.only.is_empty() { Part::value_variants() } else { &self.only }
    }
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let scale = arguments.scale();
    interrupt::watch()?;
    let options = Options { users: scale.users, is_quiet: true, ..Options::default() };
    let site = Site::start(options, scale.users)?;
    let libldap = libldap::Program::build(&site)?;
    let mut sections = Vec::new();
    for part in arguments.parts() {
        eprintln!("measuring: {part:?}");
        let section = measure(*part, &site, &libldap, &scale)
            .with_context(|| format!("the binary's log ends with\n{}", site.log()))?;
        if !arguments.json {
            println!("{section}");
        }
        sections.push((*part, section));
    }
    let json = to_json(&sections);
    if arguments.json {
        println!("{json:#}");
    }
    // What is shown to others is a whole run.
    let is_whole = !arguments.quick && arguments.only.is_empty();
    write(&results(is_whole), &sections, &json)
}

fn measure(part: Part, site: &Site, libldap: &libldap::Program, scale: &Scale) -> Result<Section> {
    let Scale { users, rounds, lasting, starts, requests, slowest_bind } = *scale;
    match part {
        Part::Rates => Ok(comparison::section(&rates::measure(site, libldap, rounds, lasting)?)),
        Part::Daemon => sharing::measure(site),
        Part::Tls => encryption::measure(site, libldap, rounds, lasting),
        Part::FirstAnswer => start::measure(site, starts),
        Part::Memory => memory::measure(site, requests),
        Part::Storm => storm::measure(users),
        Part::Xmpp => xmpp::measure(site, rounds.min(3), 2 * lasting, slowest_bind),
    }
}

fn results(is_whole: bool) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join(if is_whole { "tests/bench/results" } else { "target/bench" })
}

fn to_json(sections: &[(Part, Section)]) -> Value {
    let parts = sections.iter().map(|(part, section)| {
        let name = part.to_possible_value().map(|value| value.get_name().to_owned());
        (name.unwrap_or_default(), section.to_json())
    });
    let machine = ("machine".to_owned(), Value::String(kernel::machine()));
    Value::Object(parts.chain([machine]).collect::<Map<_, _>>())
}

const INTRODUCTION: &str = "# Results of `tests/bench/run`

All ask one slapd with 10,000 users ({SSHA}) on this machine, which also does the asking. They take
turns, several rounds of half a second; figures are medians over the rounds, ratios are of medians.
Every answer is checked. The binary has its defaults but for `pool.size`; libldap and ldap3 have no
pipe to an XMPP server between them and who asks. Of a rival's settings, named in brackets, the fastest
counts. Nobody has a cache.

CPU is the user and system time of all processes of a contender for each request, by the kernel's
accounting. MiB is their resident memory without what is mapped from files; what processes share since
a fork counts once.

Clients of XMPP servers sign in without TLS, each as another user, from the connection to the bound
resource; one more, who was signed in before, pings the server all the while (XEP-0199). A load takes a
second, or until each client has signed in; what took longer than five is done in one round alone.
Whoever says yes to all asks no directory. `pool.size` is 64.
";

/// Writes everything into a directory.
fn write(directory: &Path, sections: &[(Part, Section)], json: &Value) -> Result<()> {
    fs::create_dir_all(directory)?;
    let mut markdown = format!("{INTRODUCTION}\nOn {}.\n\n", kernel::machine());
    for (_, section) in sections {
        markdown += &section.to_markdown();
        for (file, picture) in &section.pictures {
            fs::write(directory.join(file), picture)?;
        }
    }
    fs::write(directory.join("README.md"), markdown)?;
    fs::write(directory.join("results.json"), format!("{json:#}\n"))?;
    Ok(())
}
