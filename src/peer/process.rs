//! This process, from its first moment to its last: how it may end depends on who started it.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::RawFd;
use std::os::unix::process::CommandExt;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::process::{Command, ExitCode};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal};
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit,
};
use rustix::termios::isatty;

use super::{Peer, birth};
use crate::exit::Code;
use crate::protocol::dialect::{Dialect, Framing};

/// ejabberd gives external authentication up for good if its program ends often within a second.
const SHORTEST_LIFE: Duration = Duration::from_secs(4);

/// Since when the process lives, and for whom.
#[derive(Clone, Copy, Debug)]
pub struct Process {
    peer: Peer,
    /// How it talks with a caller, once that is known.
    framing: Option<Framing>,
    started: Instant,
    /// How long before that a caller may have begun to wait.
    age: Duration,
}

/// Why the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessEnd {
    /// A command that no XMPP server starts told a person or a script what it was asked.
    Told(Code),
    /// A part of this program is not as it was meant to be, or the system did not let it start.
    Defect,
    /// It did what it was started for: the caller wants no more answers, or somebody sent SIGTERM.
    Done,
    /// A reply could not be written before the caller gave up.
    Late,
    /// The configuration names another caller now, for which a new process is needed.
    Renewed,
    /// Standard input or output cannot be used.
    Streams,
    /// The command line is wrong, or names a caller that cannot be at the other end.
    Usage,
}

impl Process {
    /// Does all the work of this process. To be called once, before anything else can fail or print;
    /// whatever way the work ends, a panic included, only `end` says how that is seen.
    ///
    /// Signals wait from now on, for whoever reads them, or until [`admit_signals`].
    pub fn run(work: impl FnOnce(&mut Self) -> ProcessEnd) -> ExitCode {
        hold_signals();
        keep_memory_private();
        allow_descriptors();
        let peer = Peer::at(io::stdin());
        let age = birth::age().unwrap_or_default();
        let process = Self { peer, framing: None, started: Instant::now(), age };
        if !process.peer.leaves_stderr() {
            // A panic's message would be read as a reply.
            set_hook(Box::new(|_| {}));
        }
        process.contain(work)
    }

    fn contain(mut self, work: impl FnOnce(&mut Self) -> ProcessEnd) -> ExitCode {
        let end = catch_unwind(AssertUnwindSafe(|| work(&mut self)));
        self.end(end.unwrap_or(ProcessEnd::Defect))
    }

    /// Who started it.
    pub fn peer(self) -> Peer {
        self.peer
    }

    /// Looks again who started it, now that it is known which server the configuration names.
    pub fn asked_by(&mut self, dialect: Dialect) {
        self.framing = Some(dialect.framing());
        let peer = self.peer.asked_by(dialect);
        if peer != self.peer {
            self.peer = peer;
            self.take_over();
        }
    }

    /// From when on the requests may have been waiting that are there already: the start of this
    /// process, or of the first of the wrappers that started it.
    pub fn born(self) -> Instant {
        self.started.checked_sub(self.age).unwrap_or(self.started)
    }

    /// The exit code, when it may be used.
    ///
    /// - Prosody never again starts a child that ended with another code than 0, or by a signal.
    /// - ejabberd must not see its program end soon after the start, unless it closed the pipe.
    /// - Nobody but a person or a script starts the commands that tell something, and a script reads
    ///   the code.
    fn end(self, end: ProcessEnd) -> ExitCode {
        let code = match end {
            ProcessEnd::Told(code) => return code.into(),
            ProcessEnd::Done => Code::OK,
            ProcessEnd::Defect | ProcessEnd::Late => Code::SOFTWARE,
            ProcessEnd::Renewed => Code::CONFIG,
            ProcessEnd::Streams => Code::IO,
            ProcessEnd::Usage => Code::USAGE,
        };
        match (self.peer, self.framing) {
            // What speaks lines over a pipe stands in for lpty.
            (Peer::Lpty { .. }, _) | (Peer::Pipe, Some(Framing::Line)) => return Code::OK.into(),
            (Peer::Pipe, _) if code != Code::OK => {
                sleep(SHORTEST_LIFE.saturating_sub(self.started.elapsed()));
            }
            (Peer::Pipe | Peer::Person | Peer::Nobody, _) => {}
        }
        code.into()
    }

    /// Takes over what the caller left open or switched on, before a secret is read.
    pub fn take_over(self) {
        // Prosody leaks its listening sockets, its clients' and the other end of our terminal, which
        // keeps us from noticing that it died.
        close_inherited();
        if !self.peer.leaves_stderr()
            && isatty(io::stderr())
            && let Ok(null) = File::options().write(true).open("/dev/null")
        {
            // Libraries may print.
            let _ = rustix::stdio::dup2_stderr(null);
        }
    }
}

