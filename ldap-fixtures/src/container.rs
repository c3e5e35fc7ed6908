//! OpenLDAP's slapd in a container, from `container/Containerfile`.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{getgid, getuid};
use tempfile::TempDir;

use crate::built::built;
use crate::process::{Process, free_port, wait_until};
use crate::slapd::{Options, answers};

/// A container that takes longer than this to answer will not.
const START: Duration = Duration::from_secs(60);

/// Where the image looks for its configuration.
const INSIDE: &str = "/srv/slapd";

/// What `build` makes.
const IMAGE: &str = "xmpp-ldap-auth-slapd";

/// A containerized slapd with the seed. Dropping it removes the container.
#[derive(Debug)]
pub struct ContainerSlapd {
    process: Process,
    directory: TempDir,
    port: u16,
    ldaps_port: Option<u16>,
}

impl ContainerSlapd {
    /// One without anything special.
    pub fn start() -> Result<Self> {
        Self::with(&Options::default())
    }

    /// One with these options.
    pub fn with(options: &Options) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("slapd-").tempdir()?;
        options.write(directory.path(), Path::new(INSIDE))?;
        let mut last_error = None;
        // Between choosing a port and using it somebody else may take it.
        for _ in 0..5 {
            let port = free_port()?;
            let ldaps_port = options.tls.is_some().then(free_port).transpose()?;
            match run(directory.path(), port, ldaps_port) {
                Ok(process) => return Ok(Self { process, directory, port, ldaps_port }),
                Err(error) => last_error = Some(error),
            }
        }
        Err(last_error.context("the container does not start")?)
    }

    /// `ldap://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("ldap://{}", self.address())
    }

    /// `ldaps://127.0.0.1:PORT`, where it has a certificate.
    pub fn ldaps_url(&self) -> Option<String> {
        Some(format!("ldaps://127.0.0.1:{}", self.ldaps_port?))
    }

    /// Where a proxy finds it.
    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// Ends it as an administrator would.
    pub fn stop(&mut self) {
        // The engine passes the signal on to slapd, and removes the container when that has ended.
        self.process.terminate();
        remove(self.directory.path());
    }

    /// Starts it again with the same database, on the same ports.
    pub fn restart(&mut self) -> Result<()> {
        self.stop();
        self.process = run(self.directory.path(), self.port, self.ldaps_port)?;
        Ok(())
    }

    /// Its log at level "stats".
    pub fn log(&self) -> String {
        self.process.log()
    }
}

impl Drop for ContainerSlapd {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(directory: &Path, port: u16, ldaps_port: Option<u16>) -> Result<Process> {
    // Written by `build` when the image was made.
    let choice = fs::read_to_string(built("containers/engine")?)?;
    let mount = format!("{}:{INSIDE}", directory.to_str().context("the path is not UTF-8")?);
    let mut command = Command::new(engine());
    command.args(["run", "--rm", "--pull=never", "--network=host", "--security-opt=label=disable"]);
    command.args(["--name", &name(directory), "--volume", &mount]);
    if choice.trim() == "docker" {
        // What it leaves in the directory has to be the test's own; podman maps its root to that.
        command.arg(format!("--user={}:{}", getuid().as_raw(), getgid().as_raw()));
    }
    command.arg(IMAGE).arg(format!("ldap://127.0.0.1:{port}/"));
    command.arg(socket_url(INSIDE));
    if let Some(port) = ldaps_port {
        command.arg(format!("ldaps://127.0.0.1:{port}/"));
    }
    let mut process = Process::spawn(command, &directory.join("container.log"))?;
    // On a TCP port another server may answer; it answers on its own socket once all are open.
    let local = socket_url(directory.to_str().context("the path is not UTF-8")?);
    let ready =
        wait_until("slapd's first answer", START, || !process.is_running() || answers(&local));
    if ready.is_err() || !process.is_running() {
        let log = process.log();
        process.terminate();
        remove(directory);
        ensure!(has_image(), "the image {IMAGE} is missing; tests/run builds it");
        bail!("the container does not start: {log}");
    }
    Ok(process)
}

/// The URL of slapd's socket in the mounted directory.
fn socket_url(directory: &str) -> String {
    format!("ldapi://{}%2Fldapi", directory.replace('/', "%2F"))
}

fn has_image() -> bool {
    quietly(&["image", "inspect", IMAGE])
}

/// A container outlives the process that started it when that is killed.
fn remove(directory: &Path) {
    quietly(&["rm", "--force", &name(directory)]);
}

/// Whether the engine did this.
fn quietly(arguments: &[&str]) -> bool {
    let mut command = Command::new(engine());
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn engine() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("container/engine")
}

/// The directory's own name is as unique as the container's must be.
fn name(directory: &Path) -> String {
    let unique = directory.file_name().unwrap_or_default().to_string_lossy();
    format!("xmpp-ldap-auth-{}", unique.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slapd::Slapd;

    #[test]
    fn another_server_on_the_port_is_not_taken_for_this_one() {
        let other = Slapd::start().unwrap();
        let directory = tempfile::tempdir().unwrap();
        Options::default().write(directory.path(), Path::new(INSIDE)).unwrap();
        let port = other.address().port();
        let error = run(directory.path(), port, None).unwrap_err().to_string();
        assert!(error.contains("Address already in use"), "{error}");
    }
}
