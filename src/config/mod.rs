//! The configuration: one TOML file, read once into what the program is built from.
//!
//! [`Config::read`] takes the text and gives finished parts, or every problem in it. Nothing here
//! connects to anything.

mod directory;
pub mod file;
pub mod gssapi;
mod identity;
mod keytab;
pub mod policy;
pub mod problem;
mod rules;
pub mod secret;
mod servers;
mod tls;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::DeTable;
use tracing::level_filters::LevelFilter;

use self::policy::Policy;
use crate::directory::domain::Rules;
use crate::directory::ldap;
use crate::observe::target::{Format, Log};
use crate::protocol::dialect::Dialect;
use crate::session::Terms;
use directory::Directory;
use file::{Source, Table};
use problem::{Problem, Problems};

/// Where the file is, if neither the command line nor the environment says so.
pub const DEFAULT_PATH: &str = "/etc/xmpp-ldap-auth/config.toml";

/// The environment variable that names the file.
pub const PATH_VARIABLE: &str = "XMPP_LDAP_AUTH_CONFIG";

/// How many requests of a pipe are worked on at once, unless the file says otherwise.
const WINDOW: usize = 64;

/// What the caller needs to know before it knows whether the rest is right.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// The terms of its session.
    pub terms: Terms,
    /// How long the caller waits for a reply.
    pub patience: Duration,
    /// What happens to the first request on a fresh terminal.
    pub first_request: FirstRequest,
}

/// What happens to the first request on a terminal that was never used before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstRequest {
    /// It is read and not answered: lpty may have echoed it as a reply already.
    Discard,
    /// It is answered: the module on the other side is patched against the echo.
    Answer,
}

/// The directories and the XMPP domains that they serve.
#[derive(Debug)]
pub struct Directories {
    /// What is remembered.
    pub policy: Policy,
    /// By the names in the file.
    pub settings: BTreeMap<String, ldap::Settings>,
    /// The XMPP domains that are served, in lower case.
    pub domains: BTreeMap<String, Served>,
}

/// How an XMPP domain is served.
#[derive(Clone, Debug)]
pub struct Served {
    /// The name of its directory.
    pub directory: String,
    /// How its users are found, and who of them may sign in.
    pub rules: Rules,
}

impl Served {
    /// The effective values by their keys.
    pub fn describe(&self) -> Vec<(&'static str, String)> {
        let mut lines = vec![("directory", self.directory.clone())];
        lines.extend(self.rules.describe());
        lines
    }
}

/// A configuration. The caller and the log are known even if the rest is not usable, because the
/// program must then stay alive, answer in the caller's dialect, and say why.
#[derive(Debug)]
pub struct Config {
    /// Who asks, and on which terms.
    pub caller: Caller,
    /// Where to log.
    pub log: Log,
    /// The files that it names.
    pub files: Vec<PathBuf>,
    /// Whether the process gives up what it does not need.
    pub confine: bool,
    /// What is right but deserves a second look.
    pub remarks: Vec<Problem>,
    /// The directories, or everything that is wrong in the file.
    pub directories: Result<Directories, Problems>,
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

impl Config {
    /// Reads the file. `caller` wins over what the file says; `likely_caller` stands in where
    /// nobody says anything.
    pub fn load(path: &Path, caller: Option<Dialect>, likely_caller: Option<Dialect>) -> Self {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::read(&text, caller, likely_caller),
            Err(error) => {
                let text = format!(
                    "cannot read {}: {error}; name the file with --config or ${PATH_VARIABLE}",
                    path.display()
                );
                let problem = Problem { key: String::new(), line: None, text };
                let source = Source::new("");
                let empty = DeTable::default();
                let caller = read_caller(&Table::top(&source, &empty), caller, likely_caller);
                Self {
                    caller,
                    log: Log::default(),
                    files: Vec::new(),
                    confine: true,
                    remarks: Vec::new(),
                    directories: Err(Problems(vec![problem])),
                }
            }
        }
    }

    /// Reads the text of a file; see [`Config::load`].
    pub fn read(text: &str, caller: Option<Dialect>, likely_caller: Option<Dialect>) -> Self {
        let source = Source::new(text);
        let mut remarks = Vec::new();
        let (caller, log, confine, policy, settings, domains) = {
            let document = source.parse();
            let top = Table::top(&source, &document);
            let caller = read_caller(&top, caller, likely_caller);
            let log = read_log(top.table("log"));
            let confine = top.flag_or("confine", true);
            let policy = Policy::read(&top);
            let directories: Vec<Directory<'_>> = top
                .tables("directory")
                .into_iter()
                .map(|(name, table)| Directory::read(name, table, caller.terms.answer_within))
                .collect();
            if directories.is_empty() {
                top.problem("directory", "write at least one [directory.NAME] with its servers");
            }
            let domains = read_domains(&top, &directories, &mut remarks);
            let settings: BTreeMap<_, _> = directories
                .into_iter()
                .filter_map(|directory| Some((directory.name.to_owned(), directory.finish()?)))
                .collect();
            gssapi::check_keytabs(&top, &settings);
            top.finish();
            (caller, log, confine, policy, settings, domains)
        };
        let files = source.files();
        let problems = source.problems();
        let directories = if problems.is_empty() {
            Ok(Directories { policy, settings, domains })
        } else {
            Err(Problems(problems))
        };
        Self { caller, log, files, confine, remarks, directories }
    }
}

