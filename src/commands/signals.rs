//! The signals that a serving process is sent.

use std::io;

use nix::libc::SIGXFSZ;
use tokio::signal::unix::{self, SignalKind, signal};

use crate::peer::process::admit_signals;

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

/// The signals that come, from now on.
#[derive(Debug)]
pub(super) struct Signals {
    terminate: unix::Signal,
    interrupt: unix::Signal,
    hang_up: unix::Signal,
}

impl Signals {
    /// Must be called within the runtime.
    pub(super) fn listen() -> io::Result<Self> {
        let kinds = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
        let [terminate, interrupt, hang_up] = kinds.map(signal);
        // A write to a file that may not grow any more fails then, as the log's can, instead of ending
        // the process; that somebody has listened is enough.
        signal(SignalKind::from_raw(SIGXFSZ)).map(drop)?;
        let signals = Self { terminate: terminate?, interrupt: interrupt?, hang_up: hang_up? };
        admit_signals();
        Ok(signals)
    }

    /// The next one. Cancel-safe.
    pub(super) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::Terminate,
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.hang_up.recv() => Signal::HangUp,
        }
    }
}
