//! A real XMPP client: Debian's slixmpp, driven by `xmpp/client.py`.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

/// Signs in to the server of one test.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    port: u16,
}

/// What became of something that a client tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Success,
    /// The server did not accept the password (SASL, RFC 6120, section 6.5), with its condition.
    NotSignedIn(String),
    /// Signed in, but what was asked for was refused, with the stanza error's condition.
    Refused(String),
    /// A message came back.
    Bounced,
}

impl Client {
    /// A client of the server on this port of 127.0.0.1, domain `example.com`.
    pub fn new(port: u16) -> Self {
        Self { port }
    }

    /// Signs in with STARTTLS and SASL PLAIN.
    pub fn login(self, user: &str, password: &str) -> Result<Outcome> {
        self.one(&json!({ "do": "login", "user": user, "password": password }))
    }

    /// Signs many in at the same time.
    pub fn logins(self, users: &[(&str, &str)]) -> Result<Vec<Outcome>> {
        let job = |(user, password): &(&str, &str)| json!({ "do": "login", "user": user, "password": password });
        self.all(&users.iter().map(job).collect::<Vec<_>>())
    }

    /// Signs in and changes the password in-band (XEP-0077, section 3.3).
    pub fn change_password(self, user: &str, password: &str, new: &str) -> Result<Outcome> {
        self.one(&json!({ "do": "change", "user": user, "password": password, "new": new }))
    }

    /// Signs in and writes to an account that is offline.
    pub fn message(self, user: &str, password: &str, to: &str) -> Result<Outcome> {
        self.one(&json!({ "do": "bounce", "user": user, "password": password, "to": to }))
    }

    fn one(self, job: &Value) -> Result<Outcome> {
        self.all(std::slice::from_ref(job))?.pop().context("no result")
    }

    fn all(self, jobs: &[Value]) -> Result<Vec<Outcome>> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/xmpp/client.py");
        // Debian's Python has Debian's slixmpp; another one may come first in PATH.
        let mut child = Command::new("/usr/bin/python3")
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start /usr/bin/python3; tests/run installs it")?;
        let order = json!({ "port": self.port, "jobs": jobs }).to_string();
        child.stdin.take().context("no standard input")?.write_all(order.as_bytes())?;
        let output = child.wait_with_output()?;
        ensure!(
            output.status.success(),
            "the client failed; tests/run installs python3-slixmpp: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let results: Vec<String> = serde_json::from_slice(&output.stdout)?;
        results.iter().map(|result| Outcome::read(result)).collect()
    }
}

impl Outcome {
    fn read(result: &str) -> Result<Self> {
        Ok(match result.split_once(' ') {
            None if result == "success" => Self::Success,
            None if result == "bounced" => Self::Bounced,
            Some(("failed", condition)) => Self::NotSignedIn(condition.to_owned()),
            Some(("refused", condition)) => Self::Refused(condition.to_owned()),
            _ => anyhow::bail!("the client says: {result}"),
        })
    }
}
