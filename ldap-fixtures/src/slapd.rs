//! OpenLDAP's slapd as an ordinary process.

mod admin;
mod options;
pub mod replicas;

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tempfile::{NamedTempFile, TempDir};

use crate::process::{Process, free_port, require, wait_until};

pub use admin::{ADMIN_DN, ADMIN_PASSWORD};
pub use options::{Hash, Options};

/// The suffix of the seed.
pub const BASE: &str = "dc=example,dc=com";
/// May search.
pub const SERVICE_DN: &str = "cn=reader,ou=services,dc=example,dc=com";
/// The password of [`SERVICE_DN`].
pub const SERVICE_PASSWORD: &str = "reader-secret";
/// May search, and set passwords.
pub const WRITER_DN: &str = "cn=writer,ou=services,dc=example,dc=com";
/// The password of [`WRITER_DN`].
pub const WRITER_PASSWORD: &str = "writer-secret";
/// The password of every user of the seed that is not about its password.
pub const PASSWORD: &str = "secret";

/// A server that takes longer than this to start will not.
const START: Duration = Duration::from_secs(30);

/// What slapd prints when all its sockets listen.
const STARTING: &str = "slapd starting";

/// For how many seconds OpenLDAP's programs wait for a response. Their options bound only the
/// connect, or ask the server to bound itself.
const PATIENCE: &str = "LDAPTIMEOUT";

impl Options {
    /// Starts it.
    pub fn start(self) -> Result<Slapd> {
        // Between choosing a port and using it somebody else may take it.
        let mut last_error = None;
        for _ in 0..5 {
            match self.start_on(free_port()?, &[]) {
                Ok(slapd) => return Ok(slapd),
                Err(error) => last_error = Some(error),
            }
        }
        Err(last_error.unwrap_or_else(|| anyhow::anyhow!("slapd does not start")))
    }

    /// Starts it on this port, after loading its entries with more arguments.
    fn start_on(&self, port: u16, arguments: &[&str]) -> Result<Slapd> {
        let directory = tempfile::Builder::new().prefix("slapd-").tempdir()?;
        self.write(directory.path(), directory.path())?;
        fs::create_dir(directory.path().join("db"))?;
        if !self.is_empty {
            load(directory.path(), arguments)?;
        }
        let (tls, ldaps_port) = (self.tls.is_some(), free_port()?);
        let listeners = Listeners { port, ldaps_port, tls, log_level: self.log_level() };
        let process = listeners.run(directory.path())?;
        Ok(Slapd { process, directory, listeners })
    }
}

fn load(directory: &Path, arguments: &[&str]) -> Result<()> {
    let loaded = Command::new(require("slapadd")?)
        .arg("-q")
        .args(arguments)
        .arg("-f")
        .arg(directory.join("slapd.conf"))
        .arg("-l")
        .arg(directory.join("init.ldif"))
        .output()?;
    ensure!(loaded.status.success(), "slapadd: {}", String::from_utf8_lossy(&loaded.stderr));
    Ok(())
}

/// Where a slapd listens, and what it says about it.
#[derive(Clone, Copy, Debug)]
struct Listeners {
    port: u16,
    ldaps_port: u16,
    tls: bool,
    log_level: &'static str,
}

impl Listeners {
    fn run(self, directory: &Path) -> Result<Process> {
        let Self { port, ldaps_port, tls, log_level } = self;
        let socket = directory.join("ldapi");
        let mut listeners = format!("ldap://127.0.0.1:{port}/ {}", ldapi(&socket)?);
        if tls {
            listeners.push_str(&format!(" ldaps://127.0.0.1:{ldaps_port}/"));
        }
        let mut command = Command::new(require("slapd")?);
        command.args(["-d", log_level, "-h", &listeners, "-f"]).arg(directory.join("slapd.conf"));
        // It asks name servers for this machine's name, and starts when they have answered or this is over.
        command.env("RES_OPTIONS", "timeout:1 attempts:1");
        let log = directory.join("slapd.log");
        let starts = |log: &str| log.matches(STARTING).count();
        let earlier = starts(&fs::read_to_string(&log).unwrap_or_default());
        let mut process = Process::spawn(command, &log)?;
        let url = format!("ldap://127.0.0.1:{port}");
        // Another server may answer on the port; that this one has it only its log can tell.
        let answered = wait_until("slapd's first answer", START, || {
            !process.is_running() || (starts(&process.log()) > earlier && answers(&url))
        });
        if answered.is_err() || !process.is_running() {
            bail!("slapd does not start: {}", process.log());
        }
        Ok(process)
    }
}

