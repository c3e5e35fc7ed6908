//! A network namespace whose loopback device may lose packets, which the machine's own must not.

use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result, ensure};
use nix::sched::{CloneFlags, unshare};
use rustix::process::geteuid;

use crate::process::require;

/// The network of the thread that made it, and of what that thread starts.
#[derive(Debug)]
pub struct Network(());

impl Network {
    /// Does work in a network of its own: what it starts and connects knows no other. The network
    /// goes when the last process in it has ended.
    pub fn within<T: Send>(work: impl FnOnce(&Self) -> T + Send) -> Result<T> {
        ensure!(geteuid().is_root(), "only root makes network namespaces: run these tests as root");
        thread::scope(|scope| {
            let inside = scope.spawn(|| {
                unshare(CloneFlags::CLONE_NEWNET)?;
                let up = Command::new(require("ip")?).args(["link", "set", "lo", "up"]).status()?;
                ensure!(up.success(), "the loopback device of a new network does not start");
                Ok(work(&Self(())))
            });
            inside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Drops every packet from and to a TCP port, as a firewall does that has forgotten about the
    /// connections, or a host without power.
    pub fn drop_packets(&self, port: u16) -> Result<()> {
        rules(&format!(
            "table inet fault {{\n chain input {{\n  type filter hook input priority 0\n  \
             tcp dport {port} drop\n  tcp sport {port} drop\n }}\n}}\n"
        ))
    }

    /// Carries everything again.
    pub fn heal(&self) -> Result<()> {
        rules("delete table inet fault\n")
    }
}

fn rules(text: &str) -> Result<()> {
    let mut child =
        Command::new(require("nft")?).args(["-f", "-"]).stdin(Stdio::piped()).spawn()?;
    child.stdin.take().context("no standard input")?.write_all(text.as_bytes())?;
    ensure!(child.wait()?.success(), "nft does not take the rules");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    use super::*;

    #[test]
    fn packets_are_lost_here_and_nowhere_else() {
        let outside = TcpListener::bind("127.0.0.1:0").unwrap();
        let there = outside.local_addr().unwrap();
        Network::within(|network| {
            assert!(TcpStream::connect(there).is_err(), "it is the same network");
            let inside = TcpListener::bind("127.0.0.1:0").unwrap();
            let here = inside.local_addr().unwrap();
            let connects = || TcpStream::connect_timeout(&here, Duration::from_millis(100)).is_ok();
            assert!(connects());
            network.drop_packets(here.port()).unwrap();
            assert!(!connects());
            network.heal().unwrap();
            assert!(connects());
        })
        .unwrap();
        assert!(TcpStream::connect(there).is_ok());
    }
}
