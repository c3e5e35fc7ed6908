//! The directory that all contenders ask, and the configurations of the binary.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use ldap_fixtures::slapd::{BASE, Options, SERVICE_DN, SERVICE_PASSWORD, Slapd};
use ldap_fixtures::tls::Authority;
use tempfile::TempDir;

use crate::extauth::Extauth;
use crate::figures::Work;

/// The filter that finds a user, with what stands for the name.
pub fn filter(name: &str) -> String {
    format!("(uid={name})")
}

/// The DN of a user.
pub fn user_dn(name: &str) -> String {
    format!("uid={name},ou=people,{BASE}")
}

/// A directory, and a place for files about it.
pub struct Site {
    pub slapd: Slapd,
    directory: TempDir,
    pub users: usize,
}

impl Site {
    /// Starts one with TLS and so many numbered users.
    pub fn start(options: Options, users: usize) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("bench-").tempdir()?;
        let authority = Authority::create(directory.path())?;
        let tls = Some((authority.certificate().to_owned(), authority.good()?));
        let slapd = Options { tls, ..options }.start()?;
        let site = Self { slapd, directory, users };
        let secret = site.password();
        fs::write(&secret, SERVICE_PASSWORD)?;
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600))?;
        Ok(site)
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Where programs log.
    pub fn log_file(&self) -> PathBuf {
        self.path().join("log")
    }

    /// The last lines that programs have logged, for an error.
    pub fn log(&self) -> String {
        let log = fs::read_to_string(self.log_file()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(10).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// A new, empty directory in it.
    pub fn subdirectory(&self, name: &str) -> Result<PathBuf> {
        let path = self.path().join(name);
        fs::create_dir(&path)?;
        Ok(path)
    }

    /// The file of the service account's password.
    pub fn password(&self) -> PathBuf {
        self.path().join("password")
    }

    /// The certificate of the authority.
    pub fn authority(&self) -> PathBuf {
        self.path().join("ca.pem")
    }

    /// Writes a configuration of the binary.
    pub fn configure(&self, name: &str, setting: &Setting) -> Result<PathBuf> {
        // With a service account the entry that a template names would be read as well.
        let lookup = if setting.work == Work::Bind {
            format!("user_dn = {:?}", user_dn("{localpart}"))
        } else {
            format!(
                "base = {BASE:?}\nuser_filter = {:?}\nbind_dn = {SERVICE_DN:?}\nbind_password_file = {:?}",
                filter("{localpart}"),
                self.password(),
            )
        };
        let url = match (setting.server, setting.security) {
            (Some(server), _) => format!("ldap://{server}"),
            (None, Security::ClearText | Security::StartTls) => self.slapd.url(),
            (None, Security::Ldaps) => self.slapd.ldaps_url(),
        };
        let text = format!(
            "caller = \"ejabberd\"\n{}\n[directory.bench]\nservers = [{url:?}]\n\
             start_tls = {}\n{lookup}\n\
             [directory.bench.tls]\nca_file = {:?}\n[directory.bench.pool]\n{}\n\
             [domain.\"example.com\"]\ndirectory = \"bench\"\n",
            setting.top,
            setting.security == Security::StartTls,
            self.authority(),
            setting.pool,
        );
        let file = self.path().join(name).with_extension("toml");
        fs::write(&file, text)?;
        let checked = binary(&file).arg("check").output()?;
        ensure!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
        Ok(file)
    }

    /// Starts the binary with a configuration.
    pub fn start_binary(&self, config: &Path) -> Result<Extauth> {
        Extauth::start(binary(config), self)
    }
}

/// The built binary.
pub fn binary(config: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xmpp-ldap-auth"));
    command.arg("--config").arg(config);
    command
}

/// How the binary is to ask; everything else is its default.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    pub work: Work,
    pub security: Security,
    /// What is asked in the place of slapd: a proxy before it.
    pub server: Option<SocketAddr>,
    /// Lines for `[directory.NAME.pool]`.
    pub pool: &'a str,
    /// Lines for the top of the file.
    pub top: &'a str,
}

impl Setting<'_> {
    pub fn of(work: Work) -> Self {
        Self { work, security: Security::ClearText, server: None, pool: "", top: "" }
    }
}

/// What protects a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    ClearText,
    StartTls,
    Ldaps,
}

impl Security {
    pub const ALL: [Self; 3] = [Self::ClearText, Self::StartTls, Self::Ldaps];

    pub fn title(self) -> &'static str {
        match self {
            Self::ClearText => "clear text",
            Self::StartTls => "StartTLS",
            Self::Ldaps => "LDAPS",
        }
    }
}