/// Whether a real LDAP server answers there. A bind would be refused where TLS is required; reading
/// the root DSE never is.
pub fn answers(url: &str) -> bool {
    Command::new("ldapsearch")
        .args(["-x", "-LLL", "-o", "nettimeout=1", "-H", url, "-s", "base", "-b", "", "1.1"])
        .env(PATIENCE, "1")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| {
            status.success() || status.code() == Some(50) || status.code() == Some(32)
        })
}

/// Changes the password of an entry, as whoever may write.
pub fn change_password(url: &str, dn: &str, password: &str) -> Result<()> {
    let changed = Command::new(require("ldappasswd")?)
        .args(["-x", "-H", url, "-D", WRITER_DN, "-w", WRITER_PASSWORD, "-s", password, dn])
        .output()?;
    ensure!(changed.status.success(), "ldappasswd: {}", String::from_utf8_lossy(&changed.stderr));
    Ok(())
}

fn ldapi(socket: &Path) -> Result<String> {
    Ok(format!("ldapi://{}", socket.to_str().context("the path is not UTF-8")?.replace('/', "%2F")))
}

/// A slapd with the seed. Dropping it ends it.
#[derive(Debug)]
pub struct Slapd {
    process: Process,
    directory: TempDir,
    listeners: Listeners,
}

impl Slapd {
    /// One without anything special.
    pub fn start() -> Result<Self> {
        Options::default().start()
    }

    /// `ldap://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("ldap://127.0.0.1:{}", self.listeners.port)
    }

    /// `ldaps://127.0.0.1:PORT`; only where it has a certificate.
    pub fn ldaps_url(&self) -> String {
        format!("ldaps://127.0.0.1:{}", self.listeners.ldaps_port)
    }

    /// The URL of its socket.
    pub fn ldapi_url(&self) -> Result<String> {
        ldapi(&self.directory.path().join("ldapi"))
    }

    /// Where a proxy finds it.
    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.listeners.port).into()
    }

    /// Where a proxy finds its TLS port.
    pub fn ldaps_address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.listeners.ldaps_port).into()
    }

    /// Its process ID.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Ends it as an administrator would.
    pub fn stop(&mut self) {
        self.process.terminate();
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Stops it without closing its connections.
    pub fn pause(&self) {
        self.process.pause();
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.process.resume();
    }

    /// Starts it again with the same database, on the same ports.
    pub fn restart(&mut self) -> Result<()> {
        self.stop();
        self.process = self.listeners.run(self.directory.path())?;
        Ok(())
    }

    /// How many files and connections it has open.
    pub fn descriptors(&self) -> Result<usize> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.process.id()))?.count())
    }

    /// Its log at level "stats".
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// How many searches below this base it has seen.
    pub fn searches(&self, base: &str) -> usize {
        self.log().matches(&format!(" SRCH base=\"{base}\" scope=2 ")).count()
    }

    /// How many binds as this DN it has seen, as normalized by slapd.
    pub fn binds(&self, dn: &str) -> usize {
        let needle = format!("BIND dn=\"{dn}\" method=");
        self.log().matches(&needle).count()
    }

    /// Whether a bind with this password succeeds, asked of ldapwhoami; an error if slapd does not
    /// answer.
    pub fn accepts(&self, dn: &str, password: &str) -> Result<bool> {
        // Not an argument, which everybody could read; a new file, because threads ask at once.
        let mut file = NamedTempFile::new_in(self.directory.path())?;
        file.write_all(password.as_bytes())?;
        let output = Command::new(require("ldapwhoami")?)
            .args(["-x", "-H", &self.url(), "-D", dn, "-y"])
            .arg(file.path())
            .env(PATIENCE, "10")
            .output()?;
        match output.status.code() {
            Some(0) => Ok(true),
            // slapd's result code; 1 and the negative ones are errors of the program itself.
            Some(2..=127) => Ok(false),
            _ => bail!("ldapwhoami: {}", String::from_utf8_lossy(&output.stderr)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_server_on_the_port_is_not_taken_for_this_one() {
        let other = Slapd::start().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let options = Options::default();
        options.write(directory.path(), directory.path()).unwrap();
        fs::create_dir(directory.path().join("db")).unwrap();
        let error = other.listeners.run(directory.path()).unwrap_err().to_string();
        assert!(error.contains("Address already in use"), "{error}");
    }
}
