//! Debian's ejabberd, with external authentication.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::process::{Process, free_port, require, speaks_xmpp, wait_until};
use crate::tls::Authority;

const START: Duration = Duration::from_secs(60);

/// An ejabberd for the domain `example.com`. Dropping it ends it and its children.
#[derive(Debug)]
pub struct Ejabberd {
    process: Process,
    _directory: TempDir,
    port: u16,
    api_port: u16,
    log: PathBuf,
}

impl Ejabberd {
    /// Starts ejabberd with a pool of two external programs: a command line.
    pub fn start(program: &str) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("ejabberd-").tempdir()?;
        let path = directory.path();
        let credential = Authority::create(path)?.good()?;
        let pem = [fs::read(credential.certificate)?, fs::read(credential.key)?].concat();
        fs::write(path.join("server.pem"), pem)?;
        let (port, api_port) = (free_port()?, free_port()?);
        let configuration = include_str!("../ejabberd/ejabberd.yml.in")
            .replace("@dir@", path.to_str().context("the path is not UTF-8")?)
            .replace("@program@", program)
            .replace("@pool@", "2")
            .replace("@port@", &port.to_string())
            .replace("@api_port@", &api_port.to_string());
        fs::write(path.join("ejabberd.yml"), configuration)?;
        let process = run(path, port)?;
        let log = path.join("ejabberd.log");
        Ok(Self { process, _directory: directory, port, api_port, log })
    }

    /// The port for clients.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// ejabberd's log.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Whether ejabberd thinks that the user exists, its caches included.
    pub fn user_exists(&self, user: &str) -> Result<bool> {
        let body = serde_json::json!({ "user": user, "host": "example.com" }).to_string();
        let request = format!(
            "POST /api/check_account HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\n\
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
        // Asked to end, it ends its children.
        self.process.terminate();
    }
}

fn run(directory: &Path, port: u16) -> Result<Process> {
    let mut command = Command::new(require("erl")?);
    command
        .args(["-noinput", "-noshell", "-mnesia", "dir"])
        .arg(format!("\"{}/mnesia\"", directory.display()))
        .args(["-s", "ejabberd"])
        .current_dir(directory)
        .env("HOME", directory)
        .env("ERL_LIBS", libraries()?)
        .env("EJABBERD_CONFIG_PATH", directory.join("ejabberd.yml"))
        .env("EJABBERD_LOG_PATH", directory.join("ejabberd.log"))
        .env("ERL_CRASH_DUMP", directory.join("crash.dump"));
    let mut process = Process::spawn(command, &directory.join("output.log"))?;
    let ready =
        wait_until("ejabberd's stream", START, || !process.is_running() || speaks_xmpp(port));
    if ready.is_err() || !process.is_running() {
        bail!("ejabberd does not start: {}", process.log());
    }
    Ok(process)
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
