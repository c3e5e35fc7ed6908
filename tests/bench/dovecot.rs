//! Dovecot's authentication service with LDAP, over its sockets.

use std::fs;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ldap_fixtures::process::{Process, require, wait_until};
use ldap_fixtures::slapd::{BASE, SERVICE_DN, SERVICE_PASSWORD};

use crate::contender::{Contender, Running};
use crate::drive::{Inbox, Lane, Request, Verb, Verdict, measure};
use crate::figures::{Figures, Load, Work};
use crate::saslauthd::usage;
use crate::site::{Site, filter, user_dn};

const START: Duration = Duration::from_secs(10);

/// Who asks the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asking {
    /// The service itself, on one connection (`blocking=no`).
    Itself,
    /// So many processes beside it, one connection and one request each (`blocking=yes`).
    Workers(usize),
}

/// One setting of it, without its cache, which would answer another question. Each work has its own
/// server, started when it is first asked for.
pub struct Dovecot<'a> {
    site: &'a Site,
    asking: Asking,
    running: Running<Server>,
}

impl<'a> Dovecot<'a> {
    pub fn new(site: &'a Site, asking: Asking) -> Self {
        Self { site, asking, running: Running::default() }
    }
}

impl Contender for Dovecot<'_> {
    fn serves(&self, _: Work, _: usize) -> bool {
        true
    }

    fn run(&mut self, load: &Load) -> Result<Figures> {
        let start = || Server::start(self.site, load.work, self.asking);
        let server = self.running.get(load.work, start)?;
        let lanes = std::slice::from_mut(&mut server.connection);
        measure(lanes, load.in_flight, load, || usage(&server.process))
    }
}

struct Server {
    connection: Connection,
    process: Process,
}

impl Server {
    fn start(site: &Site, work: Work, asking: Asking) -> Result<Self> {
        let directory = site.subdirectory(&format!("dovecot-{work:?}-{asking:?}"))?;
        let config = configure(site, &directory, work, asking)?;
        let mut command = Command::new(require("dovecot")?);
        command.arg("-F").arg("-c").arg(config);
        let log = directory.join("log");
        let mut process = Process::spawn(command, &log)?;
        let mut connection = None;
        wait_until("Dovecot's socket", START, || {
            connection = Connection::open(&directory.join("run"), work.verb()).ok();
            connection.is_some() || !process.is_running()
        })?;
        let Some(connection) = connection else {
            bail!("Dovecot does not start: {}", process.log())
        };
        Ok(Self { connection, process })
    }
}

/// Only its authentication service, all as the user who runs the benchmark.
fn configure(site: &Site, directory: &Path, work: Work, asking: Asking) -> Result<PathBuf> {
    let place = directory.display();
    let user = String::from_utf8(Command::new("id").arg("-un").output()?.stdout)?;
    let group = String::from_utf8(Command::new("id").arg("-gn").output()?.stdout)?;
    let (user, group) = (user.trim(), group.trim());
    let workers = match asking {
        Asking::Itself => 1,
        Asking::Workers(count) => count,
    };
    let config = directory.join("dovecot.conf");
    let text = format!(
        "base_dir = {place}/run\nstate_dir = {place}/state\ninstance_name = bench\nprotocols =\n\
         listen = 127.0.0.1\nlog_path = /dev/stderr\nssl = no\n\
         default_internal_user = {user}\ndefault_internal_group = {group}\n\
         default_login_user = {user}\nfirst_valid_uid = 0\nfirst_valid_gid = 0\n\
         auth_mechanisms = plain\ndisable_plaintext_auth = no\nauth_cache_size = 0\n\
         auth_worker_max_count = {workers}\n\
         service anvil {{\n  chroot =\n}}\nservice stats {{\n  chroot =\n}}\n\
         service auth-worker {{\n  user = {user}\n}}\n\
         passdb {{\n  driver = ldap\n  args = {place}/passdb\n}}\n\
         userdb {{\n  driver = ldap\n  args = {place}/userdb\n}}\n"
    );
    fs::write(&config, text)?;
    let mut ldap = format!(
        "uris = {}\ndn = {SERVICE_DN}\ndnpass = {SERVICE_PASSWORD}\nbase = {BASE}\n\
         auth_bind = yes\npass_attrs = uid=user\npass_filter = {find}\nuser_filter = {find}\n\
         user_attrs = =uid=1000,=gid=1000,=home=/nowhere\n",
        site.slapd.url(),
        find = filter("%n")
    );
    if work == Work::Bind {
        ldap.push_str(&format!("auth_bind_userdn = {}\n", user_dn("%n")));
    }
    if asking != Asking::Itself {
        ldap.push_str("blocking = yes\n");
    }
    // Under one name they would share a connection, and each would undo the other's bind.
    for name in ["passdb", "userdb"] {
        fs::write(directory.join(name), &ldap)?;
    }
    Ok(config)
}

