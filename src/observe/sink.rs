//! A sink that takes log lines, none of which waits for anybody: what is not taken at once is lost,
//! and counted.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use rustix::fs::{FileType, fstat, makedev};
use rustix::io::Errno;

use super::disk::Disk;
use super::place::{carries_protocol, kind, open_end};
use super::record::Record;
use super::target::{LogFormat, PROTOCOL_STREAM};
use crate::peer::Peer;
use crate::stdio::{PIPE_BUF, write_now};

/// Where the journal listens (systemd's native protocol).
const JOURNAL: &str = "/run/systemd/journal/socket";

/// Where syslog listens.
const SYSLOG: &str = "/dev/log";

/// What takes log lines.
#[derive(Debug)]
pub(super) enum Sink {
    /// A file on a disk. Many a file system refuses writes that must not wait, whatever room there
    /// is.
    Disk(Disk),
    /// A pipe, a socket or a terminal.
    Stream {
        /// Where to.
        file: File,
        /// Whether only a part of the last line was written.
        is_torn: bool,
    },
    /// The journal.
    Journal(UnixDatagram),
    /// Syslog.
    Syslog(UnixDatagram),
}

impl Sink {
    /// An open file of any kind. The XMPP server would take a log line for a reply where it reads
    /// those: that stream is refused, if `peer` does.
    pub(super) fn new(file: File, peer: Peer) -> io::Result<Self> {
        if peer.takes_replies() && carries_protocol(&file) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, PROTOCOL_STREAM));
        }
        Ok(match kind(&fstat(&file)?) {
            FileType::RegularFile => Self::Disk(Disk::new(file)),
            _ => Self::Stream { file, is_torn: false },
        })
    }

    /// A copy of standard error.
    pub(super) fn stderr(peer: Peer) -> io::Result<Self> {
        Self::new(io::stderr().as_fd().try_clone_to_owned()?.into(), peer)
    }

    /// The end of the file of this name. A pipe that nobody reads is an error and not waited for.
    pub(super) fn open(path: &Path, peer: Peer) -> io::Result<Self> {
        let mut sink = Self::new(open_end(path, true)?, peer)?;
        if let Self::Disk(disk) = &mut sink {
            disk.name(path);
        }
        Ok(sink)
    }

    /// The journal, if it listens.
    pub(super) fn journal() -> io::Result<Self> {
        Ok(Self::Journal(datagrams(JOURNAL)?))
    }

    /// Syslog, if it listens.
    pub(super) fn syslog() -> io::Result<Self> {
        Ok(Self::Syslog(datagrams(SYSLOG)?))
    }

    /// Writes a record, or fails at once.
    pub(super) fn write(&mut self, record: &Record, format: LogFormat) -> io::Result<()> {
        match self {
            Self::Disk(disk) => disk.write(&line(record, format, usize::MAX)),
            Self::Stream { file, is_torn } => {
                let mut line = line(record, format, PIPE_BUF);
                if *is_torn {
                    line.insert(0, b'\n');
                }
                let written = write_now(&*file, &line)?;
                *is_torn = written < line.len();
                if *is_torn { Err(io::ErrorKind::WriteZero.into()) } else { Ok(()) }
            }
            Self::Journal(socket) => send(socket, JOURNAL, record, Record::journal),
            Self::Syslog(socket) => send(socket, SYSLOG, record, Record::syslog),
        }
    }
}

/// Whether standard error leads nowhere.
pub(super) fn is_stderr_null() -> bool {
    fstat(io::stderr()).is_ok_and(|status| {
        kind(&status) == FileType::CharacterDevice && status.st_rdev == makedev(1, 3)
    })
}

/// Whether standard error leads to the journal (`$JOURNAL_STREAM` of systemd.exec(5)), which takes the
/// fields of a line only in its own protocol.
pub(super) fn is_stderr_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    fstat(io::stderr()).is_ok_and(|own| stream == format!("{}:{}", own.st_dev, own.st_ino))
}

/// What the texts of a record are cut to, if it is too long with the one before. The last is short
/// enough for all the fields that an event has.
const CUTS: [usize; 3] = [512, 128, 16];

/// A line that is shorter than `longest`, with all of its fields: the lines of several processes stay
/// whole on a pipe up to a certain length (pipe(7)).
fn line(record: &Record, format: LogFormat, longest: usize) -> Vec<u8> {
    let render = |record: &Record| match format {
        LogFormat::Text => record.line(),
        LogFormat::Json => record.json(),
    };
    let cut = CUTS.iter().map(|length| render(&record.clone().cut_to(*length)));
    let mut lines = std::iter::once(render(record)).chain(cut);
    lines.find(|line| line.len() < longest).unwrap_or_default()
}

fn datagrams(path: &str) -> io::Result<UnixDatagram> {
    // Only asks whether somebody listens; each record is sent to the address, where another one may
    // listen by then.
    UnixDatagram::unbound()?.connect(path)?;
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Sends a record, with as much of its texts as the socket takes of one datagram.
fn send(
    socket: &UnixDatagram,
    path: &str,
    record: &Record,
    render: impl Fn(&Record) -> Vec<u8>,
) -> io::Result<()> {
    let mut sent = socket.send_to(&render(record), path);
    for length in CUTS {
        match &sent {
            Err(error) if error.raw_os_error() == Some(Errno::MSGSIZE.raw_os_error()) => {
                sent = socket.send_to(&render(&record.clone().cut_to(length)), path);
            }
            _ => break,
        }
    }
    sent.map(drop)
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn what_is_too_large_for_a_datagram_is_cut_and_not_lost() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let journal = UnixDatagram::bind(&path).unwrap();
        let record = Record::new(Level::INFO, &"x".repeat(1 << 20));
        let path = path.to_str().unwrap();
        for render in [Record::journal, Record::syslog] {
            let socket = UnixDatagram::unbound().unwrap();
            send(&socket, path, &record, render).unwrap();
            let mut bytes = [0; 4096];
            let length = journal.recv(&mut bytes).unwrap();
            let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
            assert!(text.contains(&"x".repeat(400)) && length < 1024, "{text}");
        }
    }
}
