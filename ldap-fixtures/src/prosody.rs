//! Debian's Prosody, 0.12 or 13.0, with an authentication program on lpty's terminal, with the module
//! of a daemon, or with what these are measured against.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::{Signal, kill_process};
use tempfile::TempDir;

use crate::built::built;
use crate::component::Component;
use crate::family;
use crate::process::{Process, free_port, require, speaks_xmpp, wait_until};
use crate::slapd::{BASE, SERVICE_DN, SERVICE_PASSWORD};
use crate::tls::Authority;

const START: Duration = Duration::from_secs(30);

/// Which Prosody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 0.12, that of Debian 12.
    V0_12,
    /// 13.0, that of Debian's backports, which is unpacked beside it.
    V13_0,
}

impl Version {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V0_12, Self::V13_0];

    fn program(self) -> Result<PathBuf> {
        match self {
            Self::V0_12 => require("prosody"),
            Self::V13_0 => built("prosody-13/bin/prosody"),
        }
    }
}

/// How Prosody signs users in.
#[derive(Clone, Copy, Debug)]
pub enum Authentication<'a> {
    /// By a program on lpty's terminal: an executable, which gets no arguments, and how many seconds
    /// Prosody waits for its replies.
    Terminal(&'a Path, u32),
    /// By a daemon: the text of `mod_auth_xmpp_ldap`, the daemon's socket, and what else is written
    /// for it, such as `xmpp_ldap_timeout = 5`.
    Module(&'a str, &'a Path, &'a str),
    /// By a service that is asked over HTTP: the port on loopback, and `user:password`.
    Http(u16, &'a str),
    /// By Prosody's own `mod_auth_ldap`, which asks the slapd of this address.
    Ldap(SocketAddr),
    /// Everybody, with any password, without asking.
    Anybody,
}

impl Authentication<'_> {
    /// The lines of Prosody's configuration; a module that comes with it goes into `plugins`.
    fn lines(self, plugins: &Path) -> Result<String> {
        Ok(match self {
            Self::Terminal(command, timeout) => format!(
                "authentication = \"lpty_external\"; external_auth_command = \"{}\"; \
                 external_auth_timeout = {timeout}",
                text(command)?
            ),
            Self::Module(source, socket, options) => {
                fs::write(plugins.join("mod_auth_xmpp_ldap.lua"), source)?;
                format!(
                    "authentication = \"xmpp_ldap\"; xmpp_ldap_socket = \"{}\"; {options}",
                    text(socket)?
                )
            }
            Self::Http(port, credentials) => format!(
                "authentication = \"asks_http\"; asks_http_service = \"http://127.0.0.1:{port}\"; \
                 asks_http_credentials = \"{credentials}\""
            ),
            Self::Ldap(server) => format!(
                "authentication = \"ldap\"; ldap_server = \"{server}\"; ldap_base = \"{BASE}\"; \
                 ldap_rootdn = \"{SERVICE_DN}\"; ldap_password = \"{SERVICE_PASSWORD}\""
            ),
            Self::Anybody => "authentication = \"anybody\"".to_owned(),
        })
    }
}

/// Whether clients must use STARTTLS, and how much is logged.
#[derive(Clone, Copy, Debug)]
struct Manner {
    encrypted: bool,
    log_level: &'static str,
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("the path is not UTF-8")
}

/// A Prosody for the domain `example.com`. Dropping it ends it and its program.
#[derive(Debug)]
pub struct Prosody {
    version: Version,
    process: Process,
    directory: TempDir,
    port: u16,
    component_port: u16,
}

impl Prosody {
    /// Starts one that insists on STARTTLS.
    pub fn start(version: Version, authentication: Authentication<'_>) -> Result<Self> {
        let manner = Manner { encrypted: true, log_level: "debug" };
        Self::start_in(manner, version, authentication)
    }

    /// Starts one to be measured: for clients in clear text, because TLS would be most of the work,
    /// and with a log as Debian has it.
    pub fn start_bare(version: Version, authentication: Authentication<'_>) -> Result<Self> {
        let manner = Manner { encrypted: false, log_level: "info" };
        Self::start_in(manner, version, authentication)
    }

    fn start_in(
        manner: Manner,
        version: Version,
        authentication: Authentication<'_>,
    ) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("prosody-").tempdir()?;
        let plugins = directory.path().join("plugins");
        fs::create_dir(directory.path().join("data"))?;
        fs::create_dir(&plugins)?;
        Authority::create(directory.path())?.good()?;
        let template = include_str!("../prosody/prosody.cfg.lua.in")
            .replace("@dir@", text(directory.path())?)
            .replace("@plugins@", concat!(env!("CARGO_MANIFEST_DIR"), "/prosody"))
            .replace("@encrypted@", &manner.encrypted.to_string())
            .replace("@log_level@", manner.log_level)
            .replace("@authentication@", &authentication.lines(&plugins)?);
        let mut last_error = anyhow!("Prosody does not start");
        // Between choosing ports and using them somebody else may take one.
        for _ in 0..5 {
            let (port, component_port) = (free_port()?, free_port()?);
            let configuration = template
                .replace("@port@", &port.to_string())
                .replace("@component_port@", &component_port.to_string());
            fs::write(directory.path().join("prosody.cfg.lua"), configuration)?;
            match run(version, directory.path(), port) {
                Ok(process) => {
                    return Ok(Self { version, process, directory, port, component_port });
                }
                Err(error) => last_error = error,
            }
        }
        Err(last_error)
    }

    /// The port for clients.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A component of this Prosody.
    pub fn component(&self) -> Result<Component> {
        Component::connect(self.component_port)
    }

    /// Prosody's log.
    pub fn log(&self) -> String {
        log(self.directory.path())
    }

    /// The process IDs of the authentication program: one, or none before the first request.
    pub fn programs(&self) -> Vec<u32> {
        family::members(self.directory.path())
            .into_iter()
            .filter(|member| member.parent == self.process.id())
            .map(|member| member.id)
            .collect()
    }

    /// Sends a signal to the authentication program; whether there was one.
    pub fn signal_child(&self, signal: Signal) -> bool {
        let children = self.process.children();
        children.iter().filter(|child| kill_process(**child, signal).is_ok()).count() > 0
    }

    /// Ends Prosody as an administrator would; returns how many programs had to be ended by force
    /// because they outlived it.
    pub fn stop(&mut self) -> usize {
        self.process.terminate();
        family::end(self.directory.path())
    }

    /// Ends Prosody at once, without a word to its program; returns the same.
    pub fn kill(&mut self) -> usize {
        self.process.kill();
        family::end(self.directory.path())
    }

    /// Ends Prosody and starts it anew, on a new terminal.
    pub fn restart(&mut self) -> Result<()> {
        self.stop();
        self.process = run(self.version, self.directory.path(), self.port)?;
        Ok(())
    }
}

impl Drop for Prosody {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(version: Version, directory: &Path, port: u16) -> Result<Process> {
    let lpty = built("lpty/lpty.so")?;
    let mut command = Command::new(version.program()?);
    command
        .arg("--config")
        .arg(directory.join("prosody.cfg.lua"))
        .arg("-F")
        .env("LUA_CPATH", format!("{};;", lpty.with_file_name("?.so").display()))
        .env(family::MARK, directory);
    let before = log(directory).len();
    let mut process = Process::spawn(command, &directory.join("output.log"))?;
    // It goes on without the port that it could not have, where another server may answer.
    let listens = format!("Activated service 'c2s' on [127.0.0.1]:{port}");
    let news = || log(directory).split_off(before);
    let ready = wait_until("Prosody's stream", START, || {
        !process.is_running()
            || news().contains("Failed to open server port")
            || (news().contains(&listens) && speaks_xmpp(port))
    });
    if ready.is_err() || !process.is_running() || !news().contains(&listens) {
        bail!("Prosody does not start: {}{}", process.log(), news());
    }
    Ok(process)
}

fn log(directory: &Path) -> String {
    let bytes = fs::read(directory.join("prosody.log")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}
