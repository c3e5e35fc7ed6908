//! The file that takes log lines: how it is opened, and whether it may.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FileType, OFlags, Stat, fstat};
use rustix::termios::isatty;

/// The end of a file, which is made if it is not there and `creates` says so. Nobody is waited for.
pub(super) fn open_end(path: &Path, creates: bool) -> io::Result<File> {
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    OpenOptions::new().append(true).create(creates).custom_flags(flags).open(path)
}

/// Whether this is, under whatever name, what the requests come from or the replies go to.
pub(super) fn carries_protocol(file: &File) -> bool {
    let Ok(status) = fstat(file) else { return false };
    [rustix::stdio::stdin(), rustix::stdio::stdout()].into_iter().any(|stream| {
        // A terminal has several names, such as /dev/tty. Of other devices, such as /dev/null, nobody
        // reads a reply.
        match fstat(stream) {
            Ok(_) if isatty(stream) => isatty(file),
            Ok(own) if kind(&own) == FileType::CharacterDevice => false,
            Ok(own) => (own.st_dev, own.st_ino) == (status.st_dev, status.st_ino),
            Err(_) => false,
        }
    })
}

/// What kind of file it is.
pub(super) fn kind(status: &Stat) -> FileType {
    FileType::from_raw_mode(status.st_mode)
}
