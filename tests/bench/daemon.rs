//! One daemon, and who asks it: relays, each in the place of a process with the directory in it, and a
//! client of its socket, as Prosody's module is one.

use std::fs;
use std::io::Write;
use std::ops::RangeInclusive;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use ldap_fixtures::process::{Process, wait_until};
use serde::Deserialize;

use crate::contender::{Contender, Running};
use crate::drive::{Inbox, Lane, Request, Verb, Verdict, measure};
use crate::extauth::Extauth;
use crate::figures::{Figures, Load, Work};
use crate::kernel::Usage;
use crate::site::{Site, binary};

const START: Duration = Duration::from_secs(10);

/// How long a client waits, if nothing else is said.
pub const PATIENCE: Duration = Duration::from_secs(25);

/// A running daemon, with nothing but its usual sockets. Dropping it ends it.
pub struct Daemon {
    process: Process,
    directory: PathBuf,
}

impl Daemon {
    /// Starts it in a new directory of this name, and waits until it answers.
    pub fn start(site: &Site, name: &str, config: &Path) -> Result<Self> {
        let directory = site.subdirectory(name)?;
        let mut command = binary(config);
        command.arg("daemon").env("RUNTIME_DIRECTORY", &directory);
        let process = Process::spawn(command, &site.log_file())?;
        let mut daemon = Self { process, directory };
        let socket = daemon.socket();
        wait_until("the daemon's socket", START, || {
            !daemon.process.is_running() || UnixStream::connect(&socket).is_ok()
        })?;
        Client::connect(&daemon, PATIENCE).context("the daemon does not start")?;
        Ok(daemon)
    }

    fn socket(&self) -> PathBuf {
        self.directory.join("auth.sock")
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Writes the configuration of its relays, with these lines in it; to be done before they start.
    pub fn configure_relays(&self, lines: &str) -> Result<PathBuf> {
        let file = self.directory.join("relay.toml");
        fs::write(&file, format!("daemon = {:?}\ncaller = \"ejabberd\"\n{lines}", self.socket()))?;
        Ok(file)
    }
}

/// A connection to the socket of a daemon.
pub struct Client {
    stream: UnixStream,
    within: Duration,
    inbox: Inbox,
}

impl Client {
    /// Connects, for requests that may take so long, and waits for the greeting.
    pub fn connect(daemon: &Daemon, within: Duration) -> Result<Self> {
        let stream = UnixStream::connect(daemon.socket())?;
        let mut client = Self { stream, within, inbox: Inbox::default() };
        client.stream.write_all(b"{\"hello\":1,\"client\":\"bench\"}\n")?;
        client.inbox.read_from(&client.stream)?;
        client.inbox.take(line_length).context("no greeting")?;
        Ok(client)
    }
}

fn line_length(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| *byte == b'\n').map(|last| last + 1)
}

#[derive(Deserialize)]
struct Reply<'a> {
    id: usize,
    verdict: &'a str,
}

impl Lane for Client {
    fn send(&mut self, requests: &[(usize, Request)]) -> Result<()> {
        let mut lines = Vec::with_capacity(128 * requests.len());
        for (number, request) in requests {
            let (user, within) = (request.user, self.within.as_millis());
            let rest = match request.verb {
                Verb::IsUser => r#""isuser","domain":"example.com""#.to_owned(),
                Verb::Elsewhere => r#""isuser","domain":"elsewhere.example""#.to_owned(),
                Verb::Auth | Verb::Guess => format!(
                    r#""auth","domain":"example.com","password":"{}""#,
                    request.password(*number)
                ),
            };
            let id = 1 + number;
            writeln!(
                lines,
                r#"{{"id":{id},"user":"user{user:05}","within_ms":{within},"verb":{rest}}}"#
            )?;
        }
        Ok(self.stream.write_all(&lines)?)
    }

    fn receive(&mut self, answers: &mut Vec<(usize, Verdict)>) -> Result<()> {
        self.inbox.read_from(&self.stream)?;
        while let Some(line) = self.inbox.take(line_length) {
            let reply: Reply<'_> = serde_json::from_slice(&line)
                .with_context(|| format!("the daemon said {}", String::from_utf8_lossy(&line)))?;
            let verdict = match reply.verdict {
                "yes" => Verdict::Yes,
                "no" => Verdict::No,
                "unknown" => Verdict::CannotTell,
                other => bail!("{other:?} is no verdict"),
            };
            answers.push((reply.id.checked_sub(1).context("an answer to nothing")?, verdict));
        }
        Ok(())
    }

    fn readable(&self) -> Option<BorrowedFd<'_>> {
        Some(self.stream.as_fd())
    }
}

/// The configuration of a daemon for each work.
type Configured<'a> = Box<dyn Fn(Work) -> PathBuf + 'a>;

/// A daemon for each work, with a relay for each request in flight: as ejabberd asks.
pub struct Relays<'a> {
    site: &'a Site,
    name: &'static str,
    config: Configured<'a>,
    running: Running<(Daemon, PathBuf, Vec<Extauth>)>,
}

impl<'a> Relays<'a> {
    /// `name` is nobody else's on this site.
    pub fn new(site: &'a Site, name: &'static str, config: impl Fn(Work) -> PathBuf + 'a) -> Self {
        Self { site, name, config: Box::new(config), running: Running::default() }
    }
}

impl Contender for Relays<'_> {
    fn serves(&self, _: Work, in_flight: usize) -> bool {
        in_flight <= 16
    }

    fn run(&mut self, load: &Load) -> Result<Figures> {
        let (daemon, config, relays) = self.running.get(load.work, || {
            let name = format!("{}-{:?}", self.name, load.work);
            let daemon = Daemon::start(self.site, &name, &(self.config)(load.work))?;
            let config = daemon.configure_relays("")?;
            Ok((daemon, config, Vec::new()))
        })?;
        while relays.len() < load.in_flight {
            relays.push(self.site.start_binary(config)?);
        }
        let relays = relays.get_mut(..load.in_flight).context("too few relays")?;
        let ids: Vec<u32> = relays.iter().map(Extauth::id).chain([daemon.id()]).collect();
        measure(relays, 1, load, || Usage::of(ids.iter().copied()))
    }
}

/// A daemon for each work, and a client with all requests in flight, which are answered in any order.
pub struct Native<'a> {
    site: &'a Site,
    name: &'static str,
    in_flight: RangeInclusive<usize>,
    config: Configured<'a>,
    running: Running<(Daemon, [Client; 1])>,
}

impl<'a> Native<'a> {
    /// `name` is nobody else's on this site.
    pub fn new(
        site: &'a Site,
        name: &'static str,
        in_flight: RangeInclusive<usize>,
        config: impl Fn(Work) -> PathBuf + 'a,
    ) -> Self {
        Self { site, name, in_flight, config: Box::new(config), running: Running::default() }
    }
}

impl Contender for Native<'_> {
    fn serves(&self, _: Work, in_flight: usize) -> bool {
        self.in_flight.contains(&in_flight)
    }

    fn run(&mut self, load: &Load) -> Result<Figures> {
        let (daemon, client) = self.running.get(load.work, || {
            let name = format!("{}-{:?}", self.name, load.work);
            let daemon = Daemon::start(self.site, &name, &(self.config)(load.work))?;
            let client = Client::connect(&daemon, PATIENCE)?;
            Ok((daemon, [client]))
        })?;
        let id = daemon.id();
        measure(client, load.in_flight, load, || Usage::of([id]))
    }
}
