//! `check`: what is wrong with the configuration, and what to mind on the caller's side.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use serde_json::json;

use super::ending::Failure;
use super::print::{BAD, GOOD, ODD, print_json, print_problems};
use crate::cli::{CheckArgs, Given};
use crate::config::configuration::Configuration;
use crate::config::directory::DirectoryConfig;
use crate::config::problem::Problem;
use crate::config::startup::{Caller, Startup};
use crate::config::{self, Reading};
use crate::directory::domain::Rules;
use crate::exit::Code;
use crate::observe::logger;
use crate::peer::Peer;
use crate::printable::printable;
use crate::protocol::dialect::Dialect;

/// Reads the configuration and everything that it names, and prints every problem.
///
/// The exit code is 0 if `run` would serve, 78 if not.
pub fn check(args: &CheckArgs, given: Given) -> Result<Code, Failure> {
    let caller = given.caller;
    let path = config::path(given.config);
    let mut reading = config::load(&path, caller, None);
    if reading.startup.caller.terms.dialect == Dialect::Unnamed {
        // As `run` does where it is asked by the one caller that it can tell by itself.
        reading = config::load(&path, caller, Some(Dialect::Prosody));
        reading.remarks.push(Problem {
            key: "caller".to_owned(),
            line: None,
            text: "Prosody alone is known by its terminal, so this is checked for it; for any other, write caller = \"ejabberd\" or \"mongooseim\"".to_owned(),
        });
    }
    if args.json {
        let effective = reading.configuration.as_ref().ok();
        let problems = reading.configuration.as_ref().err().cloned().unwrap_or_default();
        print_json(&json!({
            "file": path,
            "ok": reading.configuration.is_ok(),
            "problems": problems,
            "remarks": reading.remarks,
            "directories": effective.map(|configuration| {
                let all = configuration.directories.iter();
                all.map(|(name, config)| (name, describe_directory(config))).collect::<BTreeMap<_, _>>()
            }),
            "domains": effective.map(|configuration| {
                let all = configuration.domains().into_iter();
                all.map(|(name, (directory, rules))| (name, table(describe_domain(directory, rules)))).collect::<BTreeMap<_, _>>()
            }),
            "settings": effective.map(|configuration| configuration.effective.iter().cloned().collect::<BTreeMap<_, _>>()),
            "policy": effective.map(|configuration| table(configuration.policy.describe())),
            "log": log_place(&reading.startup),
            "hints": hints(&reading),
        }));
    } else {
        // A closed pipe is the reader's choice.
        let _ = print_for_people(&path, &reading);
    }
    Ok(if reading.configuration.is_ok() { Code::OK } else { Code::CONFIG })
}

fn table(values: Vec<(&'static str, String)>) -> BTreeMap<&'static str, String> {
    values.into_iter().collect()
}

fn describe_directory(config: &DirectoryConfig) -> BTreeMap<String, String> {
    let summary = config.settings.describe().into_iter();
    let summary = summary.map(|(key, value)| (key.to_owned(), value));
    config.effective.iter().cloned().chain(summary).collect()
}

fn describe_domain(directory: &str, rules: &Rules) -> Vec<(&'static str, String)> {
    let mut lines = vec![("directory", directory.to_owned())];
    lines.extend(rules.describe());
    lines
}

fn print_for_people(path: &Path, reading: &Reading) -> io::Result<()> {
    let mut out = anstream::stdout();
    match &reading.configuration {
        Ok(configuration) => {
            print_effective(&mut out, &reading.startup.caller, configuration)?;
            for remark in &reading.remarks {
                writeln!(out, "{ODD}remark:{ODD:#} {remark}")?;
            }
            writeln!(out, "{ODD}hint:{ODD:#} the log will go to {}", log_place(&reading.startup))?;
            for hint in hints(reading) {
                writeln!(out, "{ODD}hint:{ODD:#} {hint}")?;
            }
            writeln!(out, "{GOOD}{} is right{GOOD:#}", path.display())
        }
        Err(problems) => {
            print_problems(&mut out, problems)?;
            writeln!(out, "{BAD}{}: {} to mend{BAD:#}", path.display(), problems.len())
        }
    }
}

fn print_effective(
    out: &mut impl Write,
    caller: &Caller,
    configuration: &Configuration,
) -> io::Result<()> {
    writeln!(
        out,
        "caller     {}, which waits {:?}; answers come within {:?}",
        caller.terms.dialect, caller.patience, caller.terms.answer_within
    )?;
    for (name, config) in &configuration.directories {
        writeln!(out, "directory  {}", printable(name))?;
        for (key, value) in &config.effective {
            writeln!(out, "             {key:<27} {}", printable(value))?;
        }
    }
    for (domain, (directory, rules)) in configuration.domains() {
        writeln!(out, "domain     {}", printable(domain))?;
        for (key, value) in describe_domain(directory, rules) {
            writeln!(out, "             {key:<27} {}", printable(&value))?;
        }
    }
    for (key, value) in &configuration.effective {
        writeln!(out, "{key:<29} {}", printable(value))?;
    }
    Ok(())
}

/// Where the log of the process goes that the caller starts, as far as this one can see.
fn log_place(startup: &Startup) -> String {
    let peer = match startup.caller.terms.dialect {
        Dialect::Prosody => Peer::Lpty { is_fresh: false },
        Dialect::Ejabberd | Dialect::MongooseIm | Dialect::Unnamed => Peer::Pipe,
    };
    logger::describe(&startup.log.target, peer)
}

/// The settings on the caller's side that this program depends on.
fn hints(reading: &Reading) -> Vec<String> {
    let Caller { patience, terms, .. } = &reading.startup.caller;
    let mut hints = match terms.dialect {
        Dialect::Prosody => vec![
            format!("Prosody: external_auth_timeout must be {} (its default is 5)", patience.as_secs_f64()),
            "Prosody: external_auth_protocol must be \"generic\" (its default), external_auth_command a path without arguments".to_owned(),
        ],
        Dialect::Ejabberd => vec![
            "ejabberd: set auth_use_cache: false, or it accepts old passwords and refuses new ones for an hour".to_owned(),
            "ejabberd: extauth_pool_size processes are started, each with its own connections; the default is one a processor".to_owned(),
        ],
        // There is none in a configuration that is right.
        Dialect::Unnamed => Vec::new(),
        Dialect::MongooseIm => vec![
            "MongooseIM: each of auth.external.instances is a process with its own connections".to_owned(),
        ],
    };
    let policy = reading.configuration.as_ref().map(|configuration| configuration.policy);
    hints.extend(policy.into_iter().flat_map(|policy| policy.hints(terms.dialect)));
    hints
}
