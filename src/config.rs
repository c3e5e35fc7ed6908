//! The configuration: one TOML file, read once into what the program is built from.
//!
//! [`read`] takes the text and gives finished parts, or every problem in it. Nothing here connects
//! to anything.

pub mod configuration;
pub mod directory;
mod domains;
pub mod effective;
mod excerpt;
pub mod gssapi;
mod identity;
pub mod keys;
mod keytab;
pub mod listen;
mod named_secrets;
pub mod policy;
pub mod problem;
mod rules;
pub mod schema;
pub mod secret;
mod servers;
mod source;
pub mod startup;
pub mod support;
mod syntax;
mod table;
mod tls;
mod value;

use std::path::{Path, PathBuf};

use self::configuration::Configuration;
use self::problem::{Place, Problem, Problems};
use self::source::Source;
use self::startup::Startup;
use self::table::Table;
use crate::files::watch::Watch;
use crate::files::{self, Privacy};
use crate::listen::settings::ListenerSettings;
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
    /// What the daemon listens on, as far as that is right.
    pub listeners: Vec<ListenerSettings>,
    /// What is right but deserves a second look.
    pub remarks: Vec<Problem>,
    /// What is served, or everything that is wrong in the file.
    pub configuration: Result<Configuration, Problems>,
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
    match read_text(path) {
        Ok(text) => Reading { file, ..read_from(Some(path), &text, caller, likely_caller) },
        Err(problem) => {
            let configuration = Err(Problems::from(problem));
            Reading { file, configuration, ..read("", caller, likely_caller) }
        }
    }
}

fn read_text(path: &Path) -> Result<String, Problem> {
    let name = path.display();
    let bytes = files::read(path, Privacy::Public).map_err(|error| {
        let advice = format!("name the file with --config or ${PATH_VARIABLE}");
        let text = format!("the configuration {name} cannot be used: {error}; or {advice}");
        Problem::nowhere("", text)
    })?;
    String::from_utf8(bytes.to_vec()).map_err(|error| {
        let (valid, _) =
            bytes.split_at_checked(error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count();
        let begun = valid.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        let column = 1 + String::from_utf8_lossy(begun).chars().count();
        let text = format!("line {line} is not UTF-8: save the file in that encoding");
        Problem { key: String::new(), place: Some(Place { line, column, shown: None }), text }
    })
}

/// Reads the text of a file; see [`load`].
pub fn read(text: &str, caller: Option<Dialect>, likely_caller: Option<Dialect>) -> Reading {
    read_from(None, text, caller, likely_caller)
}

fn read_from(
    path: Option<&Path>,
    text: &str,
    caller: Option<Dialect>,
    likely_caller: Option<Dialect>,
) -> Reading {
    let source = Source::new(text);
    let document = source.parse();
    let top = Table::top(&source, &document);
    let mut startup = Startup::read(&top, caller, likely_caller);
    let listeners = listen::read(&top, startup.written_caller());
    let configuration = Configuration::read(&top, &startup);
    if let Some(configuration) = &configuration {
        listen::remark(&top, &listeners, configuration);
    }
    let files = source.files();
    startup.keep_log_out_of(path.into_iter().chain(files.paths()), &top);
    let problems = source.problems();
    Reading {
        startup,
        file: Watch::default(),
        files,
        listeners,
        remarks: source.remarks(),
        configuration: configuration.filter(|_| problems.is_empty()).ok_or(problems),
    }
}
