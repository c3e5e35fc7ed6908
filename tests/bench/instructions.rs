//! Counts the instructions of what every request goes through, and compares them with the table
//! `instructions.txt` beside this file:
//!
//! ```text
//! cargo bench --bench instructions [-- --write]
//! ```
//!
//! Valgrind counts, so that the figures hardly depend on the machine and not at all on what else it
//! does. Each subject runs so many times and twice as many: the difference is free of what comes
//! before and after. A subject that needs a quarter more than the table says is a failure; where
//! that is worth it, or where it needs much less now, `--write` writes the table anew.

#![allow(missing_docs, unreachable_pub, reason = "nobody else uses this program's parts")]
#![allow(clippy::print_stdout, reason = "it prints")]

mod subjects;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use subjects::SUBJECTS;

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bench/instructions.txt");

/// What the table begins with.
const HEAD: &str = "# Instructions of each subject: cargo bench --bench instructions -- --write\n";

/// How many times a subject runs, and then twice as many.
const TIMES: u64 = 200;

/// By how much a count may differ from the table, in percent.
const TOLERANCE: u64 = 25;

#[derive(Parser)]
struct Arguments {
    /// Writes the table anew
    #[arg(long)]
    write: bool,
    /// Runs a subject so many times, and counts nothing
    #[arg(long, hide = true, num_args = 2)]
    only: Option<Vec<String>>,
    /// Passed by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if let Some([name, times]) = arguments.only.as_deref() {
        let subject = SUBJECTS.iter().find(|(known, _)| known == name);
        let (_, run) = subject.context("there is no such subject")?;
        run(times.parse()?);
        return Ok(());
    }
    let counts = SUBJECTS.iter().map(|(name, _)| Ok((*name, per_run(name)?)));
    let counts = counts.collect::<Result<Vec<_>>>()?;
    if arguments.write {
        let mut table = HEAD.to_owned();
        for (name, count) in &counts {
            writeln!(table, "{count}\t{name}")?;
        }
        return fs::write(TABLE, table).context(TABLE);
    }
    compare(&counts, &limits()?)
}

/// The table, by the names of the subjects.
fn limits() -> Result<BTreeMap<String, u64>> {
    let table = fs::read_to_string(TABLE).context(TABLE)?;
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (count, name) = line.split_once('\t').with_context(|| line.to_owned())?;
            Ok((name.to_owned(), count.parse()?))
        })
        .collect()
}

fn compare(counts: &[(&str, u64)], limits: &BTreeMap<String, u64>) -> Result<()> {
    println!("{:>9} {:>9} {:>5}", "table", "now", "%");
    let mut dearer = Vec::new();
    for (name, count) in counts {
        let limit = limits.get(*name).with_context(|| format!("{name:?} is not in {TABLE}"))?;
        let percent = 100 * count / limit.max(&1);
        let note = if percent > 100 + TOLERANCE {
            dearer.push(*name);
            "TOO DEAR"
        } else if percent < 100 - TOLERANCE {
            "much cheaper: write the table anew"
        } else {
            ""
        };
        println!("{limit:>9} {count:>9} {percent:>5} {name}  {note}");
    }
    let is_known = |name: &String| counts.iter().any(|(known, _)| known == name);
    if let Some(unknown) = limits.keys().find(|name| !is_known(name)) {
        bail!("{unknown:?} is in {TABLE}, but nobody counts it");
    }
    ensure!(dearer.is_empty(), "more instructions than the table says: {}", dearer.join(", "));
    Ok(())
}

fn per_run(name: &str) -> Result<u64> {
    let once = instructions(name, TIMES)?;
    let twice = instructions(name, 2 * TIMES)?;
    Ok(twice.saturating_sub(once) / TIMES)
}

/// All instructions of a process that runs a subject so many times.
fn instructions(name: &str, times: u64) -> Result<u64> {
    let directory = tempfile::tempdir()?;
    let profile = directory.path().join("profile");
    let status = Command::new("valgrind")
        .args(["--quiet", "--tool=callgrind"])
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(env::current_exe()?)
        .args(["--only", name, &times.to_string()])
        .status()
        .context("cannot run valgrind (Debian: valgrind)")?;
    ensure!(status.success(), "{name}: {status}");
    let profile = fs::read_to_string(profile)?;
    let total = profile.lines().find_map(|line| line.strip_prefix("totals: "));
    Ok(total.context("valgrind told no total")?.parse()?)
}
