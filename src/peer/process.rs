//! This process, from its first moment to its last: how it may end depends on who started it.

use std::fs::File;
use std::io;
use std::os::fd::RawFd;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::process::ExitCode;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use rustix::termios::isatty;

use super::{Peer, birth};
use crate::exit;
use crate::protocol::dialect::{Dialect, Framing};

/// ejabberd gives external authentication up for good if its program ends often within a second.
const SHORTEST_LIFE: Duration = Duration::from_secs(4);

/// Since when the process lives, and for whom.
#[derive(Clone, Copy, Debug)]
pub struct Process {
    peer: Peer,
    started: Instant,
    /// How long before that a caller may have begun to wait.
    age: Duration,
}

/// Why the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessEnd {
    /// A part of this program is not as it was meant to be, or the system did not let it start.
    Defect,
    /// It did what it was started for: the caller wants no more answers, or somebody sent SIGTERM.
    Done,
    /// A reply could not be written before the caller gave up, in this framing.
    Late(Framing),
    /// The configuration names another caller now, for which a new process is needed.
    Renewed,
    /// Standard input or output cannot be used.
    Streams,
    /// The command line is wrong, or names a caller that cannot be at the other end.
    Usage,
}

impl Process {
    /// To be called once, before anything else can fail or print.
    pub fn begin() -> Self {
        let peer = Peer::at(io::stdin());
        let age = birth::age().unwrap_or_default();
        let process = Self { peer, started: Instant::now(), age };
        if !process.peer.leaves_stderr() {
            // A panic's message would be read as a reply.
            set_hook(Box::new(|_| {}));
        }
        process
    }

    /// Who started it.
    pub fn peer(self) -> Peer {
        self.peer
    }

    /// The same process, now that it is known which server the configuration names.
    pub fn asked_by(self, dialect: Dialect) -> Self {
        let process = Self { peer: self.peer.asked_by(dialect), ..self };
        if process.peer != self.peer {
            process.take_over();
        }
        process
    }

    /// From when on the requests may have been waiting that are there already: the start of this
    /// process, or of the first of the wrappers that started it.
    pub fn born(self) -> Instant {
        self.started.checked_sub(self.age).unwrap_or(self.started)
    }

    /// Does all the work of the process; a panic ends it like any other defect.
    pub fn contain(self, work: impl FnOnce() -> ExitCode) -> ExitCode {
        catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| self.end(ProcessEnd::Defect))
    }

    /// The exit code, when it may be used.
    ///
    /// - Prosody never again starts a child that ended with another code than 0, or by a signal.
    /// - ejabberd must not see its program end soon after the start, unless it closed the pipe.
    pub fn end(self, end: ProcessEnd) -> ExitCode {
        let code = match end {
            // What speaks lines over a pipe stands in for lpty, and is treated like it.
            ProcessEnd::Done | ProcessEnd::Late(Framing::Line) => exit::OK,
            ProcessEnd::Defect | ProcessEnd::Late(Framing::Packet) => exit::SOFTWARE,
            ProcessEnd::Renewed => exit::CONFIG,
            ProcessEnd::Streams => exit::IO,
            ProcessEnd::Usage => exit::USAGE,
        };
        match self.peer {
            Peer::Lpty { .. } => return exit::code(exit::OK),
            Peer::Pipe if code != exit::OK => {
                sleep(SHORTEST_LIFE.saturating_sub(self.started.elapsed()));
            }
            Peer::Pipe | Peer::Person => {}
        }
        exit::code(code)
    }

    /// Takes over what the caller left open or switched on, before a secret is read. Signals wait
    /// from now on until [`admit_signals`].
    pub fn take_over(self) {
        let _ = signals().thread_block();
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
        // A core file would hold passwords.
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

/// To be called when somebody listens to them: before, each would end the process by itself, which
/// Prosody does not survive.
pub fn admit_signals() {
    let _ = signals().thread_unblock();
}

fn signals() -> SigSet {
    [Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM].into_iter().collect()
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
        Process { peer, started, age: Duration::ZERO }
    }

    fn code(exit: ExitCode) -> String {
        format!("{exit:?}")
    }

    #[test]
    fn whatever_ends_it_prosody_sees_a_0() {
        for end in [
            ProcessEnd::Defect,
            ProcessEnd::Done,
            ProcessEnd::Late(Framing::Line),
            ProcessEnd::Late(Framing::Packet),
            ProcessEnd::Renewed,
            ProcessEnd::Streams,
            ProcessEnd::Usage,
        ] {
            for is_fresh in [false, true] {
                let exit = old(Peer::Lpty { is_fresh }).end(end);
                assert_eq!(code(exit), code(ExitCode::SUCCESS), "{end:?}");
            }
        }
    }

    #[test]
    fn on_a_pipe_only_an_end_that_the_caller_wanted_comes_at_once() {
        for (end, expected, may_be_soon) in [
            (ProcessEnd::Defect, exit::SOFTWARE, false),
            (ProcessEnd::Done, exit::OK, true),
            (ProcessEnd::Late(Framing::Line), exit::OK, true),
            (ProcessEnd::Late(Framing::Packet), exit::SOFTWARE, false),
            (ProcessEnd::Renewed, exit::CONFIG, false),
            (ProcessEnd::Streams, exit::IO, false),
            (ProcessEnd::Usage, exit::USAGE, false),
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
    fn a_panic_is_an_end_like_another() {
        let contained = |peer| code(old(peer).contain(|| panic!("as the test wants it")));
        assert_eq!(contained(Peer::Lpty { is_fresh: true }), code(ExitCode::SUCCESS));
        assert_eq!(contained(Peer::Pipe), code(ExitCode::from(exit::SOFTWARE)));
    }
}
