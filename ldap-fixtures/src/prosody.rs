//! Debian's Prosody, with a child on lpty's terminal.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Signal, kill_process};
use tempfile::TempDir;

use crate::process::{Process, free_port, require, speaks_xmpp, wait_until};
use crate::tls::Authority;

const START: Duration = Duration::from_secs(30);

/// A Prosody for the domain `example.com`. Dropping it ends it and its child.
#[derive(Debug)]
pub struct Prosody {
    process: Process,
    directory: TempDir,
    port: u16,
}

impl Prosody {
    /// Starts Prosody with an authentication child: the path of an executable, which gets no
    /// arguments, and how many seconds Prosody waits for its replies.
    pub fn start(command: &Path, timeout: u32) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("prosody-").tempdir()?;
        fs::create_dir(directory.path().join("data"))?;
        Authority::create(directory.path())?.good()?;
        let port = free_port()?;
        let text = |path: &Path| path.to_str().map(str::to_owned).context("the path is not UTF-8");
        let configuration = include_str!("../prosody/prosody.cfg.lua.in")
            .replace("@dir@", &text(directory.path())?)
            .replace("@plugins@", concat!(env!("CARGO_MANIFEST_DIR"), "/prosody"))
            .replace("@command@", &text(command)?)
            .replace("@timeout@", &timeout.to_string())
            .replace("@port@", &port.to_string());
        fs::write(directory.path().join("prosody.cfg.lua"), configuration)?;
        let process = run(directory.path(), port)?;
        Ok(Self { process, directory, port })
    }

    /// The port for clients.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Prosody's log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("prosody.log")).unwrap_or_default()
    }

    /// Sends a signal to the authentication child; whether there was one.
    pub fn signal_child(&self, signal: Signal) -> bool {
        let children = self.process.children();
        children.iter().filter(|child| kill_process(**child, signal).is_ok()).count() > 0
    }

    /// Ends Prosody and starts it anew, on a new terminal.
    pub fn restart(&mut self) -> Result<()> {
        self.process.terminate();
        self.process = run(self.directory.path(), self.port)?;
        Ok(())
    }
}

impl Drop for Prosody {
    fn drop(&mut self) {
        // Asked to end, it ends its child; killed, it would leave that to find out.
        self.process.terminate();
    }
}

fn run(directory: &Path, port: u16) -> Result<Process> {
    let lpty = lpty()?;
    let mut command = Command::new(require("prosody")?);
    command
        .arg("--config")
        .arg(directory.join("prosody.cfg.lua"))
        .arg("-F")
        .env("LUA_CPATH", format!("{}/?.so;;", lpty.display()));
    let mut process = Process::spawn(command, &directory.join("output.log"))?;
    let ready =
        wait_until("Prosody's stream", START, || !process.is_running() || speaks_xmpp(port));
    if ready.is_err() || !process.is_running() {
        bail!("Prosody does not start: {}", process.log());
    }
    Ok(process)
}

/// The directory with the lpty that tests/run has built.
fn lpty() -> Result<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from);
    let directory = target.join("fixtures/lpty");
    ensure!(directory.join("lpty.so").exists(), "lpty is not built; tests/run builds it");
    Ok(directory.canonicalize()?)
}
