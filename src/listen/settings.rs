//! What the configuration says about a listener.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::http::credentials::Credentials;
use crate::named::named;
use crate::protocol::http::reply::Status;
use crate::request::Verb;

/// So many connections has a listener at once, if nothing else is said.
pub const CONNECTIONS: usize = 256;

/// So many requests of a connection are worked on at once, if nothing else is said.
pub const WINDOW: usize = 64;

/// A native request is worked on for so long, if nothing else is said.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(25);

/// Why users cannot be named, nor the mode of a file, where a port is listened on.
pub const NOT_OF_PORTS: &str = "this is for sockets: nobody can tell who connects to a port";

/// The name by which systemd's descriptors are asked for in place of a path.
pub const SYSTEMD: &str = "systemd:";

/// What the configuration says about a listener.
#[derive(Clone, Debug)]
pub struct ListenerSettings {
    /// Its name, for logs and people.
    pub name: String,
    /// Where it listens.
    pub address: ListenAddress,
    /// What is spoken there.
    pub kind: ListenerKind,
    /// How many connections it has at once.
    pub max_connections: usize,
    /// Who may ask what.
    pub terms: ListenerTerms,
}

/// Where a listener is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// A socket that the daemon makes.
    Unix {
        /// Where.
        path: PathBuf,
        /// Who may connect, as of a file.
        mode: u32,
        /// The group that it is given to.
        group: Option<u32>,
    },
    /// The descriptor of this name, which systemd passes.
    Systemd(String),
    /// A port of this machine.
    Tcp(SocketAddr),
}

named! {
    /// What is spoken on a listener.
    pub enum ListenerKind {
        /// The native protocol.
        Native = "native",
        /// The questions of mod_auth_http and MongooseIM.
        Http = "http",
        /// The questions of Prometheus.
        Metrics = "metrics",
        /// Questions and orders of an administrator.
        Control = "control",
    }
}

/// Who may ask what through a listener, and how long it may take.
#[derive(Clone, Debug)]
pub struct ListenerTerms {
    /// The users whose processes may connect; `None` for all that the socket's mode lets in.
    pub users: Option<Vec<u32>>,
    /// What may be asked.
    pub verbs: Vec<Verb>,
    /// About whose users, in lower case; `None` for all domains that are served.
    pub domains: Option<Vec<String>>,
    /// Work on a request ends this long after its last byte was read.
    pub answer_within: Duration,
    /// How many requests of a connection are worked on at once.
    pub window: usize,
    /// What holds for HTTP alone.
    pub http: HttpTerms,
}

/// What holds for HTTP alone.
#[derive(Clone, Debug)]
pub struct HttpTerms {
    /// Who may ask.
    pub credentials: Credentials,
    /// The status of "cannot tell".
    pub unavailable: Status,
}

impl Default for HttpTerms {
    /// Nobody may ask.
    fn default() -> Self {
        Self { credentials: Credentials::default(), unavailable: Status::BadRequest }
    }
}

impl ListenerSettings {
    /// A listener of which nothing else is said.
    pub fn plain(name: &str, address: ListenAddress, kind: ListenerKind) -> Self {
        let terms = ListenerTerms::default();
        Self { name: name.to_owned(), address, kind, max_connections: CONNECTIONS, terms }
    }

    /// Whether both are the same but for their terms, which can change while it listens.
    pub fn is_same_place(&self, other: &Self) -> bool {
        let Self { name, address, kind, max_connections, terms: _ } = other;
        (&self.name, &self.address, self.kind) == (name, address, *kind)
            && self.max_connections == *max_connections
    }
}

impl Default for ListenerTerms {
    fn default() -> Self {
        Self {
            users: None,
            verbs: vec![Verb::Auth, Verb::IsUser],
            domains: None,
            answer_within: ANSWER_WITHIN,
            window: WINDOW,
            http: HttpTerms::default(),
        }
    }
}

impl ListenAddress {
    /// Whether no two listeners can be at these.
    pub fn excludes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unix { path, .. }, Self::Unix { path: other, .. }) => path == other,
            // Any free one is meant by 0.
            (Self::Tcp(address), Self::Tcp(other)) => address.port() != 0 && address == other,
            _ => false,
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix { path, .. } => path.display().fmt(f),
            Self::Systemd(name) => write!(f, "{SYSTEMD}{name}"),
            Self::Tcp(address) => address.fmt(f),
        }
    }
}

impl ListenerKind {
    /// Whether this can be spoken on a port. The error says why not: any user of this machine can
    /// connect, and whoever could listen on the way from another one would read passwords.
    pub fn check_port(self, address: SocketAddr) -> Result<(), &'static str> {
        if matches!(self, Self::Native | Self::Control) {
            Err("a port has no users and no mode: write the whole path of a socket, from / on")
        } else if address.ip().to_canonical().is_loopback() {
            Ok(())
        } else {
            Err("only this machine may connect: write 127.0.0.1 or [::1]")
        }
    }
}
