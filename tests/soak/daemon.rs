//! A daemon that both conversations ask through relays.

use std::fs::{self, File};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use ldap_fixtures::process::wait_until;
use rustix::process::{Pid, Signal, kill_process};

use crate::figures::Figures;
use crate::support::{PATIENCE, Site};

/// Where it listens.
const LISTEN: &str = "[listen.auth]\nsocket = \"{dir}/auth.sock\"\n\
    verbs = [\"auth\", \"isuser\", \"setpass\"]\n";

/// One that is killed now and then, and started again.
pub struct Daemon {
    site: Site,
    child: Child,
    figures: Vec<Figures>,
}

impl Daemon {
    /// Starts one with this configuration of its directories.
    pub fn start(site: Site) -> Self {
        let config = fs::read_to_string(site.config()).unwrap();
        site.write("config.toml", &format!("{LISTEN}{config}"));
        let child = spawn(&site);
        Self { site, child, figures: Vec::new() }
    }

    pub fn socket(&self) -> PathBuf {
        self.site.path().join("auth.sock")
    }

    /// Kills it without a warning, and starts it again a while later.
    pub fn restart_after(&mut self, pause: Duration) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        sleep(pause);
        self.child = spawn(&self.site);
    }

    /// Has it read its configuration again.
    pub fn reload(&self) {
        kill_process(Pid::from_child(&self.child), Signal::HUP).unwrap();
    }

    pub fn measure(&mut self, server_descriptors: usize, requests: usize) {
        let log = self.site.path().join("log");
        self.figures.push(Figures::of(self.child.id(), &log, server_descriptors, requests));
    }

    pub fn figures(&self) -> &[Figures] {
        &self.figures
    }

    /// Ends it as a service manager does; gives its log.
    pub fn finish(mut self) -> String {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success());
        fs::read_to_string(self.site.path().join("log")).unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts it, and waits until it can be asked.
fn spawn(site: &Site) -> Child {
    let log = File::options().append(true).create(true).open(site.path().join("log")).unwrap();
    let mut command: Command = site.command();
    command.arg("daemon").env("RUNTIME_DIRECTORY", site.path());
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
    let listens = || UnixStream::connect(site.path().join("auth.sock")).is_ok();
    wait_until("the daemon", PATIENCE, listens).unwrap();
    child
}
