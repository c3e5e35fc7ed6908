//! Asking a person for a password at the terminal, which is left as it was found, whatever ends the
//! wait.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::SignalFd;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// A terminal gives no longer line (termios(3), canonical mode).
const LONGEST_LINE: usize = 4096;

/// What ends or stops a process from its terminal or from elsewhere.
const SIGNALS: [Signal; 5] =
    [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGTSTP];

/// Asks at the terminal of this process, and reads a line that nobody sees; its end is no part of it.
/// A signal does what it always does, once the terminal is as it was; when the process goes on after
/// one, it asks again.
pub(super) fn ask(question: &str) -> io::Result<Vec<u8>> {
    let terminal = File::options().read(true).write(true).open("/dev/tty")?;
    loop {
        let quiet = Quiet::begin(&terminal)?;
        (&terminal).write_all(question.as_bytes())?;
        if !quiet.has_line()? {
            continue;
        }
        let mut line = vec![0; LONGEST_LINE];
        let length = (&terminal).read(&mut line)?;
        line.truncate(length);
        line.pop_if(|byte| *byte == b'\n');
        return Ok(line);
    }
}

/// A terminal that shows nothing of what is typed, while signals wait. In the end it is as before, and
/// then the signals are let through.
struct Quiet<'a> {
    terminal: &'a File,
    before: Termios,
    let_through: SigSet,
    held: SignalFd,
}

impl<'a> Quiet<'a> {
    fn begin(terminal: &'a File) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let signals: SigSet = SIGNALS.into_iter().collect();
        let held = SignalFd::new(&signals)?;
        let let_through = SigSet::thread_get_mask()?;
        signals.thread_block()?;
        let quiet = Self { terminal, before, let_through, held };
        let mut silent = quiet.before.clone();
        silent.local_modes -= LocalModes::ECHO;
        silent.local_modes |= LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG;
        tcsetattr(terminal, OptionalActions::Flush, &silent)?;
        Ok(quiet)
    }

    /// Waits for a line; `false` if a signal came before it.
    fn has_line(&self) -> io::Result<bool> {
        let mut polled = [
            PollFd::from_borrowed_fd(self.held.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.terminal.as_fd(), PollFlags::IN),
        ];
        loop {
            match poll(&mut polled, None) {
                Ok(_) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let [signal, _] = polled;
        Ok(signal.revents().is_empty())
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        // What was typed of a password is not for whoever reads the terminal next.
        let _ = tcsetattr(self.terminal, OptionalActions::Flush, &self.before);
        let _ = self.let_through.thread_set_mask();
    }
}
