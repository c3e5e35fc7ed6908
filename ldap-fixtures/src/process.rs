//! Child processes that end with the test that started them.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid,
};

/// How long a server may take to end by itself.
const GRACE: Duration = Duration::from_secs(5);

/// How often a condition is looked at while it is waited for.
const PAUSE: Duration = Duration::from_millis(5);

/// Where servers listen: below the ports that the system gives to outgoing connections, one of which
/// would otherwise sit on the port of a server that is down for a moment.
const FIRST_PORT: u32 = 16_000;
const PORTS: u32 = 16_000;

/// A child in a process group of its own. Dropping it ends the whole group.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
    /// Whether the group was ended and the child waited for; its ID may be another's by now.
    ended: bool,
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
        Ok(Self { child, log: log.to_owned(), ended: false })
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
        !self.ended && !self.has(WaitIdOptions::EXITED)
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
        self.signal_group(Signal::KILL);
        let _ = self.child.wait();
        self.ended = true;
    }

    /// Stops it without ending it: a server that hangs. Returns when it has stopped.
    pub fn pause(&self) {
        self.signal_group(Signal::STOP);
        // Until all its threads have seen the signal, the others work on.
        let stopped = || self.ended || self.has(WaitIdOptions::STOPPED | WaitIdOptions::EXITED);
        let _ = wait_until("the stop of a process", GRACE, stopped);
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal_group(Signal::CONT);
    }

    /// Whether it is in one of these states. That is looked at without waiting for it, so that its ID
    /// stays ours until the group is ended too.
    fn has(&self, state: WaitIdOptions) -> bool {
        let look = state | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(waitid(WaitId::Pid(self.pid()), look), Ok(None))
    }

    fn signal_group(&self, signal: Signal) {
        if !self.ended {
            let _ = kill_process_group(self.pid(), signal);
        }
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

/// A TCP port of 127.0.0.1 on which nothing listens now, never the same twice in one process.
/// Another process may take it first, so a server that cannot have it must be started again on
/// another.
pub fn free_port() -> Result<u16> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Processes of one run get IDs close together; this keeps what they choose apart.
    let start = std::process::id().wrapping_mul(257);
    for _ in 0..PORTS {
        let number = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(FIRST_PORT + number % PORTS)?;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port is free")
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

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> (Process, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        (Process::spawn(command, &directory.path().join("log")).unwrap(), directory)
    }

    fn has_ended(process: &mut Process) -> bool {
        wait_until("its end", GRACE, || !process.is_running()).is_ok()
    }

    #[test]
    fn a_child_prints_to_its_log_and_its_end_is_seen() {
        let (mut process, _directory) = shell("echo out; echo err >&2");
        assert!(has_ended(&mut process));
        assert_eq!(process.log(), "out\nerr\n");
    }

    #[test]
    fn the_whole_group_ends_even_after_its_leader() {
        let (mut process, _directory) = shell("sleep 60 & echo $!");
        assert!(has_ended(&mut process));
        let orphan = format!("/proc/{}", process.log().trim());
        assert!(Path::new(&orphan).exists());
        process.kill();
        // Nobody may have collected it yet.
        let gone = || {
            !fs::read_to_string(format!("{orphan}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
        };
        wait_until("the orphan's end", GRACE, gone).unwrap();
    }

    #[test]
    fn an_ended_child_gets_no_signals() {
        let (mut process, _directory) = shell("sleep 60");
        assert!(process.is_running());
        process.kill();
        assert!(!process.is_running());
        // The kernel would deliver these to whoever has the ID now.
        process.pause();
        process.resume();
        process.terminate();
    }

    #[test]
    fn a_child_is_stopped_and_resumed() {
        // Without a shell, whose state while it starts a program is another one.
        let (mut process, _directory) = shell("exec sleep 60");
        let stat = format!("/proc/{}/stat", process.id());
        let is_stopped = || fs::read_to_string(&stat).unwrap().contains(") T ");
        for _ in 0..3 {
            process.pause();
            assert!(is_stopped() && process.is_running());
            process.resume();
            wait_until("the resumption", GRACE, || !is_stopped()).unwrap();
        }
        process.terminate();
        assert!(!process.is_running());
    }

    #[test]
    fn ports_are_below_those_of_connections_and_differ() {
        let ports: Vec<_> = (0..100).map(|_| free_port().unwrap()).collect();
        assert!(ports.iter().all(|port| (16_000..32_000).contains(port)));
        assert!((1..ports.len()).all(|index| !ports[..index].contains(&ports[index])));
    }

    #[test]
    fn a_missing_program_and_a_vain_wait_say_what_was_wanted() {
        assert!(require("sh").unwrap().is_absolute());
        let error = require("no-such-program").unwrap_err().to_string();
        assert!(error.contains("no-such-program") && error.contains("tests/run"), "{error}");
        let error = wait_until("godot", Duration::ZERO, || false).unwrap_err().to_string();
        assert!(error.contains("godot"), "{error}");
    }
}