/// A connection with any number of requests in flight, answered in any order.
struct Connection {
    stream: UnixStream,
    inbox: Inbox,
    /// The IDs of one load begin after those of the last, because none may be used twice.
    ids_before: usize,
    last_id: usize,
}

impl Connection {
    fn open(run: &Path, verb: Verb) -> Result<Self> {
        let (socket, greeting, last) = match verb {
            Verb::Auth | Verb::Guess => ("auth-client", "VERSION\t1\t2\nCPID\t1\n", "DONE"),
            Verb::IsUser | Verb::Elsewhere => ("auth-userdb", "VERSION\t1\t1\n", "SPID\t"),
        };
        let mut stream = UnixStream::connect(run.join(socket))?;
        stream.write_all(greeting.as_bytes())?;
        let mut connection = Self { stream, inbox: Inbox::default(), ids_before: 0, last_id: 0 };
        loop {
            connection.inbox.read_from(&connection.stream)?;
            while let Some(line) = connection.line()? {
                if line.starts_with(last) {
                    return Ok(connection);
                }
            }
        }
    }

    fn line(&mut self) -> Result<Option<String>> {
        let end = |bytes: &[u8]| bytes.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
        Ok(self.inbox.take(end).map(String::from_utf8).transpose()?)
    }
}

impl Lane for Connection {
    fn send(&mut self, requests: &[(usize, Request)]) -> Result<()> {
        let mut lines = String::with_capacity(128 * requests.len());
        for (number, request) in requests {
            if *number == 0 {
                self.ids_before = self.last_id;
            }
            self.last_id = self.ids_before + number + 1;
            let (id, name) = (self.last_id, format!("user{:05}", request.user));
            lines.push_str(&match request.verb {
                Verb::Auth | Verb::Guess => {
                    let password = request.password(*number);
                    let response = STANDARD.encode(format!("\0{name}\0{password}"));
                    format!("AUTH\t{id}\tPLAIN\tservice=xmpp\tsecured\tnologin\tresp={response}\n")
                }
                Verb::IsUser | Verb::Elsewhere => format!("USER\t{id}\t{name}\tservice=xmpp\n"),
            });
        }
        Ok(self.stream.write_all(lines.as_bytes())?)
    }

    fn receive(&mut self, answers: &mut Vec<(usize, Verdict)>) -> Result<()> {
        self.inbox.read_from(&self.stream)?;
        while let Some(line) = self.line()? {
            let mut fields = line.trim_end().split('\t');
            let verdict = match fields.next() {
                Some("OK" | "USER") => Verdict::Yes,
                Some("NOTFOUND") => Verdict::No,
                _ => bail!("Dovecot said {line:?}"),
            };
            let id: usize = fields.next().context("no ID")?.parse()?;
            let number = id.checked_sub(self.ids_before + 1).context("an answer to nothing")?;
            answers.push((number, verdict));
        }
        Ok(())
    }

    fn readable(&self) -> Option<BorrowedFd<'_>> {
        Some(self.stream.as_fd())
    }
}
