//! The sockets that a daemon listens on: its own, and those that systemd made for it.

use std::fs::{self, File};
use std::io;
use std::iter::repeat_with;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use listenfd::ListenFd;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use socket2::{Domain, SockAddr, SockRef, Type};

use super::settings::{ListenAddress, ListenerSettings, NOT_OF_PORTS};

/// How long another process may take that makes a socket in the same directory. Any user can lock
/// that, so that nobody is kept from starting by it.
const TURN: Duration = Duration::from_secs(2);

/// How soon it is tried again.
const TURN_PAUSE: Duration = Duration::from_millis(10);

/// How many more names are tried where others have taken the first.
const TRIES: usize = 64;

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
    /// error says which descriptor is no socket that listens.
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
            if !socket.listens() {
                return Err(format!(
                    "what systemd passed as {name:?} is a connection; leave Accept=yes out of its unit"
                ));
            }
            sockets.push((name.to_owned(), socket));
        }
        Ok(Self(sockets))
    }

    /// The names of those that nobody has claimed.
    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(|(name, _)| name.clone()).collect()
    }

    /// All of this name, once: a unit can have several addresses.
    fn claim(&mut self, name: &str) -> Vec<Socket> {
        self.0.extract_if(.., |(passed, _)| passed == name).map(|(_, socket)| socket).collect()
    }
}

impl Socket {
    fn listens(&self) -> bool {
        let socket = match self {
            Self::Unix(listener, _) => SockRef::from(listener),
            Self::Tcp(listener) => SockRef::from(listener),
        };
        socket.is_listener().unwrap_or(false)
    }
}

/// Listens where a listener is to be. The error says why that cannot be.
pub fn listen(settings: &ListenerSettings, passed: &mut Passed) -> Result<Vec<Socket>, String> {
    match &settings.address {
        ListenAddress::Unix { path, mode, group } => Ok(vec![make(path, *mode, *group)?]),
        ListenAddress::Systemd(name) => {
            let sockets = passed.claim(name);
            if sockets.is_empty() {
                return Err(format!(
                    "systemd passed no socket of this name; write FileDescriptorName={name} in its unit"
                ));
            }
            sockets.iter().try_for_each(|socket| check_passed(settings, socket))?;
            Ok(sockets)
        }
        ListenAddress::Tcp(address) => Ok(vec![listen_on_port(*address)?]),
    }
}

/// What a unit says of a port is held to what the configuration may say of one.
fn check_passed(settings: &ListenerSettings, socket: &Socket) -> Result<(), String> {
    let Socket::Tcp(listener) = socket else { return Ok(()) };
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let checked = settings.kind.check_port(address);
    checked.map_err(|text| format!("systemd passed the port {address}: {text}"))?;
    match settings.terms.users {
        Some(_) => Err(format!("systemd passed the port {address}; users: {NOT_OF_PORTS}")),
        None => Ok(()),
    }
}

fn listen_on_port(address: SocketAddr) -> Result<Socket, String> {
    let listener = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    listener.map(Socket::Tcp).map_err(|error| format!("cannot listen on {address}: {error}"))
}

/// Makes a socket under another name, listens when it is as it should be, because nobody can connect
/// before, and gives it its own name then.
fn make(path: &Path, mode: u32, group: Option<u32>) -> Result<Socket, String> {
    let shown = path.display();
    let _turn = turn(path);
    check_unused(path)?;
    let problem = |error| format!("cannot make the socket {shown}: {error}");
    let (socket, temporary) = bind_beside(path).map_err(problem)?;
    let made = || {
        // The group first, because giving a file away can take bits from its mode.
        if let Some(group) = group {
            chown(&temporary, None, Some(group)).map_err(|error| not_given(group, &error))?;
        }
        fs::set_permissions(&temporary, fs::Permissions::from_mode(mode))?;
        // As many as the system lets wait.
        socket.listen(i32::MAX)?;
        let file = fs::symlink_metadata(&temporary)?;
        fs::rename(&temporary, path)?;
        let own = OwnFile { path: path.to_owned(), device: file.dev(), number: file.ino() };
        Ok(Socket::Unix(OwnedFd::from(socket).into(), Some(own)))
    };
    made().map_err(|error| {
        let _ = fs::remove_file(&temporary);
        problem(error)
    })
}

