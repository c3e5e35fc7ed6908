//! The binary on a pseudo-terminal, as Prosody's lpty starts it.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::fs::OFlags;
use rustix::termios::{Winsize, tcgetattr, tcsetwinsize};

use super::{readable_within, wait};

/// The binary on a pseudo-terminal made as lpty makes it: without a size, echo and canonical mode
/// off, standard error on it as well.
pub struct OnTerminal {
    pub child: Child,
    pub terminal: Terminal,
}

/// A pseudo-terminal that outlives the children on it, as Prosody's does.
pub struct Terminal {
    pub master: File,
    pub slave: OwnedFd,
}

impl Terminal {
    pub fn new() -> Self {
        let master =
            rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY)
                .unwrap();
        rustix::pty::grantpt(&master).unwrap();
        rustix::pty::unlockpt(&master).unwrap();
        let name = rustix::pty::ptsname(&master, Vec::new()).unwrap();
        let slave =
            rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, rustix::fs::Mode::empty())
                .unwrap();
        let mut attributes = tcgetattr(&slave).unwrap();
        attributes.local_modes -=
            rustix::termios::LocalModes::ECHO | rustix::termios::LocalModes::ICANON;
        rustix::termios::tcsetattr(&slave, rustix::termios::OptionalActions::Now, &attributes)
            .unwrap();
        Self { master: master.into(), slave }
    }

    /// Gives it a size.
    pub fn with_size(self) -> Self {
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.slave, size).unwrap();
        self
    }

    /// Makes it one that a person sits before.
    pub fn of_a_person(self) -> Self {
        let mut attributes = tcgetattr(&self.slave).unwrap();
        attributes.local_modes |=
            rustix::termios::LocalModes::ECHO | rustix::termios::LocalModes::ICANON;
        rustix::termios::tcsetattr(&self.slave, rustix::termios::OptionalActions::Now, &attributes)
            .unwrap();
        self
    }

    fn stdio(&self) -> Stdio {
        self.slave.try_clone().unwrap().into()
    }

    /// Starts a command on it.
    pub fn spawn(self, mut command: Command) -> OnTerminal {
        let child =
            command.stdin(self.stdio()).stdout(self.stdio()).stderr(self.stdio()).spawn().unwrap();
        OnTerminal { child, terminal: self }
    }

    pub fn send(&mut self, text: &str) {
        self.master.write_all(text.as_bytes()).unwrap();
    }

    /// Whatever one read gives within the time, as Prosody reads; empty if nothing came.
    pub fn read_within(&mut self, limit: Duration) -> String {
        if !readable_within(&self.master, limit) {
            return String::new();
        }
        let mut bytes = [0; 4096];
        let length = self.master.read(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }
}

impl OnTerminal {
    /// Waits until the process ends by itself.
    pub fn wait(&mut self) -> ExitStatus {
        wait(&mut self.child)
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
