//! `check`: what is wrong with the configuration, and what to mind on the caller's side.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use serde_json::json;

use super::ending::Failure;
use super::print::{BAD, FAINT, GOOD, ODD, print_json, print_problems};
use crate::cli::{CheckArgs, GlobalArgs};
use crate::config::effective::{Effective, EffectiveValue, Subject};
use crate::config::problem::Problem;
use crate::config::startup::{Caller, Startup};
use crate::config::{self, Reading};
use crate::exit::Code;
use crate::observe::logger;
use crate::peer::Peer;
use crate::printable::printable;
use crate::protocol::dialect::Dialect;

/// Reads the configuration and everything that it names, and prints every problem.
///
/// The exit code is 0 if `run` would serve, 78 if not.
pub fn check(args: &CheckArgs, given: GlobalArgs) -> Result<Code, Failure> {
    let caller = given.caller;
    let path = config::path(given.config);
    let mut reading = config::load(&path, caller, None);
    let is_unnamed = reading.startup.caller.terms.dialect == Dialect::Unnamed;
    let is_of_daemon = is_unnamed && !reading.listeners.is_empty();
    if is_of_daemon {
        // As the daemon reads it, which serves any.
        reading = config::load(&path, Some(Dialect::Ejabberd), None);
        if let Ok(configuration) = &mut reading.configuration {
            configuration.effective.forget(&Subject::Process, "caller");
        }
    } else if is_unnamed {
        // As `run` does where it is asked by the one caller that it can tell by itself.
        reading = config::load(&path, caller, Some(Dialect::Prosody));
        reading.remarks.push(Problem {
            key: "caller".to_owned(),
            line: None,
            text: "Prosody alone is known by its terminal, so this is checked for it; for any other, write caller = \"ejabberd\" or \"mongooseim\"".to_owned(),
        });
    }
    let hints = if is_of_daemon { Vec::new() } else { hints(&reading) };
    if args.json {
        print_json(&to_json(&path, &reading, &hints));
    } else {
        // A closed pipe is the reader's choice.
        let _ = print_for_people(&path, &reading, &hints);
    }
    Ok(if reading.configuration.is_ok() { Code::OK } else { Code::CONFIG })
}

fn to_json(path: &Path, reading: &Reading, hints: &[String]) -> serde_json::Value {
    let effective =
        reading.configuration.as_ref().ok().map(|configuration| &configuration.effective);
    let of = |pick: fn(&Subject) -> Option<&str>| {
        let all = effective?.iter().filter_map(|(subject, it)| Some((pick(subject)?, by_key(it))));
        Some(all.collect::<BTreeMap<_, _>>())
    };
    json!({
        "file": path,
        "ok": reading.configuration.is_ok(),
        "problems": reading.configuration.as_ref().err().cloned().unwrap_or_default(),
        "remarks": reading.remarks,
        "values": effective.map(|all| all.iter().flat_map(values_to_json).collect::<Vec<_>>()),
        "directories": of(|subject| match subject {
            Subject::Directory(name) => Some(name),
            Subject::Domain(_) | Subject::Process => None,
        }),
        "domains": of(|subject| match subject {
            Subject::Domain(name) => Some(name),
            Subject::Directory(_) | Subject::Process => None,
        }),
        "settings": effective.map(|all| by_key(all.values(&Subject::Process))),
        "policy": effective.map(policy_to_json),
        "log": log_place(&reading.startup),
        "hints": hints,
    })
}

fn by_key(values: &[EffectiveValue]) -> BTreeMap<&str, &str> {
    values.iter().map(|value| (&*value.key, &*value.value)).collect()
}

fn values_to_json((subject, values): (&Subject, &[EffectiveValue])) -> Vec<serde_json::Value> {
    let (kind, name) = match subject {
        Subject::Directory(name) => ("directory", Some(name)),
        Subject::Domain(name) => ("domain", Some(name)),
        Subject::Process => ("process", None),
    };
    let to_json = |EffectiveValue { key, value, origin }: &EffectiveValue| json!({ "of": kind, "name": name, "key": key, "value": value, "from": origin.to_string() });
    values.iter().map(to_json).collect()
}

/// The tables of what is remembered, each with what switches it on by its own name.
fn policy_to_json(effective: &Effective) -> BTreeMap<&str, &str> {
    let mut policy = by_key(effective.values(&Subject::Process));
    policy.retain(|key, _| key.starts_with("cache.") || key.starts_with("throttle."));
    for (table, switch) in [("cache", "cache.mode"), ("throttle", "throttle.enabled")] {
        policy.get(switch).copied().map(|value| policy.insert(table, value));
    }
    policy
}

fn print_for_people(path: &Path, reading: &Reading, hints: &[String]) -> io::Result<()> {
    let mut out = anstream::stdout();
    match &reading.configuration {
        Ok(configuration) => {
            print_effective(&mut out, &configuration.effective)?;
            for remark in &reading.remarks {
                writeln!(out, "{ODD}remark:{ODD:#} {remark}")?;
            }
            writeln!(out, "{ODD}hint:{ODD:#} the log will go to {}", log_place(&reading.startup))?;
            for hint in hints {
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

fn print_effective(out: &mut impl Write, effective: &Effective) -> io::Result<()> {
    for (subject, values) in effective.iter() {
        let (indent, width) = match subject {
            Subject::Directory(name) => {
                writeln!(out, "directory  {}", printable(name))?;
                (13, 27)
            }
            Subject::Domain(name) => {
                writeln!(out, "domain     {}", printable(name))?;
                (13, 27)
            }
            Subject::Process => (0, 29),
        };
        for EffectiveValue { key, value, origin } in values {
            let value = printable(value);
            writeln!(out, "{:indent$}{key:<width$} {value}  {FAINT}({origin}){FAINT:#}", "")?;
        }
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
