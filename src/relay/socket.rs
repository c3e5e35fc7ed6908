//! A socket of the daemon: whom it belongs to, and connecting to it.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use rustix::io::Errno;
use socket2::{Domain, SockAddr, Socket, Type};

use crate::files::RUN_DIRECTORY;

/// How soon a daemon that has not accepted others yet is tried again.
pub const BUSY_PAUSE: Duration = Duration::from_millis(10);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum NoConnection {
    /// There is a daemon, but so many wait for it that nobody else can yet.
    #[error("too many wait for it")]
    Busy,
    /// There is none, and how that shows.
    #[error("{0}")]
    Absent(String),
    /// We may not connect to it.
    #[error("{0}")]
    Forbidden(String),
    /// There is something that cannot be asked, or must not be, and why.
    #[error("{0}")]
    Unusable(String),
}

/// Connects, without waiting, now or later: the stream never blocks.
pub fn connect(path: &Path) -> Result<UnixStream, NoConnection> {
    connect_as(rustix::process::geteuid().as_raw(), path)
}

fn connect_as(own: u32, path: &Path) -> Result<UnixStream, NoConnection> {
    check_owner(own, path)?;
    let connect = || {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.connect(&SockAddr::unix(path)?)?;
        Ok(OwnedFd::from(socket).into())
    };
    connect().map_err(|error: io::Error| match Errno::from_io_error(&error) {
        // A full backlog is no attempt that goes on, as it is with TCP (unix(7)).
        Some(Errno::AGAIN) => NoConnection::Busy,
        Some(Errno::CONNREFUSED | Errno::NOENT) => NoConnection::Absent(error.to_string()),
        Some(Errno::ACCESS) => NoConnection::Forbidden(error.to_string()),
        _ => NoConnection::Unusable(error.to_string()),
    })
}

/// Who can make a socket at this path could answer "yes" to everything, so it must belong to root, to
/// ourselves, or to whom the usual directory belongs. Who listens there does not say whose it is: that
/// may be systemd.
fn check_owner(own: u32, path: &Path) -> Result<(), NoConnection> {
    let file = fs::metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            NoConnection::Absent("there is no socket of this name".to_owned())
        }
        io::ErrorKind::PermissionDenied => NoConnection::Forbidden(error.to_string()),
        _ => NoConnection::Unusable(format!("nobody can tell whose socket this is: {error}")),
    })?;
    if !file.file_type().is_socket() {
        return Err(NoConnection::Unusable("this is no socket".to_owned()));
    }
    let usual = fs::metadata(RUN_DIRECTORY).map(|directory| directory.uid());
    if [0, own].contains(&file.uid()) || usual.is_ok_and(|usual| usual == file.uid()) {
        return Ok(());
    }
    let text = format!("the socket belongs to the user {}, who could answer anything", file.uid());
    Err(NoConnection::Unusable(text))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{chown, symlink};
    use std::os::unix::net::UnixListener;

    use super::*;

    fn problem(path: &Path) -> String {
        format!("{:?}", connect(path).unwrap_err())
    }

    #[test]
    fn a_socket_of_another_user_is_not_trusted() {
        let directory = tempfile::tempdir().unwrap();
        let (path, link) = (directory.path().join("socket"), directory.path().join("link"));
        assert!(problem(&path).contains("Absent(\"there is no socket of this name"));
        let _listener = UnixListener::bind(&path).unwrap();
        symlink(&path, &link).unwrap();
        assert!(connect(&path).is_ok() && connect(&link).is_ok());
        fs::write(directory.path().join("file"), "").unwrap();
        assert!(problem(&directory.path().join("file")).contains("Unusable(\"this is no socket"));
        // What is root's is everybody's to ask, so root gives the socket away.
        if rustix::process::geteuid().is_root() {
            chown(&path, Some(65_533), None).unwrap();
        }
        let owner = fs::metadata(&path).unwrap().uid();
        for path in [&path, &link] {
            let problem = format!("{:?}", connect_as(owner + 1, path).unwrap_err());
            assert!(problem.contains(&format!("belongs to the user {owner},")), "{problem}");
        }
    }

    #[test]
    fn a_full_backlog_is_told_from_nobody() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let listener = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        listener.bind(&SockAddr::unix(&path).unwrap()).unwrap();
        assert!(matches!(connect(&path), Err(NoConnection::Absent(_))));
        listener.listen(0).unwrap();
        let mut waiting = Vec::new();
        let error = loop {
            match connect(&path) {
                Ok(stream) => waiting.push(stream),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, NoConnection::Busy), "{error:?}");
    }
}
