//! Debian's ejabberd, with external authentication, or with its own LDAP.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::family;
use crate::process::{Process, free_port, require, speaks_xmpp, wait_until};
use crate::slapd::{BASE, SERVICE_DN, SERVICE_PASSWORD};
use crate::tls::Authority;

const START: Duration = Duration::from_secs(60);

/// What an ejabberd is to be like.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many authentication programs it runs.
    pub pool_size: u32,
    /// Whether it remembers their answers.
    pub use_cache: bool,
    /// Whether it insists on STARTTLS.
    pub encrypted: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { pool_size: 2, use_cache: false, encrypted: true }
    }
}

impl Options {
    /// Starts it with an authentication program: a command line.
    pub fn start(self, program: &str) -> Result<Ejabberd> {
        // A JSON string is a YAML string.
        let program = Value::from(program);
        self.start_by(&format!(
            "auth_method: [external]\nextauth_program: {program}\nextauth_pool_size: {}",
            self.pool_size
        ))
    }

    /// Starts it with its own LDAP, which asks the slapd of this address.
    pub fn start_ldap(self, server: SocketAddr) -> Result<Ejabberd> {
        self.start_by(&format!(
            "auth_method: [ldap]\nldap_servers: [\"{}\"]\nldap_port: {}\nldap_base: \"{BASE}\"\n\
             ldap_rootdn: \"{SERVICE_DN}\"\nldap_password: \"{SERVICE_PASSWORD}\"",
            server.ip(),
            server.port()
        ))
    }

    /// Starts it with these lines of its configuration, which say how it signs users in.
    pub fn start_by(self, authentication: &str) -> Result<Ejabberd> {
        let directory = tempfile::Builder::new().prefix("ejabberd-").tempdir()?;
        let path = directory.path();
        let credential = Authority::create(path)?.good()?;
        let pem = [fs::read(credential.certificate)?, fs::read(credential.key)?].concat();
        fs::write(path.join("server.pem"), pem)?;
        let template = include_str!("../ejabberd/ejabberd.yml.in")
            .replace("@dir@", path.to_str().context("the path is not UTF-8")?)
            .replace("@authentication@", authentication)
            .replace("@encrypted@", &self.encrypted.to_string())
            .replace("@cache@", &self.use_cache.to_string());
        let mut last_error = anyhow!("ejabberd does not start");
        // Between choosing a port and using it somebody else may take it.
        for _ in 0..5 {
            let (port, api_port) = (free_port()?, free_port()?);
            let configuration = template
                .replace("@port@", &port.to_string())
                .replace("@api_port@", &api_port.to_string());
            fs::write(path.join("ejabberd.yml"), configuration)?;
            match run(path, port, api_port) {
                Ok(process) => return Ok(Ejabberd { process, directory, port, api_port }),
                Err(error) => last_error = error,
            }
        }
        Err(last_error)
    }
}

/// An ejabberd for the domain `example.com`. Dropping it ends it and its programs.
#[derive(Debug)]
pub struct Ejabberd {
    process: Process,
    directory: TempDir,
    port: u16,
    api_port: u16,
}

impl Ejabberd {
    /// One without anything special.
    pub fn start(program: &str) -> Result<Self> {
        Options::default().start(program)
    }

    /// The port for clients.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// ejabberd's log.
    pub fn log(&self) -> String {
        log(self.directory.path())
    }

    /// The process IDs of the authentication programs.
    pub fn programs(&self) -> Vec<u32> {
        let members = family::members(self.directory.path());
        // Erlang starts everything through a helper, its own monitors included.
        let is_helper =
            |id| members.iter().any(|member| member.id == id && member.name == "erl_child_setup");
        let is_own =
            |name: &str| ["cpu_sup", "eimp", "inet_gethost", "memsup", "sh"].contains(&name);
        members
            .iter()
            .filter(|member| is_helper(member.parent) && !is_own(&member.name))
            .map(|member| member.id)
            .collect()
    }

    /// Whether ejabberd thinks that the user exists, its caches included.
    pub fn user_exists(&self, user: &str) -> Result<bool> {
        self.asks("check_account", &json!({ "user": user, "host": "example.com" }))
    }

    /// Whether ejabberd takes this password, its caches included.
    pub fn check_password(&self, user: &str, password: &str) -> Result<bool> {
        let question = json!({ "user": user, "host": "example.com", "password": password });
        self.asks("check_password", &question)
    }

    /// Ends ejabberd as an administrator would; returns how many programs had to be ended by force
    /// because they outlived it.
    pub fn stop(&mut self) -> usize {
        self.process.terminate();
        family::end(self.directory.path())
    }

    fn asks(&self, command: &str, question: &Value) -> Result<bool> {
        let body = question.to_string();
        let request = format!(
            "POST /api/{command} HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(("127.0.0.1", self.api_port))?;
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        match answer.rsplit("\r\n\r\n").next().map(str::trim) {
            Some("0") => Ok(true),
            Some("1") => Ok(false),
            _ => bail!("ejabberd answers {answer:?}"),
        }
    }
}

impl Drop for Ejabberd {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(directory: &Path, port: u16, api_port: u16) -> Result<Process> {
    let before = log(directory).len();
    let mut command = Command::new(require("erl")?);
    // Without a node name there is neither distribution nor a port mapper that would stay behind.
    command
        .args(["-noinput", "-noshell", "-mnesia", "dir"])
        .arg(format!("\"{}/mnesia\"", directory.display()))
        .args(["-s", "ejabberd"])
        .current_dir(directory)
        .env("HOME", directory)
        .env("ERL_LIBS", libraries()?)
        .env("EJABBERD_CONFIG_PATH", directory.join("ejabberd.yml"))
        .env("EJABBERD_LOG_PATH", directory.join("ejabberd.log"))
        .env("ERL_CRASH_DUMP", directory.join("crash.dump"))
        .env(family::MARK, directory);
    let mut process = Process::spawn(command, &directory.join("output.log"))?;
    let news = || log(directory).split_off(before);
    // It goes on without a port that it could not have, where another server may answer.
    let listens = || {
        let news = news();
        [port, api_port].iter().all(|port| {
            news.contains(&format!("Start accepting TCP connections at 127.0.0.1:{port} "))
        })
    };
    let ready = wait_until("ejabberd's stream", START, || {
        !process.is_running()
            || news().contains("Failed to open socket")
            || (listens() && speaks_xmpp(port))
    });
    if ready.is_err() || !process.is_running() || !listens() {
        process.terminate();
        family::end(directory);
        bail!("ejabberd does not start: {}{}", process.log(), news());
    }
    Ok(process)
}

fn log(directory: &Path) -> String {
    let bytes = fs::read(directory.join("ejabberd.log")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Where Debian keeps ejabberd's code: `/usr/lib/ARCHITECTURE/ejabberd-VERSION`.
fn libraries() -> Result<PathBuf> {
    let has_ejabberd = |directory: &PathBuf| {
        fs::read_dir(directory).is_ok_and(|entries| {
            entries
                .flatten()
                .any(|entry| entry.file_name().to_string_lossy().starts_with("ejabberd-"))
        })
    };
    fs::read_dir("/usr/lib")?
        .flatten()
        .map(|entry| entry.path())
        .find(has_ejabberd)
        .context("ejabberd is not installed; tests/run installs it")
}
