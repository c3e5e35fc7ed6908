//! The commands: each builds what it needs from the configuration and hands over.

pub mod check;
pub mod login;
pub mod run;

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;

use anstyle::{AnsiColor, Style};

use crate::authenticator::Authenticator;
use crate::config::Directories;
use crate::directory::domain::Domain;
use crate::directory::ldap::LdapDirectory;

/// For what is as it should be.
const GOOD: Style = AnsiColor::Green.on_default();
/// For what deserves a look.
const ODD: Style = AnsiColor::Yellow.on_default();
/// For what is wrong.
const BAD: Style = AnsiColor::Red.on_default().bold();

/// The directories, and an authenticator that asks them.
pub fn build(directories: Directories) -> (Vec<Arc<LdapDirectory>>, Authenticator<Domain>) {
    let built: HashMap<String, Arc<LdapDirectory>> = directories
        .settings
        .into_iter()
        .map(|(name, settings)| (name, Arc::new(LdapDirectory::new(settings))))
        .collect();
    let domains = directories
        .domains
        .into_iter()
        .filter_map(|(name, served)| {
            let directory = Arc::clone(built.get(&served.directory)?);
            Some((name, Arc::new(Domain::new(directory, served.rules))))
        })
        .collect();
    (built.into_values().collect(), Authenticator::new(domains))
}

/// A runtime on this thread: one pipe is too little work for more.
fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// Prints a value as JSON, for scripts.
fn print_json(value: &serde_json::Value) {
    let _ = writeln!(io::stdout(), "{value:#}");
}
