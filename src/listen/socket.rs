//! The sockets that a daemon listens on: its own, and those that systemd made for it.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use listenfd::ListenFd;

use super::settings::ListenAddress;

/// A socket that is listened on.
#[derive(Debug)]
pub enum Socket {
    /// A file. What is removed when the daemon does not listen any more belongs to it.
    Unix(UnixListener, Option<OwnFile>),
    /// A port.
    Tcp(TcpListener),
}

/// The file of a socket that this process has made; dropping it removes the file, unless another one
/// has taken its place.
#[derive(Debug)]
pub struct OwnFile {
    path: PathBuf,
    device: u64,
    number: u64,
}

impl Drop for OwnFile {
    fn drop(&mut self) {
        let is_ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|file| (file.dev(), file.ino()) == (self.device, self.number));
        if is_ours {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The sockets that systemd passed (sd_listen_fds(3)), with their names.
#[derive(Debug)]
pub struct Passed(Vec<(String, Socket)>);

impl Passed {
    /// Takes over what was passed; `names` are those of `LISTEN_FDNAMES`, with colons between them. The
    /// error says which descriptor is no socket to listen on.
    pub fn take(names: &str) -> Result<Self, String> {
        let mut passed = ListenFd::from_env();
        let mut names = names.split(':');
        let mut sockets = Vec::new();
        for index in 0..passed.len() {
            let name = names.next().filter(|name| !name.is_empty()).unwrap_or("systemd");
            let unix = passed.take_unix_listener(index).ok().flatten();
            let socket = match unix {
                Some(listener) => Socket::Unix(listener, None),
                None => match passed.take_tcp_listener(index) {
                    Ok(Some(listener)) => Socket::Tcp(listener),
                    Ok(None) | Err(_) => {
                        return Err(format!(
                            "what systemd passed as {name:?} is no stream socket; write ListenStream= in its unit"
                        ));
                    }
                },
            };
            sockets.push((name.to_owned(), socket));
        }
        Ok(Self(sockets))
    }

    /// The names of those that nobody has claimed.
    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(|(name, _)| name.clone()).collect()
    }

    /// The first one of this name, once.
    pub fn claim(&mut self, name: &str) -> Option<Socket> {
        let at = self.0.iter().position(|(passed, _)| passed == name)?;
        Some(self.0.remove(at).1)
    }
}

/// Listens at an address. The error says why that cannot be.
pub fn listen(address: &ListenAddress, passed: &mut Passed) -> Result<Socket, String> {
    match address {
        ListenAddress::Unix { path, mode, group } => make(path, *mode, *group),
        ListenAddress::Systemd(name) => passed.claim(name).ok_or_else(|| {
            format!(
                "systemd passed no socket of this name; write FileDescriptorName={name} in its unit"
            )
        }),
        ListenAddress::Tcp(address) => listen_on_port(*address),
    }
}

fn listen_on_port(address: SocketAddr) -> Result<Socket, String> {
    let listener = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    listener.map(Socket::Tcp).map_err(|error| format!("cannot listen on {address}: {error}"))
}

/// Makes a socket under another name, and gives it its own when it is as it should be: nobody can
/// connect before.
fn make(path: &Path, mode: u32, group: Option<u32>) -> Result<Socket, String> {
    let shown = path.display();
    check_unused(path)?;
    let temporary = temporary(path).ok_or_else(|| format!("{shown} has no file name"))?;
    let made = || {
        let _ = fs::remove_file(&temporary);
        let listener = UnixListener::bind(&temporary)?;
        listener.set_nonblocking(true)?;
        // The group first, because giving a file away can take bits from its mode.
        if group.is_some() {
            chown(&temporary, None, group)?;
        }
        fs::set_permissions(&temporary, fs::Permissions::from_mode(mode))?;
        let file = fs::symlink_metadata(&temporary)?;
        fs::rename(&temporary, path)?;
        let own = OwnFile { path: path.to_owned(), device: file.dev(), number: file.ino() };
        Ok(Socket::Unix(listener, Some(own)))
    };
    made().map_err(|error: io::Error| {
        let _ = fs::remove_file(&temporary);
        format!("cannot make the socket {shown}: {error}")
    })
}

/// A name in the same directory that nobody else uses.
fn temporary(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    Some(path.with_file_name(format!(".{name}.{}", std::process::id())))
}

/// Refuses what is no socket, and the socket of a process that is alive.
fn check_unused(path: &Path) -> Result<(), String> {
    let shown = path.display();
    match fs::symlink_metadata(path) {
        Err(_) => Ok(()),
        Ok(file) if !file.file_type().is_socket() => Err(format!(
            "{shown} is there already, and is no socket; remove it, or write another path"
        )),
        Ok(_) => match UnixStream::connect(path) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Ok(_) | Err(_) => {
                Err(format!("another process listens on {shown}; stop it, or write another path"))
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn a_socket_is_made_whole_and_goes_with_its_owner() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let own = rustix::process::getegid().as_raw();
        let socket = make(&path, 0o620, Some(own)).unwrap();
        assert_eq!(mode(&path), 0o620);
        assert!(UnixStream::connect(&path).is_ok());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        let error = make(&path, 0o660, None).unwrap_err();
        assert!(error.contains("another process"), "{error}");
        assert!(UnixStream::connect(&path).is_ok());
        drop(socket);
        assert!(!path.exists());
    }

    #[test]
    fn what_a_dead_daemon_left_is_replaced_and_nothing_else_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        drop(UnixListener::bind(&path).unwrap());
        let first = make(&path, 0o660, None).unwrap();
        fs::rename(&path, directory.path().join("away")).unwrap();
        let second = make(&path, 0o660, None).unwrap();
        drop(first);
        assert!(UnixStream::connect(&path).is_ok());
        drop(second);
        fs::write(&path, "text").unwrap();
        assert!(make(&path, 0o660, None).unwrap_err().contains("no socket"));
        assert_eq!(fs::read(&path).unwrap(), b"text");
    }
}
