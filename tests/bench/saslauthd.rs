//! saslauthd with its LDAP back end, over its socket.

use std::fs;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use ldap_fixtures::process::{Process, require, wait_until};
use ldap_fixtures::slapd::{BASE, SERVICE_DN, SERVICE_PASSWORD};

use crate::contender::{Contender, Running};
use crate::drive::{Inbox, Lane, Request, Verdict, measure};
use crate::figures::{Figures, Load, Work};
use crate::kernel::Usage;
use crate::site::{Site, filter, user_dn};

const START: Duration = Duration::from_secs(10);

/// One setting of it: a number of processes. Each work has its own server, started when it is first
/// asked for.
pub struct Saslauthd<'a> {
    site: &'a Site,
    processes: usize,
    running: Running<Server>,
}

impl<'a> Saslauthd<'a> {
    pub fn new(site: &'a Site, processes: usize) -> Self {
        Self { site, processes, running: Running::default() }
    }
}

impl Contender for Saslauthd<'_> {
    /// It knows no question but `auth`. Beyond the 32 connections that wait for its `accept`, the
    /// next `connect` blocks a client like ours for good: each process waits for its last client to
    /// close.
    fn serves(&self, work: Work, in_flight: usize) -> bool {
        work != Work::Search && in_flight <= 32
    }

    fn run(&mut self, load: &Load) -> Result<Figures> {
        let start = || Server::start(self.site, load.work, self.processes);
        let server = self.running.get(load.work, start)?;
        let lane = || Connection { socket: server.socket.clone(), asked: None };
        let mut lanes: Vec<_> = std::iter::repeat_with(lane).take(load.in_flight).collect();
        measure(&mut lanes, 1, load, || usage(&server.process))
    }
}

/// What a server has used with all its processes.
pub fn usage(process: &Process) -> Result<Usage> {
    let children = process.children().into_iter();
    let children = children.filter_map(|child| u32::try_from(child.as_raw_nonzero().get()).ok());
    Usage::of(children.chain([process.id()]))
}

struct Server {
    process: Process,
    socket: PathBuf,
}

impl Server {
    fn start(site: &Site, work: Work, processes: usize) -> Result<Self> {
        let directory = site.subdirectory(&format!("saslauthd-{work:?}-{processes}"))?;
        let (method, filter) = match work {
            Work::Bind => ("fastbind", user_dn("%U")),
            Work::SearchBind | Work::Search => ("bind", filter("%U")),
        };
        let config = directory.join("conf");
        let text = format!(
            "ldap_servers: {}\nldap_bind_dn: {SERVICE_DN}\nldap_password: {SERVICE_PASSWORD}\n\
             ldap_search_base: {BASE}\nldap_auth_method: {method}\nldap_filter: {filter}\n",
            site.slapd.url()
        );
        fs::write(&config, text)?;
        let mut command = Command::new(require("saslauthd")?);
        // "-d" keeps it in the foreground, in the process group that is ended with it.
        command.args(["-d", "-a", "ldap", "-n"]).arg(processes.to_string());
        command.arg("-m").arg(&directory).arg("-O").arg(config);
        let mut process = Process::spawn(command, "/dev/null".as_ref())?;
        let socket = directory.join("mux");
        wait_until("saslauthd's socket", START, || {
            !process.is_running() || UnixStream::connect(&socket).is_ok()
        })?;
        if !process.is_running() {
            bail!("saslauthd does not start");
        }
        Ok(Self { process, socket })
    }
}

/// One request at a time, each on a connection of its own: that is its protocol.
struct Connection {
    socket: PathBuf,
    asked: Option<(usize, UnixStream)>,
}

impl Lane for Connection {
    fn send(&mut self, requests: &[(usize, Request)]) -> Result<()> {
        for (number, request) in requests {
            let name = format!("user{:05}", request.user);
            let mut message = Vec::with_capacity(64);
            for field in [&name, "secret", "xmpp", ""] {
                message.extend(u16::try_from(field.len())?.to_be_bytes());
                message.extend(field.as_bytes());
            }
            let mut stream = UnixStream::connect(&self.socket)?;
            stream.write_all(&message)?;
            self.asked = Some((*number, stream));
        }
        Ok(())
    }

    fn receive(&mut self, answers: &mut Vec<(usize, Verdict)>) -> Result<()> {
        let (number, stream) = self.asked.take().context("nothing was asked")?;
        let mut inbox = Inbox::default();
        let text = loop {
            inbox.read_from(&stream)?;
            // Two bytes of length, and the text.
            if let Some(text) = inbox.take(|bytes| match bytes {
                [high, low, ..] => Some(2 + usize::from(u16::from_be_bytes([*high, *low]))),
                _ => None,
            }) {
                break text;
            }
        };
        let verdict = match text.get(2..4) {
            Some(b"OK") => Verdict::Yes,
            Some(b"NO") => Verdict::No,
            _ => bail!("saslauthd said {text:?}"),
        };
        answers.push((number, verdict));
        Ok(())
    }

    fn readable(&self) -> Option<BorrowedFd<'_>> {
        self.asked.as_ref().map(|(_, stream)| stream.as_fd())
    }
}
