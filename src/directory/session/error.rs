//! Why there is no session with a server, and why one ends.

use std::io;
use std::sync::Arc;

use crate::directory::diagnosis::Refusal;
use crate::directory::message::ber::MalformedMessage;
use crate::directory::tls;
use crate::observe::UNANSWERED;
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
    /// What was found for this request cannot be taken, and why not; the session goes on.
    #[error("{0}")]
    Unreadable(&'static str),
    /// No answer came for so long that the server must be taken for dead.
    #[error("{}", UNANSWERED)]
    Silent,
}

impl SessionError {
    /// The answer is larger than any that is wanted.
    pub(super) const TOO_LARGE: Self = Self::Unreadable(
        "the answer is larger than is taken of one request: messages of 8 MiB, 16 MiB and 100000 entries in all",
    );

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
            Self::Unreadable(_) => Outage::UnreadableEntry,
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

impl From<MalformedMessage> for SessionError {
    fn from(MalformedMessage(what): MalformedMessage) -> Self {
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
    #[error("{}", .0.text)]
    Refused(Refusal),
}

impl ConnectError {
    /// Whether the account was judged, so that no other server is to be tried.
    pub fn is_judged(&self) -> bool {
        matches!(self, Self::Refused(Refusal { is_judged: true, .. }))
    }

    /// The same with another text.
    #[must_use]
    pub fn with_text(self, text: String) -> Self {
        match self {
            Self::Unreachable(_) => Self::Unreachable(text),
            Self::Refused(refusal) => Self::Refused(Refusal { text, ..refusal }),
        }
    }

    /// The outcome of a request that ends with this.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Unreachable(text) => Outcome::from(Outage::NoServer).with_detail(text),
            Self::Refused(refusal) => refusal.outcome(),
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
