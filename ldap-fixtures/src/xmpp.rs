//! A real XMPP client: Debian's slixmpp, driven by `xmpp/client.py`.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

/// Signs in to the server of one test.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    port: u16,
}

/// One of the things that are done at the same time.
#[derive(Clone, Copy, Debug)]
pub enum Job<'a> {
    /// Signs in with this name and password, by STARTTLS and SASL PLAIN.
    Login(&'a str, &'a str),
    /// Signs in, and pings the server again and again for so long; the slowest ping is what counts.
    Ping(&'a str, &'a str, Duration),
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
        let jobs: Vec<_> =
            users.iter().map(|(user, password)| Job::Login(user, password)).collect();
        Ok(self.timed(&jobs)?.into_iter().map(|(outcome, _)| outcome).collect())
    }

    /// Does all of this at the same time; with each, how long it took.
    pub fn timed(self, jobs: &[Job<'_>]) -> Result<Vec<(Outcome, Duration)>> {
        let order = |job: &Job<'_>| match *job {
            Job::Login(user, password) => {
                json!({ "do": "login", "user": user, "password": password })
            }
            Job::Ping(user, password, time) => {
                json!({ "do": "ping", "user": user, "password": password, "for": time.as_secs_f64() })
            }
        };
        self.all(&jobs.iter().map(order).collect::<Vec<_>>())
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
        let (outcome, _) = self.all(std::slice::from_ref(job))?.pop().context("no result")?;
        Ok(outcome)
    }

    fn all(self, jobs: &[Value]) -> Result<Vec<(Outcome, Duration)>> {
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
        let results: Vec<(String, f64)> = serde_json::from_slice(&output.stdout)?;
        let read = |(result, took): &(String, f64)| {
            Ok((Outcome::read(result)?, Duration::from_secs_f64(*took)))
        };
        results.iter().map(read).collect()
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