/// Whatever the process is asked to do, it may hold passwords: none is to be found in a core file, or by
/// another process of the same user.
fn keep_memory_private() {
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// As many descriptors as the process may have: the lower number that it is given first is for programs
/// that use select(2), and clients that nobody knows could use it up.
fn allow_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// Starts this program anew, because a process cannot safely change its own environment; returns only
/// where that is not possible. Process, arguments, standard input and output stay the same, so that
/// nothing may have been read from them.
pub fn start_anew(environment: impl IntoIterator<Item = (&'static str, OsString)>) -> io::Error {
    let mut command = match std::env::current_exe() {
        Ok(program) => Command::new(program),
        Err(error) => return error,
    };
    let mut arguments = std::env::args_os();
    if let Some(program) = arguments.next() {
        // The caller can be written in it.
        command.arg0(program);
    }
    command.args(arguments).envs(environment).exec()
}

/// Lets signals wait: each would end the process by itself, which Prosody does not survive.
fn hold_signals() {
    let _ = held_signals().thread_block();
    let _ = limit_signals().thread_block();
}

/// To be called where each may end the process.
pub fn admit_signals() {
    let _ = held_signals().thread_unblock();
    let _ = limit_signals().thread_unblock();
}

/// Those that a serving process is asked things by, which it reads and is never interrupted by.
pub fn held_signals() -> SigSet {
    [Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM].into_iter().collect()
}

/// That a file may not grow any more, as the log's can: while it waits, the write fails, and the process
/// goes on.
fn limit_signals() -> SigSet {
    [Signal::SIGXFSZ].into_iter().collect()
}

fn close_inherited() {
    let open: Vec<RawFd> = std::fs::read_dir("/proc/self/fd")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    for fd in open.into_iter().filter(|fd| *fd > 2) {
        // The descriptor of the listing itself is closed already.
        let _ = nix::unistd::close(fd);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG_AGO: Duration = Duration::from_secs(60);

    fn old(peer: Peer) -> Process {
        let started = Instant::now().checked_sub(LONG_AGO).unwrap();
        Process { peer, framing: None, started, age: Duration::ZERO }
    }

    fn code(exit: ExitCode) -> String {
        format!("{exit:?}")
    }

    #[test]
    fn whatever_ends_it_prosody_sees_a_0_at_once() {
        let lines = Process { framing: Some(Framing::Line), ..old(Peer::Pipe) };
        for process in [
            old(Peer::Lpty { is_fresh: false }),
            old(Peer::Lpty { is_fresh: true }),
            // As through ssh, or a wrapper that has no terminal.
            lines,
        ] {
            for end in [
                ProcessEnd::Defect,
                ProcessEnd::Done,
                ProcessEnd::Late,
                ProcessEnd::Renewed,
                ProcessEnd::Streams,
                ProcessEnd::Usage,
            ] {
                let started = Instant::now();
                let exit = Process { started, ..process }.end(end);
                assert_eq!(code(exit), code(ExitCode::SUCCESS), "{process:?} {end:?}");
                assert!(started.elapsed() < SHORTEST_LIFE / 2, "{process:?} {end:?}");
            }
        }
    }

    #[test]
    fn on_a_pipe_only_an_end_that_the_caller_wanted_comes_at_once() {
        for (end, expected, may_be_soon) in [
            (ProcessEnd::Defect, Code::SOFTWARE, false),
            (ProcessEnd::Done, Code::OK, true),
            (ProcessEnd::Late, Code::SOFTWARE, false),
            (ProcessEnd::Renewed, Code::CONFIG, false),
            (ProcessEnd::Streams, Code::IO, false),
            (ProcessEnd::Usage, Code::USAGE, false),
        ] {
            assert_eq!(code(old(Peer::Pipe).end(end)), code(ExitCode::from(expected)), "{end:?}");
            let started = Instant::now();
            let age = SHORTEST_LIFE - Duration::from_millis(20);
            let _ =
                Process { started: started.checked_sub(age).unwrap(), ..old(Peer::Pipe) }.end(end);
            let is_soon = started.elapsed() < Duration::from_millis(20);
            assert!(is_soon <= may_be_soon, "{end:?}");
        }
    }

    #[test]
    fn what_a_command_tells_is_seen_at_once_by_anybody() {
        for peer in [Peer::Person, Peer::Pipe, Peer::Lpty { is_fresh: true }] {
            let started = Instant::now();
            let end = Process { started, ..old(peer) }.end(ProcessEnd::Told(Code::NOPERM));
            assert_eq!(code(end), code(ExitCode::from(77)));
            assert!(started.elapsed() < SHORTEST_LIFE / 2);
        }
    }

    #[test]
    fn a_panic_is_an_end_like_another() {
        let contained = |peer, found| {
            code(old(peer).contain(|process| {
                process.peer = found;
                panic!("as the test wants it")
            }))
        };
        let lpty = Peer::Lpty { is_fresh: true };
        assert_eq!(contained(lpty, lpty), code(ExitCode::SUCCESS));
        assert_eq!(contained(Peer::Pipe, Peer::Pipe), code(Code::SOFTWARE.into()));
        // What is learnt on the way counts.
        assert_eq!(contained(Peer::Person, lpty), code(ExitCode::SUCCESS));
    }
}
