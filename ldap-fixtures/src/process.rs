//! Child processes that end with the test that started them.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// How long a server may take to end by itself.
const GRACE: Duration = Duration::from_secs(5);

/// How often a condition is looked at while it is waited for.
const PAUSE: Duration = Duration::from_millis(5);

/// A child in a process group of its own. Dropping it ends the whole group.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a command. Its standard output and error are added to `log`; its standard input is
    /// empty.
    pub fn spawn(mut command: Command, log: &Path) -> Result<Self> {
        let file = File::options().create(true).append(true).open(log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        Ok(Self { child, log: log.to_owned() })
    }

    /// The process ID, which is also the ID of its group.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything that it has printed.
    pub fn log(&self) -> String {
        fs::read(&self.log)
            .map(|text| String::from_utf8_lossy(&text).into_owned())
            .unwrap_or_default()
    }

    /// The processes that it has started itself and that still run.
    pub fn children(&self) -> Vec<Pid> {
        let parent = format!("PPid:\t{}\n", self.id());
        fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .filter_map(|entry| Some((entry.as_ref().ok()?.path(), entry.ok()?.file_name())))
            .filter(|(path, _)| {
                fs::read_to_string(path.join("status"))
                    .is_ok_and(|status| status.contains(&parent) && !status.contains("State:\tZ"))
            })
            .filter_map(|(_, name)| Pid::from_raw(name.to_str()?.parse().ok()?))
            .collect()
    }

    /// Whether it has not ended yet.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Asks it to end, and insists after a while; returns when it has ended.
    pub fn terminate(&mut self) {
        if self.is_running() {
            let _ = kill_process(self.pid(), Signal::TERM);
            let _ = wait_until("the end of a process", GRACE, || !self.is_running());
        }
        self.kill();
    }

    /// Ends it and whatever it started, at once; returns when it has ended.
    pub fn kill(&mut self) {
        let _ = kill_process_group(self.pid(), Signal::KILL);
        let _ = self.child.wait();
    }

    /// Stops it without ending it: a server that hangs.
    pub fn pause(&self) {
        let _ = kill_process_group(self.pid(), Signal::STOP);
    }

    /// Lets it go on.
    pub fn resume(&self) {
        let _ = kill_process_group(self.pid(), Signal::CONT);
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A TCP port of 127.0.0.1 on which nothing listens now. Somebody else may take it first, so a
/// server that cannot have it must be started again on another.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Waits until `ready`; the error names what was waited for.
pub fn wait_until(what: &str, limit: Duration, mut ready: impl FnMut() -> bool) -> Result<()> {
    let started = Instant::now();
    while !ready() {
        if started.elapsed() > limit {
            bail!("waited {limit:?} in vain for {what}");
        }
        sleep(PAUSE);
    }
    Ok(())
}

/// Whether an XMPP server for `example.com` opens a stream on this port (RFC 6120, section 4.2).
pub fn speaks_xmpp(port: u16) -> bool {
    const OPENING: &[u8] = b"<?xml version='1.0'?><stream:stream to='example.com' version='1.0' \
        xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let mut answer = [0; 1024];
    stream.set_read_timeout(Some(Duration::from_secs(1))).is_ok()
        && stream.write_all(OPENING).is_ok()
        && stream.read(&mut answer).is_ok_and(|length| length > 0)
}

/// Where a program is; the error says how to install it.
pub fn require(program: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
        .with_context(|| format!("{program} is not installed; tests/run installs it"))
}
