//! Who stands at the other end of standard input.

pub mod birth;
pub mod process;

use std::io;
use std::os::fd::AsFd;

use nix::unistd::{Pid, getpgrp, getsid};
use rustix::io::retry_on_intr;
use rustix::termios::{
    LocalModes, OptionalActions, Winsize, isatty, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize,
};

use crate::protocol::dialect::{Dialect, Framing};

/// The mark on a terminal that has carried a request. lpty never looks at the window size, and it
/// survives us.
const USED: Winsize = Winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0x5850, ws_ypixel: 0x4d50 };

/// Who stands at the other end of standard input.
///
/// It is looked at as soon as the process starts, before anything can print or fail, and once more
/// when the configuration was read and says which XMPP server asks: a wrapper may have switched on the
/// echo of Prosody's terminal, which then looks like a person's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A terminal that echoes what is typed: somebody sits before it.
    Person,
    /// A pipe, a socket or a file: ejabberd, MongooseIM, or somebody's script.
    Pipe,
    /// A terminal without echo, as Prosody's lpty makes it. Whatever is written on it, by standard
    /// error as well, is taken for a reply.
    Lpty {
        /// Whether it has never carried a request before.
        is_fresh: bool,
    },
    /// Nobody: a daemon is asked through sockets.
    Nobody,
}

impl Peer {
    /// Looks at this end of the connection. That a terminal has a size says nothing: Prosody can have
    /// got one from another lpty, and a serial console has none.
    pub fn at(fd: impl AsFd) -> Self {
        if !isatty(&fd) {
            return Self::Pipe;
        }
        let shown = LocalModes::ECHO | LocalModes::ICANON;
        match tcgetattr(&fd) {
            Ok(attributes) if attributes.local_modes.contains(shown) => Self::Person,
            _ => Self::lpty(fd),
        }
    }

    fn lpty(fd: impl AsFd) -> Self {
        let size = tcgetwinsize(fd);
        let is_used = size
            .is_ok_and(|size| (size.ws_xpixel, size.ws_ypixel) == (USED.ws_xpixel, USED.ws_ypixel));
        Self::Lpty { is_fresh: !is_used }
    }

    /// Who it is, now that it is known which server the configuration names. A shell gives each of its
    /// jobs a process group, and Prosody none to what it starts.
    pub fn asked_by(self, dialect: Dialect) -> Self {
        // A leader outside our PID namespace is 0: of a session, it is nobody that lpty started.
        let outside = Pid::from_raw(0);
        let is_lptys = getsid(None).is_ok_and(|it| it != outside && it == getpgrp());
        match (self, dialect) {
            (Self::Person, Dialect::Prosody) if is_lptys => Self::lpty(io::stdin()),
            _ => self,
        }
    }

    /// The XMPP server that asks, if nobody says which one.
    pub fn likely_dialect(self) -> Option<Dialect> {
        match self {
            Self::Person | Self::Pipe | Self::Nobody => None,
            Self::Lpty { .. } => Some(Dialect::Prosody),
        }
    }

    /// Whether requests and replies in this framing arrive as they were written.
    pub fn carries(self, framing: Framing) -> bool {
        match (self, framing) {
            // lpty writes and reads strings up to the first zero byte.
            (Self::Lpty { .. }, Framing::Packet) => false,
            (Self::Lpty { .. }, Framing::Line) => true,
            (Self::Person | Self::Pipe | Self::Nobody, _) => true,
        }
    }

    /// Whether a program reads standard output, and takes all of it for replies.
    pub fn takes_replies(self) -> bool {
        match self {
            Self::Pipe | Self::Lpty { .. } => true,
            Self::Person | Self::Nobody => false,
        }
    }

    /// Whether standard error may be written to.
    pub fn leaves_stderr(self) -> bool {
        !matches!(self, Self::Lpty { .. })
    }
}

/// Marks the terminal as used, for the next process on it.
pub fn mark_used(terminal: impl AsFd) -> io::Result<()> {
    Ok(tcsetwinsize(terminal, USED)?)
}

/// Switches off everything that a terminal does with bytes: echo, signals from control characters,
/// flow control, newline translation. Otherwise a `^S` in a password would stop the output.
pub fn make_raw(terminal: impl AsFd) -> io::Result<()> {
    let mut attributes = tcgetattr(&terminal)?;
    attributes.make_raw();
    // Not "flush": the first request is usually waiting already.
    Ok(retry_on_intr(|| tcsetattr(&terminal, OptionalActions::Now, &attributes))?)
}
