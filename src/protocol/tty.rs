//! The terminal on which Prosody talks to us, and how to tell it from a person's.

use std::io;
use std::os::fd::AsFd;

use rustix::io::Errno;
use rustix::termios::{
    OptionalActions, Winsize, isatty, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize,
};

/// The mark on a terminal that has carried a request. lpty never looks at the window size, and it
/// survives us; a terminal without rows and columns is nobody's screen.
const USED: Winsize = Winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0x5850, ws_ypixel: 0x4d50 };

/// What a standard stream is connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A pipe, a socket, a file.
    Stream,
    /// A terminal with a size: somebody sits before it.
    Screen,
    /// A terminal without a size, as lpty makes it, that was never used before.
    FreshPty,
    /// The same, marked as used.
    UsedPty,
}

/// Looks at a stream.
pub fn kind(fd: impl AsFd) -> Kind {
    if !isatty(&fd) {
        return Kind::Stream;
    }
    match tcgetwinsize(&fd) {
        Ok(size) if size.ws_row > 0 && size.ws_col > 0 => Kind::Screen,
        Ok(USED) => Kind::UsedPty,
        Ok(_) | Err(_) => Kind::FreshPty,
    }
}

/// Marks the terminal as used, for the next process on it.
pub fn mark_used(fd: impl AsFd) -> io::Result<()> {
    Ok(tcsetwinsize(fd, USED)?)
}

/// Switches off everything that a terminal does with bytes: echo, signals from control characters,
/// flow control, newline translation. Otherwise a `^S` in a password would stop the output.
pub fn make_raw(fd: impl AsFd) -> io::Result<()> {
    let mut attributes = tcgetattr(&fd)?;
    attributes.make_raw();
    // Not "flush": the first request is usually waiting already.
    loop {
        match tcsetattr(&fd, OptionalActions::Now, &attributes) {
            Err(Errno::INTR) => {}
            done => return Ok(done?),
        }
    }
}
