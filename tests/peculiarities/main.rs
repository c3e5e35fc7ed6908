//! Servers as they are: what they refuse, answer twice, or answer without judging anybody.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "../support/ldap.rs"]
mod ldap;

mod answers;
mod extensions;
mod told;

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};
use xmpp_ldap_auth::deadline::Deadline;
use xmpp_ldap_auth::directory::backend::Backend;
use xmpp_ldap_auth::directory::domain::Domain;
use xmpp_ldap_auth::directory::pool::refused_logins::RefusedLogins;
use xmpp_ldap_auth::jid::Account;
use xmpp_ldap_auth::verdict::{Denial, Outage, Verdict};

const BIND: u8 = 0x60;
const SEARCH: u8 = 0x63;
const EXTENDED: u8 = 0x77;
const UNBIND: u8 = 0x42;
const PAGED_RESULTS: &[u8] = b"1.2.840.113556.1.4.319";

#[derive(Clone, Debug)]
struct Request {
    id: u8,
    operation: u8,
    content: Vec<u8>,
    controls: Vec<u8>,
    connection: usize,
    /// How many binds as a user came on its connection, this one with them.
    user_binds: usize,
}

impl Request {
    fn has(&self, part: &[u8]) -> bool {
        contains(&self.content, part)
    }

    fn is_user_bind(&self) -> bool {
        self.operation == BIND && !self.has(b"cn=service")
    }

    fn is_service_bind(&self) -> bool {
        self.operation == BIND && self.has(b"cn=service")
    }

    fn is_search(&self) -> bool {
        self.operation == SEARCH && self.has(b"dc=x")
    }

    /// The size of the page that is asked for.
    fn page(&self) -> Option<usize> {
        let at =
            self.controls.windows(PAGED_RESULTS.len()).position(|part| part == PAGED_RESULTS)?;
        let value = &self.controls[at + PAGED_RESULTS.len()..];
        let at = value.windows(2).position(|part| part[0] == 2 && part[1] < 3)?;
        let digits = &value[at + 2..at + 2 + usize::from(value[at + 1])];
        Some(digits.iter().fold(0, |size, digit| size << 8 | usize::from(*digit)))
    }

    fn result(&self, code: u8) -> Vec<u8> {
        let tag = if self.operation == SEARCH { 0x65 } else { self.operation + 1 };
        message(self.id, tag, &[0x0a, 1, code, 4, 0, 4, 0])
    }

    fn entry(&self, dn: &[u8]) -> Vec<u8> {
        let length = |part: &[u8]| u8::try_from(part.len()).unwrap();
        let uid = [&[4, 3][..], b"uid", &[0x31, 3, 4, 1, b'a']].concat();
        let uid = [&[0x30, length(&uid)][..], &uid].concat();
        let content = [&[4, length(dn)][..], dn, &[0x30, length(&uid)], &uid].concat();
        [message(self.id, 0x64, &content), self.result(0)].concat()
    }

    /// What a good server answers.
    fn good(&self) -> Vec<u8> {
        match self.operation {
            SEARCH if self.has(b"member") => self.entry(b"cn=g,dc=x"),
            SEARCH => self.entry(b"cn=a,dc=x"),
            BIND if self.has(b"wrong") => self.result(49),
            _ => self.result(0),
        }
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

fn message(id: u8, tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap();
    [&[0x30, length + 5, 2, 1, id, tag, length][..], content].concat()
}

/// The answer to a request; `None` closes the connection.
type Script = dyn Fn(&Request) -> Option<Vec<u8>> + Send + Sync;

/// A server that follows a script, and keeps what it was asked.
struct Server {
    script: Box<Script>,
    seen: Mutex<Vec<Request>>,
    port: u16,
}

impl Server {
    async fn start(
        script: impl Fn(&Request) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Arc<Self> {
        let (listener, port) = ldap::bind().await;
        let server = Arc::new(Self { script: Box::new(script), seen: Mutex::default(), port });
        ldap::serve(listener, &server, async |server: Arc<Self>, number, stream| {
            let _ = server.serve(stream, number).await;
        });
        server
    }

    async fn serve(&self, mut stream: TcpStream, connection: usize) -> std::io::Result<()> {
        let mut user_binds = 0;
        loop {
            let message = read_message(&mut stream).await?;
            // Only the last message of a session has a longer ID.
            let message = &message[usize::from(message[1]) - 1..];
            let (id, operation) = (message[2], message[3]);
            let (start, length) = match message[4] {
                0x81 => (6, usize::from(message[5])),
                length => (5, usize::from(length)),
            };
            let (content, controls) = message[start..].split_at(length);
            let (content, controls) = (content.to_vec(), controls.to_vec());
            let mut request = Request { id, operation, content, controls, connection, user_binds };
            user_binds += usize::from(request.is_user_bind());
            request.user_binds = user_binds;
            self.seen.lock().unwrap().push(request.clone());
            let Some(answer) = (self.script)(&request) else { return Ok(()) };
            stream.write_all(&answer).await?;
        }
    }

    fn count(&self, is_meant: impl Fn(&Request) -> bool) -> usize {
        self.seen.lock().unwrap().iter().filter(|request| is_meant(request)).count()
    }
}

async fn read_message(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    stream.read_u8().await?;
    let length = match stream.read_u8().await? {
        0x81 => stream.read_u8().await?.into(),
        0x82 => stream.read_u16().await?.into(),
        short => usize::from(short),
    };
    let mut message = vec![0; length];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

fn domain(servers: &[&Server], keys: &str) -> Domain {
    domain_after(servers, keys, &Arc::default())
}

fn domain_after(servers: &[&Server], keys: &str, refused: &Arc<RefusedLogins>) -> Domain {
    let password = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(password.path(), "x").unwrap();
    let urls: Vec<String> =
        servers.iter().map(|server| format!("ldap://127.0.0.1:{}", server.port)).collect();
    let config = format!(
        "caller = \"ejabberd\"\n[directory.d]\nservers = {urls:?}\nbase = \"dc=x\"\n\
         user_filter = \"(uid={{localpart}})\"\nbind_dn = \"cn=service\"\n\
         bind_password_file = {:?}\n{keys}\n[domain.h]\ndirectory = \"d\"\n",
        password.path()
    );
    ldap::domain_after(&config, refused)
}

fn soon() -> Deadline {
    Deadline::after(Instant::now(), Duration::from_secs(5))
}

async fn sign_in(domain: &Domain, password: &str) -> Verdict {
    sign_in_as(domain, "a", password).await
}

async fn sign_in_as(domain: &Domain, user: &str, password: &str) -> Verdict {
    ldap::sign_in(domain, user, password, soon()).await.verdict
}

const WRONG: Verdict = Verdict::Denied(Denial::WrongPassword);

/// Which requests are meant.
type Pick = fn(&Request) -> bool;
