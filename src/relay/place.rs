//! The daemon's socket: whom it belongs to, and connecting to it.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use rustix::io::Errno;
use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::UnixStream;

use crate::files::RUN_DIRECTORY;

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum ConnectError {
    /// There is a daemon, but so many wait for it that nobody else can yet.
    Busy,
    /// There is none that could be asked, and why.
    Absent(String),
}

/// Connects, without waiting. Must be called within the runtime.
pub(super) fn connect(path: &Path) -> Result<UnixStream, ConnectError> {
    check_owner(path).map_err(ConnectError::Absent)?;
    let connect = || {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.connect(&SockAddr::unix(path)?)?;
        UnixStream::from_std(std::os::unix::net::UnixStream::from(std::os::fd::OwnedFd::from(
            socket,
        )))
    };
    connect().map_err(|error| match Errno::from_io_error(&error) {
        // A full backlog is no attempt that goes on, as it is with TCP (unix(7)).
        Some(Errno::AGAIN) => ConnectError::Busy,
        _ => ConnectError::Absent(error.to_string()),
    })
}

/// Who can make a socket at this path could answer "yes" to everything, so it must belong to root, to
/// ourselves, or to whom the usual directory belongs. Who listens there does not say whose it is: that
/// may be systemd.
fn check_owner(path: &Path) -> Result<(), String> {
    let file = fs::metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "there is no socket of this name".to_owned(),
        _ => format!("nobody can tell whose socket this is: {error}"),
    })?;
    if !file.file_type().is_socket() {
        return Err("this is no socket".to_owned());
    }
    let own = rustix::process::geteuid().as_raw();
    let usual = fs::metadata(RUN_DIRECTORY).map(|directory| directory.uid());
    if [0, own].contains(&file.uid()) || usual.is_ok_and(|usual| usual == file.uid()) {
        return Ok(());
    }
    Err(format!("the socket belongs to the user {}, who could answer anything", file.uid()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{chown, symlink};
    use std::os::unix::net::UnixListener;

    use super::*;

    fn absent(path: &Path) -> String {
        check_owner(path).unwrap_err()
    }

    #[test]
    fn a_socket_of_another_user_is_not_trusted() {
        let directory = tempfile::tempdir().unwrap();
        let (path, link) = (directory.path().join("socket"), directory.path().join("link"));
        assert!(absent(&path).contains("no socket of this name"));
        let _listener = UnixListener::bind(&path).unwrap();
        symlink(&path, &link).unwrap();
        assert_eq!((check_owner(&path), check_owner(&link)), (Ok(()), Ok(())));
        fs::write(directory.path().join("file"), "").unwrap();
        assert!(absent(&directory.path().join("file")).contains("no socket"));
        // Only root can give files away.
        if rustix::process::geteuid().is_root() && chown(&path, Some(65_533), None).is_ok() {
            assert!(absent(&path).contains("65533"));
            assert!(absent(&link).contains("65533"));
        }
    }

    #[tokio::test]
    async fn a_full_backlog_is_told_from_nobody() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let listener = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        listener.bind(&SockAddr::unix(&path).unwrap()).unwrap();
        assert!(matches!(connect(&path), Err(ConnectError::Absent(_))));
        listener.listen(0).unwrap();
        let mut waiting = Vec::new();
        let error = loop {
            match connect(&path) {
                Ok(stream) => waiting.push(stream),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, ConnectError::Busy), "{error:?}");
    }
}
