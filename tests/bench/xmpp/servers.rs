//! XMPP servers, each with one way of signing users in.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use ldap_fixtures::ejabberd::{Ejabberd, Options};
use ldap_fixtures::process::{Process, wait_until};
use ldap_fixtures::prosody::{Authentication, Prosody, Version};
use ldap_fixtures::stream::Stream;
use tempfile::TempDir;

use crate::figures::Work;
use crate::site::{Setting, Site, binary};
use crate::xmpp::sessions::pinging;

const START: Duration = Duration::from_secs(10);

/// For how many seconds Prosody waits: for longer than any answer takes here.
const PATIENCE: u32 = 60;

/// Binds at once, for fifty clients.
const POOL: &str = "size = 64";

/// How Prosody signs users in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProsodyWay {
    /// By our module and a daemon.
    Module,
    /// By its own LDAP.
    Own,
    /// Without asking anybody: what Prosody itself takes.
    Anybody,
    /// By the binary on its terminal.
    Terminal,
}

/// How ejabberd signs users in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EjabberdWay {
    /// By so many relays and a daemon.
    Relays(u32),
    /// By the binary, so many times.
    Children(u32),
    /// By its own LDAP.
    Own,
}

/// A server, and how it signs users in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Prosody(Version, ProsodyWay),
    Ejabberd(EjabberdWay),
}

impl Subject {
    /// All, in the order in which they are shown.
    pub const ALL: [Self; 11] = [
        Self::Prosody(Version::V0_12, ProsodyWay::Module),
        Self::Prosody(Version::V0_12, ProsodyWay::Own),
        Self::Prosody(Version::V0_12, ProsodyWay::Anybody),
        Self::Prosody(Version::V0_12, ProsodyWay::Terminal),
        Self::Prosody(Version::V13_0, ProsodyWay::Module),
        Self::Prosody(Version::V13_0, ProsodyWay::Own),
        Self::Prosody(Version::V13_0, ProsodyWay::Anybody),
        Self::Ejabberd(EjabberdWay::Relays(64)),
        Self::Ejabberd(EjabberdWay::Relays(16)),
        Self::Ejabberd(EjabberdWay::Children(16)),
        Self::Ejabberd(EjabberdWay::Own),
    ];

    pub fn title(self) -> String {
        match self {
            Self::Prosody(version, way) => {
                let way = match way {
                    ProsodyWay::Module => "our module",
                    ProsodyWay::Own => "its own LDAP",
                    ProsodyWay::Anybody => "yes to all",
                    ProsodyWay::Terminal => "a terminal",
                };
                format!("{}, {way}", name(version))
            }
            Self::Ejabberd(EjabberdWay::Relays(count)) => format!("ejabberd, {count} relays"),
            Self::Ejabberd(EjabberdWay::Children(count)) => format!("ejabberd, {count} children"),
            Self::Ejabberd(EjabberdWay::Own) => "ejabberd, its own LDAP".to_owned(),
        }
    }

    /// Starts it with the directory at this address, and signs in the user who pings.
    pub fn start(self, site: &Site, directory: SocketAddr) -> Result<Running> {
        let place = tempfile::Builder::new().prefix("xmpp-").tempdir_in(site.path())?;
        let stage = Stage { site, directory, place: place.path() };
        let (daemon, server) = match self {
            Self::Prosody(version, way) => stage.prosody(version, way)?,
            Self::Ejabberd(way) => stage.ejabberd(way)?,
        };
        let port = match &server {
            Server::Prosody(prosody) => prosody.port(),
            Server::Ejabberd(ejabberd) => ejabberd.port(),
        };
        let other = pinging(port).with_context(|| self.title())?;
        Ok(Running { port, other, _server: server, _daemon: daemon, _place: place })
    }
}

pub fn name(version: Version) -> &'static str {
    match version {
        Version::V0_12 => "Prosody 0.12",
        Version::V13_0 => "Prosody 13.0",
    }
}

