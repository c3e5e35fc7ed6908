//! The signals that a serving process is sent. They are read from a descriptor, because handlers, with what
//! they need to wake others, are memory that a relay has no other use for.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::sys::signal;
use nix::sys::signalfd::{SfdFlags, SignalFd};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::peer::process::held_signals;
use crate::stdio::register;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// SIGTERM: the end.
    Terminate,
    /// SIGINT: what the terminal of a person sends for ^C.
    Interrupt,
    /// SIGHUP: the terminal is gone, or the log was rotated and the configuration may have changed.
    HangUp,
}

/// The signals that come, and those that have been waiting since the start.
#[derive(Debug)]
pub(super) struct Signals {
    waiting: SignalFd,
    readable: AsyncFd<OwnedFd>,
}

impl Signals {
    /// Must be called within the runtime, while signals wait.
    pub(super) fn listen() -> io::Result<Self> {
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        let waiting = SignalFd::with_flags(&held_signals(), flags)?;
        let readable = register(waiting.as_fd().try_clone_to_owned()?, Interest::READABLE)?;
        Ok(Self { waiting, readable })
    }

    /// The next one. Cancel-safe.
    pub(super) async fn next(&mut self) -> Signal {
        loop {
            let Ok(mut ready) = self.readable.readable().await else {
                return std::future::pending().await;
            };
            let Ok(Some(read)) = self.waiting.read_signal() else {
                ready.clear_ready();
                continue;
            };
            match signal::Signal::try_from(read.ssi_signo.cast_signed()) {
                Ok(signal::Signal::SIGTERM) => return Signal::Terminate,
                Ok(signal::Signal::SIGINT) => return Signal::Interrupt,
                Ok(signal::Signal::SIGHUP) => return Signal::HangUp,
                Ok(_) | Err(_) => {}
            }
        }
    }
}
