//! The commands: each builds what it needs from the configuration and hands over.

pub mod check;
pub mod control;
pub mod daemon;
pub mod ending;
pub mod explain;
mod finding;
mod inspection;
pub mod login;
pub mod manual;
mod password_prompt;
mod print;
pub mod probe;
mod progress;
pub mod prosody_module;
mod reload;
pub mod run;
mod screen;
mod serving;
mod signals;
pub mod status;
mod steps;
pub mod support;

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::authenticator::ServedDomains;
use crate::config::configuration::Configuration;
use crate::config::directory::DirectoryConfig;
use crate::config::problem::Problem;
use crate::config::{self, Reading, gssapi};
use crate::directory::Directory;
use crate::directory::domain::{Domain, DomainMemory};
use crate::directory::pool::refused_logins::RefusedLogins;
use crate::peer::process::start_anew;
use crate::policy::Policies;
use crate::policy::ttl_cache::TtlCache;
use crate::protocol::dialect::Dialect;

/// The configuration, in the environment that its directories need.
fn load(path: &Path, caller: Option<Dialect>, likely: Option<Dialect>) -> Reading {
    let mut reading = config::load(path, caller, likely);
    if let Ok(configuration) = &reading.configuration
        && let Some(environment) = gssapi::missing_environment(configuration.settings())
    {
        let error = start_anew(environment);
        let text = format!("Kerberos will not find its keytab: cannot start anew: {error}");
        reading.remarks.push(Problem::nowhere("sasl", text));
    }
    reading
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
    rebuild(configuration, policies, &Arc::default())
}

/// The same, with the logins of service accounts that were refused before.
fn rebuild(
    configuration: Configuration,
    policies: Option<Arc<Policies>>,
    refused: &Arc<RefusedLogins>,
) -> io::Result<Built> {
    let policy = configuration.policy;
    let policies = match policies {
        Some(policies) => policies,
        None => Arc::new(Policies::new(policy.guard, policy.cache)?),
    };
    let mut directories = Vec::new();
    let mut domains = HashMap::new();
    for DirectoryConfig { settings, domains: rules, .. } in configuration.directories.into_values()
    {
        let directory = Arc::new(Directory::remembering(settings, refused));
        for (name, rules) in rules {
            let memory = DomainMemory {
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
