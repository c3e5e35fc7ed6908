//! Why there is no session with a server, and why one ends.

use std::io;
use std::sync::Arc;

use crate::directory::message::ber::Malformed;
use crate::directory::tls;
use crate::verdict::{Outage, Outcome};

/// What ends a session, or makes it unfit for use, before the answer came.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SessionError {
    /// One side closed the connection.
    #[error("the connection was closed")]
    Closed,
    /// The server closed the connection without a word.
    #[error("the server closed the connection before its first answer; {}", match .in_clear {
        true => "is this its port for ldaps://? Then write ldaps://; or does it refuse this host?",
        false => "does it want a client certificate, or refuse this host?",
    })]
    ClosedAtOnce {
        /// Whether it was in clear text.
        in_clear: bool,
    },
    /// The server said that it ends the session (RFC 4511, section 4.4.1), or will not begin it.
    #[error("the server ended the connection: {0}")]
    Disconnected(String),
    /// The transport failed.
    #[error("{0}")]
    Io(Arc<io::Error>),
    /// The server sent what no server may send here.
    #[error("{0}")]
    Malformed(&'static str),
    /// No answer came for so long that the server must be taken for dead.
    #[error("no answer came")]
    Silent,
}

impl SessionError {
    /// Whether the connection ended and nothing was said about why.
    pub(super) fn is_bare_end(&self) -> bool {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
        match self {
            Self::Closed => true,
            Self::Io(error) => {
                matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset)
            }
            _ => false,
        }
    }

    /// Whether the server ended the connection.
    pub(super) fn is_end(&self) -> bool {
        matches!(
            self,
            Self::Closed | Self::ClosedAtOnce { .. } | Self::Disconnected(_) | Self::Io(_)
        )
    }

    /// The outcome of a request that ends with this.
    pub fn outcome(&self, server: &Arc<str>) -> Outcome {
        let outage = match self {
            Self::Malformed(_) => Outage::BadReply,
            Self::Closed
            | Self::ClosedAtOnce { .. }
            | Self::Disconnected(_)
            | Self::Io(_)
            | Self::Silent => Outage::LostConnection,
        };
        Outcome::from(outage).from_server(server).with_detail(&self.to_string())
    }
}

impl From<io::Error> for SessionError {
    fn from(error: io::Error) -> Self {
        Self::Io(Arc::new(tls::explained(error)))
    }
}

impl From<Malformed> for SessionError {
    fn from(Malformed(what): Malformed) -> Self {
        Self::Malformed(what)
    }
}

/// Why there is no session: the fault of one server, or those of all that were tried.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ConnectError {
    /// No server can be reached, or none behaves as a server should.
    #[error("{0}")]
    Unreachable(String),
    /// The account was refused when it signed in while connecting.
    #[error("{text}")]
    Refused {
        /// Who refused it.
        by: Refuser,
        /// Whether the account was judged: then every server would come to the same, and another
        /// attempt may count against the account.
        is_judged: bool,
        /// The refuser's words, and what to do about it.
        text: String,
    },
}

/// Who refuses an account that signs in while connecting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refuser {
    /// The Kerberos key distribution center, before the server was asked.
    Kdc,
    /// The server.
    Server {
        /// The result code (RFC 4511, section 4.1.9).
        code: u32,
    },
}

impl ConnectError {
    /// Whether the account was judged, so that no other server is to be tried.
    pub fn is_judged(&self) -> bool {
        matches!(self, Self::Refused { is_judged: true, .. })
    }

    /// The same with another text.
    #[must_use]
    pub fn with_text(self, text: String) -> Self {
        match self {
            Self::Unreachable(_) => Self::Unreachable(text),
            Self::Refused { by, is_judged, .. } => Self::Refused { by, is_judged, text },
        }
    }
}

impl From<io::Error> for ConnectError {
    fn from(error: io::Error) -> Self {
        Self::Unreachable(error.to_string())
    }
}

impl From<SessionError> for ConnectError {
    fn from(error: SessionError) -> Self {
        Self::Unreachable(error.to_string())
    }
}
