//! The commands: each builds what it needs from the configuration and hands over.

pub mod check;
pub mod explain;
pub mod login;
pub mod manual;
pub mod probe;
mod reload;
pub mod run;
mod steps;

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anstyle::{AnsiColor, Style};

use crate::authenticator::ServedDomains;
use crate::config::configuration::Configuration;
use crate::config::directory::DirectoryConfig;
use crate::config::problem::{Problem, Problems};
use crate::config::startup::Startup;
use crate::config::{self, Reading, gssapi};
use crate::directory::Directory;
use crate::directory::domain::{Domain, Memory};
use crate::exit;
use crate::jid::Account;
use crate::policy::Policies;
use crate::policy::ttl_cache::TtlCache;
use crate::printable::printable;
use crate::protocol::dialect::Dialect;

/// For what is as it should be.
const GOOD: Style = AnsiColor::Green.on_default();
/// For what deserves a look.
const ODD: Style = AnsiColor::Yellow.on_default();
/// For what is wrong.
const BAD: Style = AnsiColor::Red.on_default().bold();

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// It was not called as it should be.
    #[error("{0}")]
    Usage(String),
    /// The configuration is wrong.
    #[error("{0}")]
    Config(Problems),
}

/// The exit code of a command, after telling people of its error.
pub fn conclude(done: anyhow::Result<u8>) -> ExitCode {
    exit::code(done.unwrap_or_else(|error| {
        let mut out = anstream::stderr();
        match error.downcast_ref() {
            Some(Failure::Config(problems)) => {
                let _ = print_problems(&mut out, problems);
                exit::CONFIG
            }
            Some(Failure::Usage(text)) => {
                let _ = writeln!(out, "{BAD}error:{BAD:#} {text}");
                exit::USAGE
            }
            None => {
                let _ = writeln!(out, "{BAD}error:{BAD:#} {error:#}");
                exit::IO
            }
        }
    }))
}

fn print_problems(out: &mut impl Write, problems: &Problems) -> io::Result<()> {
    problems.iter().try_for_each(|problem| writeln!(out, "{BAD}problem:{BAD:#} {problem}"))
}

/// The configuration, in the environment that its directories need.
fn load(given: Option<PathBuf>, caller: Option<Dialect>, likely: Option<Dialect>) -> Reading {
    let mut reading = config::load(&config::path(given), caller, likely);
    if let Ok(configuration) = &reading.configuration
        && let Err(error) = gssapi::enter_environment(configuration.settings())
    {
        let text = format!("Kerberos will not find its keytab: cannot start anew: {error}");
        reading.remarks.push(Problem { key: "sasl".to_owned(), line: None, text });
    }
    reading
}

/// The configuration for a command that tells a person why something does not work, as soon as it
/// is known.
fn load_for_person(
    given: Option<PathBuf>,
    caller: Option<Dialect>,
) -> anyhow::Result<(Startup, Configuration)> {
    let reading = load(given, caller, Some(Dialect::Prosody));
    let mut configuration = reading.configuration.map_err(Failure::Config)?;
    for directory in configuration.directories.values_mut() {
        directory.settings.ask_once();
    }
    Ok((reading.startup, configuration))
}

fn read_jid(jid: &str) -> anyhow::Result<Account> {
    if let Some((user, resource)) = jid.split_once('@').and_then(|(localpart, domain)| {
        let (domain, resource) = domain.split_once('/')?;
        Some((format!("{localpart}@{domain}"), resource))
    }) {
        let text = format!("write {user} alone: the resource, /{resource}, is of one device");
        return Err(Failure::Usage(text).into());
    }
    Account::written(jid).ok_or_else(|| {
        let text = "write the user as USER@DOMAIN, in characters that an XMPP server lets through";
        Failure::Usage(text.to_owned()).into()
    })
}

/// What a configuration makes.
#[derive(Debug)]
pub struct Built {
    /// The directories, to be kept up by [`Directory::maintain`].
    pub directories: Vec<Arc<Directory>>,
    /// What answers requests.
    pub served: ServedDomains<Domain>,
}

/// Builds the directories, with these policies or new ones. The error says that the system has no
/// random numbers.
pub fn build(configuration: Configuration, policies: Option<Arc<Policies>>) -> io::Result<Built> {
    let policy = configuration.policy;
    let policies = match policies {
        Some(policies) => policies,
        None => Arc::new(Policies::new(policy.guard, policy.cache)?),
    };
    let mut directories = Vec::new();
    let mut domains = HashMap::new();
    for DirectoryConfig { settings, domains: rules, .. } in configuration.directories.into_values()
    {
        let directory = Arc::new(Directory::new(settings));
        for (name, rules) in rules {
            let memory = Memory {
                names: policy.dn_ttl.map(|ttl| TtlCache::new(policy.accounts, ttl)),
                spares_binds: policy.cache.is_some(),
            };
            domains.insert(name, Domain::new(Arc::clone(&directory), rules, memory));
        }
        directories.push(directory);
    }
    Ok(Built { directories, served: ServedDomains { domains, policies } })
}

/// A runtime on this thread: one pipe is too little work for more.
fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// Prints a value as JSON, for scripts, in which no character is left that a terminal would obey.
fn print_json(value: &serde_json::Value) {
    let _ = writeln!(io::stdout(), "{}", json_text(value));
}

fn json_text(value: &serde_json::Value) -> String {
    let mut text = String::new();
    for character in format!("{value:#}").chars() {
        // Besides its own line breaks, controls stand in strings alone.
        if character == '\n'
            || printable(character.encode_utf8(&mut [0; 4])).len() == character.len_utf8()
        {
            text.push(character);
        } else {
            let mut units = [0; 2];
            let units = character.encode_utf16(&mut units).iter();
            text.extend(units.map(|unit| format!("\\u{unit:04x}")));
        }
    }
    text
}

/// What became of printing; that nobody reads on is the reader's choice.
fn unless_closed(printed: io::Result<()>) -> io::Result<()> {
    printed.or_else(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_means_the_same_and_holds_nothing_that_a_terminal_obeys() {
        let value = serde_json::json!({ "a\u{9b}31m": ["\u{1b}[2J\u{202e}\u{e0041}\n", "Zoë"] });
        let text = json_text(&value);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
        assert!(
            text.chars()
                .all(|c| c == '\n' || printable(c.encode_utf8(&mut [0; 4])).len() == c.len_utf8())
        );
        assert!(text.contains("Zoë"));
    }
}
