//! Debian 12 with systemd as its first process, in namespaces of its own. Its network is this machine's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::geteuid;
use tempfile::TempDir;

use crate::built::built;
use crate::process::{Process, require, wait_until};

/// How long it may take until its services run.
const BOOT: Duration = Duration::from_secs(60);

/// A machine that runs. Dropping it ends all that runs on it, and forgets all that was written there.
#[derive(Debug)]
pub struct Machine {
    first: String,
    _process: Process,
    _directory: TempDir,
}

impl Machine {
    /// Boots one, with the files that `lay` writes below the directory that it is given.
    pub fn boot(lay: impl FnOnce(&Path) -> Result<()>) -> Result<Self> {
        ensure!(geteuid().is_root(), "only root boots a machine: run these tests as root");
        let directory = tempfile::Builder::new().prefix("machine-").tempdir()?;
        let [files, root] = ["files", "root"].map(|name| directory.path().join(name));
        fs::create_dir(&files)?;
        fs::create_dir(&root)?;
        lay(&files)?;
        let mut command = Command::new(require("unshare")?);
        command.args(["--mount", "--pid", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child"]);
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/systemd/boot"));
        command.arg(built("systemd")?).args([&files, &root]);
        let process = Process::spawn(command, &directory.path().join("log"))?;
        let mut first = None;
        wait_until("the first process of a machine", BOOT, || {
            first = process.children().first().copied();
            first.is_some()
        })?;
        let first = first.context("no first process")?.as_raw_nonzero().to_string();
        let machine = Self { first, _process: process, _directory: directory };
        let is_booted = || {
            machine
                .run("systemctl is-active multi-user.target")
                .is_ok_and(|out| out.status.success())
        };
        wait_until("a machine to boot", BOOT, is_booted)?;
        Ok(machine)
    }

    /// A command that runs there, as root.
    pub fn command(&self, program: &str) -> Result<Command> {
        let mut command = Command::new(require("nsenter")?);
        command.args(["--target", &self.first, "--mount", "--pid", "--uts", "--ipc"]);
        command.args(["--root", "--wdns=/root", "--", program]);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        Ok(command)
    }

    /// Where a file of the machine is found from here.
    pub fn path(&self, file: &str) -> PathBuf {
        Path::new("/proc").join(&self.first).join("root").join(file.trim_start_matches('/'))
    }

    /// What a line of a shell comes to there.
    pub fn run(&self, line: &str) -> Result<Output> {
        Ok(self.command("sh")?.args(["-c", line]).output()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_systemds_and_has_the_files_that_were_laid_over_it() {
        let machine = Machine::boot(|files| {
            fs::create_dir(files.join("root"))?;
            Ok(fs::write(files.join("root/laid"), "here")?)
        })
        .unwrap();
        let output = machine.run("cat laid /proc/1/comm; touch /written").unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "heresystemd\n");
        assert!(
            !Path::new("/written").exists() && !built("systemd").unwrap().join("written").exists()
        );
    }
}