/// A server that runs. Dropping it ends it and what it asks, in that order.
pub struct Running {
    pub port: u16,
    /// The stream of the user who pings.
    pub other: Stream,
    _server: Server,
    _daemon: Option<Process>,
    _place: TempDir,
}

enum Server {
    Prosody(Prosody),
    Ejabberd(Ejabberd),
}

/// What a server is started with.
struct Stage<'a> {
    site: &'a Site,
    directory: SocketAddr,
    place: &'a Path,
}

impl Stage<'_> {
    fn prosody(&self, version: Version, way: ProsodyWay) -> Result<(Option<Process>, Server)> {
        let start = |authentication| {
            anyhow::Ok(Server::Prosody(Prosody::start_bare(version, authentication)?))
        };
        Ok(match way {
            ProsodyWay::Module => {
                let (daemon, socket) = self.daemon()?;
                let module = binary(&self.config()).arg("prosody-module").output()?;
                ensure!(module.status.success(), "{}", String::from_utf8_lossy(&module.stderr));
                let module = String::from_utf8(module.stdout)?;
                let timeout = format!("xmpp_ldap_timeout = {PATIENCE}");
                (Some(daemon), start(Authentication::Module(&module, &socket, &timeout))?)
            }
            ProsodyWay::Own => (None, start(Authentication::Ldap(self.directory))?),
            ProsodyWay::Anybody => (None, start(Authentication::Anybody)?),
            ProsodyWay::Terminal => {
                let log = self.place.join("log");
                self.configure(&format!("[log]\ntarget = \"file:{}\"\n", log.display()))?;
                let wrapper = self.place.join("wrapper");
                let program = line(binary(&self.config()).args(["--caller", "prosody"]));
                fs::write(&wrapper, format!("#!/bin/sh\nexec {program}\n"))?;
                fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755))?;
                (None, start(Authentication::Terminal(&wrapper, 5))?)
            }
        })
    }

    fn ejabberd(&self, way: EjabberdWay) -> Result<(Option<Process>, Server)> {
        let sized = |pool_size| Options { pool_size, encrypted: false, ..Options::default() };
        let (daemon, ejabberd) = match way {
            EjabberdWay::Relays(count) => {
                let (daemon, socket) = self.daemon()?;
                let relay = self.place.join("relay.toml");
                fs::write(&relay, format!("daemon = {socket:?}\ncaller = \"ejabberd\"\n"))?;
                (Some(daemon), sized(count).start(&line(&binary(&relay)))?)
            }
            EjabberdWay::Children(count) => {
                self.configure("")?;
                (None, sized(count).start(&line(&binary(&self.config())))?)
            }
            EjabberdWay::Own => (None, sized(1).start_ldap(self.directory)?),
        };
        Ok((daemon, Server::Ejabberd(ejabberd)))
    }

    fn config(&self) -> PathBuf {
        self.place.join("config.toml")
    }

    /// Writes the configuration of the binary, with more lines at its top.
    fn configure(&self, top: &str) -> Result<()> {
        let server = Some(self.directory);
        let setting = Setting { server, top, pool: POOL, ..Setting::of(Work::SearchBind) };
        fs::rename(self.site.configure("xmpp", &setting)?, self.config())?;
        Ok(())
    }

    /// A daemon, and its socket.
    fn daemon(&self) -> Result<(Process, PathBuf)> {
        let socket = self.place.join("auth.sock");
        self.configure(&format!("[listen.xmpp]\nsocket = {socket:?}\n"))?;
        let mut command = binary(&self.config());
        command.arg("daemon").env("RUNTIME_DIRECTORY", self.place);
        let mut daemon = Process::spawn(command, &self.site.path().join("log"))?;
        wait_until("the daemon's socket", START, || {
            !daemon.is_running() || UnixStream::connect(&socket).is_ok()
        })?;
        ensure!(daemon.is_running(), "the daemon does not start");
        Ok((daemon, socket))
    }
}

/// A command as a line, whose words need no quotes.
fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