/// A socket in the same directory that does not listen yet, under a name that nobody else uses. It is as
/// long as the socket's own, so that there is one where that can be bound, and none where it cannot.
fn bind_beside(path: &Path) -> io::Result<(socket2::Socket, PathBuf)> {
    let length = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?.len();
    let mut tries = 0;
    loop {
        let name: String = repeat_with(fastrand::alphanumeric).take(length).collect();
        let temporary = path.with_file_name(name);
        let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        match socket.bind(&SockAddr::unix(&temporary)?) {
            Ok(()) => return Ok((socket, temporary)),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries < TRIES => tries += 1,
            Err(error) => return Err(error),
        }
    }
}

/// Why a file cannot be given to a group, and what to do.
fn not_given(group: u32, error: &io::Error) -> io::Error {
    let text = format!(
        "it cannot be given to the group {group}: {error}; the daemon's user must be in it: write SupplementaryGroups= into the daemon's unit, or let systemd make the socket"
    );
    io::Error::new(error.kind(), text)
}

/// Lets daemons that are started at once make their sockets one after another: each is to see those
/// of the others, and to take none of them away.
fn turn(path: &Path) -> Option<File> {
    let directory = File::open(path.parent()?).ok()?;
    let started = Instant::now();
    while let Err(error) = flock(&directory, FlockOperation::NonBlockingLockExclusive) {
        if error != Errno::WOULDBLOCK || started.elapsed() >= TURN {
            return None;
        }
        sleep(TURN_PAUSE);
    }
    Some(directory)
}

/// Refuses what is no socket, and the socket of a process that is alive.
fn check_unused(path: &Path) -> Result<(), String> {
    let shown = path.display();
    match fs::symlink_metadata(path) {
        Err(_) => Ok(()),
        Ok(file) if !file.file_type().is_socket() => Err(format!(
            "{shown} is there already, and is no socket; remove it, or write another path"
        )),
        Ok(_) if is_left_over(path) => Ok(()),
        Ok(_) => Err(format!("another process listens on {shown}; stop it, or write another path")),
    }
}

/// Whether nobody listens on a socket. Whoever is too busy to be connected to at once is there.
fn is_left_over(path: &Path) -> bool {
    let connect = || {
        let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.connect(&SockAddr::unix(path)?)
    };
    connect().is_err_and(|error: io::Error| {
        matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound)
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

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
    fn a_name_may_be_as_long_as_that_of_a_socket_can_be() {
        let directory = tempfile::tempdir().unwrap();
        for length in [1, 2, 107 - 1 - directory.path().as_os_str().len()] {
            let path = directory.path().join("s".repeat(length));
            let _socket = make(&path, 0o660, None).unwrap();
            assert!(UnixStream::connect(&path).is_ok());
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        let path = directory.path().join("s".repeat(108 - 1 - directory.path().as_os_str().len()));
        assert!(make(&path, 0o660, None).unwrap_err().contains("cannot make the socket"));
        assert!(make(Path::new("/"), 0o660, None).is_err());
    }

    /// Whoever could connect before the mode is set would be served for ever.
    #[test]
    fn a_socket_listens_only_when_it_is_as_it_should_be() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let (socket, temporary) = bind_beside(&path).unwrap();
        assert!(UnixStream::connect(&temporary).is_err() && !socket.is_listener().unwrap());
        assert_eq!(temporary.parent(), path.parent());
    }

    #[test]
    fn a_socket_whose_backlog_is_full_is_in_use() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let listener = socket2::Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        listener.bind(&SockAddr::unix(&path).unwrap()).unwrap();
        listener.listen(0).unwrap();
        let client = || {
            let client = socket2::Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
            client.set_nonblocking(true).unwrap();
            client.connect(&SockAddr::unix(&path).unwrap()).map(|()| client)
        };
        let waiting: Vec<_> = std::iter::from_fn(|| client().ok()).collect();
        assert!(!waiting.is_empty());
        assert!(make(&path, 0o660, None).unwrap_err().contains("another process"));
    }

    #[test]
    fn of_those_who_make_a_socket_at_once_one_has_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let barrier = std::sync::Barrier::new(8);
        for _ in 0..20 {
            let made = std::thread::scope(|scope| {
                let make = || {
                    barrier.wait();
                    make(&path, 0o660, None)
                };
                let threads = [(); 8].map(|()| scope.spawn(make));
                threads.map(|thread| thread.join().unwrap())
            });
            assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 1, "{made:?}");
            assert!(UnixStream::connect(&path).is_ok());
        }
    }

    #[test]
    fn whoever_holds_a_directory_keeps_nobody_from_listening() {
        let directory = tempfile::tempdir().unwrap();
        let held = File::open(directory.path()).unwrap();
        flock(&held, FlockOperation::LockExclusive).unwrap();
        assert!(make(&directory.path().join("socket"), 0o660, None).is_ok());
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
