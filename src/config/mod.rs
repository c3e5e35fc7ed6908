//! The configuration: one TOML file, read once into what the program is built from.
//!
//! [`read`] takes the text and gives finished parts, or every problem in it. Nothing here connects
//! to anything.

mod directory;
mod domains;
pub mod file;
pub mod gssapi;
mod identity;
mod keytab;
pub mod policy;
pub mod problem;
mod rules;
pub mod secret;
mod servers;
pub mod startup;
mod tls;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use self::directory::DirectoryTable;
use self::file::{Source, Table};
use self::policy::Policy;
use self::problem::{Problem, Problems};
use self::startup::Startup;
use crate::directory::Settings;
use crate::directory::domain::Rules;
use crate::files::Watch;
use crate::protocol::dialect::Dialect;

/// Where the file is, if neither the command line nor the environment says so.
pub const DEFAULT_PATH: &str = "/etc/xmpp-ldap-auth/config.toml";

/// The environment variable that names the file.
pub const PATH_VARIABLE: &str = "XMPP_LDAP_AUTH_CONFIG";

/// What one reading of the file gives.
#[derive(Debug)]
pub struct Reading {
    /// What a process needs to stay alive, answer in the caller's dialect and say what is wrong,
    /// even if nothing else in the file is usable.
    pub startup: Startup,
    /// The file itself, unless only its text was given.
    pub file: Watch,
    /// The files that it names.
    pub files: Watch,
    /// What is right but deserves a second look.
    pub remarks: Vec<Problem>,
    /// What is served, or everything that is wrong in the file.
    pub configuration: Result<Configuration, Problems>,
}

/// What is served, and from where.
#[derive(Debug)]
pub struct Configuration {
    /// What is remembered.
    pub policy: Policy,
    /// The directories, by their names in the file.
    pub directories: BTreeMap<String, DirectoryConfig>,
}

/// A directory and the XMPP domains that it serves.
#[derive(Debug)]
pub struct DirectoryConfig {
    /// How to reach it.
    pub settings: Settings,
    /// How the users of each domain are found, and who of them may sign in; by the domain's name in
    /// lower case. No domain is in two directories.
    pub domains: BTreeMap<String, Rules>,
}

/// The path of the file: `given` on the command line, or the environment's, or the default.
pub fn path(given: Option<PathBuf>) -> PathBuf {
    given
        .or_else(|| std::env::var_os(PATH_VARIABLE).map(PathBuf::from))
        .unwrap_or_else(|| DEFAULT_PATH.into())
}

/// The files, and directories of files, that the environment names to the libraries for TLS and
/// Kerberos.
pub fn files_of_environment() -> Vec<PathBuf> {
    let values = ["KRB5_CONFIG", "SSL_CERT_DIR", "SSL_CERT_FILE"].map(std::env::var_os);
    let paths = |value| std::env::split_paths(&value).collect::<Vec<_>>();
    values.into_iter().flatten().flat_map(paths).collect()
}

/// Reads the file. `caller` wins over what the file says; `likely_caller` stands in where nobody says
/// anything.
pub fn load(path: &Path, caller: Option<Dialect>, likely_caller: Option<Dialect>) -> Reading {
    let mut file = Watch::default();
    file.add(path);
    match std::fs::read_to_string(path) {
        Ok(text) => Reading { file, ..read(&text, caller, likely_caller) },
        Err(error) => {
            let problem = Problem::of_file(format!(
                "cannot read {}: {error}; name the file with --config or ${PATH_VARIABLE}",
                path.display()
            ));
            let configuration = Err(Problems::from(vec![problem]));
            Reading { file, configuration, ..read("", caller, likely_caller) }
        }
    }
}

/// Reads the text of a file; see [`load`].
pub fn read(text: &str, caller: Option<Dialect>, likely_caller: Option<Dialect>) -> Reading {
    let source = Source::new(text);
    let document = source.parse();
    let top = Table::top(&source, &document);
    let startup = Startup::read(&top, caller, likely_caller);
    let configuration = Configuration::read(&top, startup.caller.terms.answer_within);
    top.finish();
    let problems = source.problems();
    Reading {
        startup,
        file: Watch::default(),
        files: source.files(),
        remarks: source.remarks(),
        configuration: configuration.filter(|_| problems.is_empty()).ok_or(problems),
    }
}

impl Configuration {
    /// `None` where there is a mistake.
    fn read(top: &Table<'_>, answer_within: Duration) -> Option<Self> {
        let policy = Policy::read(top);
        let mut tables: Vec<DirectoryTable<'_>> = top
            .tables("directory")
            .into_iter()
            .map(|(name, table)| DirectoryTable::read(name, table, answer_within))
            .collect();
        if tables.is_empty() {
            top.problem("directory", "write at least one [directory.NAME] with its servers");
        }
        domains::read(top, &mut tables);
        gssapi::check_keytabs(top, tables.iter().filter_map(DirectoryTable::settings));
        let finished = tables.into_iter().map(DirectoryTable::finish);
        Some(Self { policy, directories: finished.collect::<Option<_>>()? })
    }

    /// Every domain that is served, with its directory and its rules.
    pub fn domains(&self) -> BTreeMap<&str, (&str, &Rules)> {
        let domains = self.directories.iter().flat_map(|(directory, config)| {
            let domains = config.domains.iter();
            domains.map(|(domain, rules)| (domain.as_str(), (directory.as_str(), rules)))
        });
        domains.collect()
    }

    /// The directory that serves the domain of this name, in lower case, and the domain's rules;
    /// `None` if none does.
    pub fn into_domain(self, name: &str) -> Option<(Settings, Rules)> {
        self.directories.into_values().find_map(|mut directory| {
            let rules = directory.domains.remove(name)?;
            Some((directory.settings, rules))
        })
    }
}