fn read_caller(top: &Table<'_>, given: Option<Dialect>, likely: Option<Dialect>) -> Caller {
    let written = top.parsed("caller", str::parse::<Dialect>);
    let dialect = given.or(written).or(likely).unwrap_or_else(|| {
        if !top.has("caller") {
            top.problem("caller", "write caller = \"ejabberd\", \"prosody\" or \"mongooseim\"");
        }
        Dialect::Ejabberd
    });
    let patience = top.duration("caller_gives_up_after").unwrap_or(dialect.patience());
    let default = dialect.answer_within(patience);
    let mut answer_within = top.duration("answer_within").unwrap_or(default);
    if answer_within >= patience {
        top.problem("answer_within", format!(
            "{dialect} gives up after {patience:?}, and a reply after that would be taken for another request's; \
             write less, or say with caller_gives_up_after that it waits longer"
        ));
        answer_within = default;
    }
    let first_request =
        top.parsed("first_request", |word| match word {
            "discard" => Ok(FirstRequest::Discard),
            "answer" => Ok(FirstRequest::Answer),
            _ => Err("write \"discard\", or \"answer\" if the module is patched against the echo"
                .to_owned()),
        });
    let terms = Terms {
        dialect,
        answer_within,
        reply_within: answer_within + (patience - answer_within) / 2,
        window: top.count("max_in_flight", 1..=1024).unwrap_or(WINDOW),
    };
    Caller { terms, patience, first_request: first_request.unwrap_or(FirstRequest::Discard) }
}

fn read_log(table: Table<'_>) -> Log {
    let default = Log::default();
    let log = Log {
        level: table
            .parsed("level", |word| match word {
                "error" => Ok(LevelFilter::ERROR),
                "warn" => Ok(LevelFilter::WARN),
                "info" => Ok(LevelFilter::INFO),
                "debug" => Ok(LevelFilter::DEBUG),
                "trace" => Ok(LevelFilter::TRACE),
                _ => Err("write \"error\", \"warn\", \"info\", \"debug\" or \"trace\"".to_owned()),
            })
            .unwrap_or(default.level),
        target: table.parsed("target", str::parse).unwrap_or(default.target),
        format: table
            .parsed("format", |word| match word {
                "text" => Ok(Format::Text),
                "json" => Ok(Format::Json),
                _ => Err("write \"text\" or \"json\"".to_owned()),
            })
            .unwrap_or(default.format),
    };
    table.finish();
    log
}

fn read_domains(
    top: &Table<'_>,
    directories: &[Directory<'_>],
    remarks: &mut Vec<Problem>,
) -> BTreeMap<String, Served> {
    let mut domains = BTreeMap::new();
    let tables = top.tables("domain");
    if tables.is_empty() {
        top.problem(
            "domain",
            "write at least one [domain.\"example.com\"] with directory = \"NAME\"; any other domain is denied",
        );
    }
    for directory in directories {
        if !tables.iter().any(|(_, table)| table.string("directory") == Some(directory.name)) {
            // Its mistakes are worth knowing before it serves anyone.
            let _ = directory.rules(None, remarks);
        }
    }
    for (domain, table) in tables {
        let domain = domain.to_lowercase();
        let aliases = table.list("aliases", |alias| Ok(alias.to_lowercase()));
        let named = table.string("directory");
        let directory = directories.iter().find(|directory| Some(directory.name) == named);
        if directory.is_none() {
            let names: Vec<&str> = directories.iter().map(|directory| directory.name).collect();
            table.problem(
                "directory",
                match named {
                    Some(_) => {
                        format!("there is no such [directory]; write one of: {}", names.join(", "))
                    }
                    None => "write which [directory.NAME] serves this domain".to_owned(),
                },
            );
        }
        let rules = directory.and_then(|directory| directory.rules(Some(&table), remarks));
        if let (Some(directory), Some(rules)) = (directory, rules) {
            let served = Served { directory: directory.name.to_owned(), rules };
            for alias in aliases {
                let rules = Rules { alias_of: Some(domain.clone()), ..served.rules.clone() };
                let alias_served = Served { rules, ..served.clone() };
                if domains.insert(alias.clone(), alias_served).is_some() {
                    table.problem("aliases", format!("{alias:?} is served twice"));
                }
            }
            if domains.insert(domain, served).is_some() {
                table.problem("aliases", "this domain is also an alias of another");
            }
        }
        table.finish();
    }
    domains
}
