//! An LDAP session (RFC 4511, section 2): one connection to a server.
//!
//! What can be asked on it is in `operations`, and how that is sent and received in [`multiplexer`].

pub mod error;
pub(in crate::directory) mod exchange;
mod farewell;
mod incoming;
pub mod multiplexer;
mod operations;
pub mod peculiarities;
pub mod record;
pub mod root_dse;
pub(in crate::directory) mod start_tls;
pub mod tally;

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::directory::session::multiplexer::Multiplexer;
use crate::directory::session::record::ServerRecord;
use crate::directory::session::root_dse::RootDse;
use crate::policy::guard::AnswerSignal;

/// An open session. Dropping it says goodbye and closes the socket.
#[derive(Debug)]
pub struct Session {
    multiplexer: Multiplexer,
    /// The server at the other end.
    pub server: Arc<str>,
    /// When it was opened.
    pub opened: Instant,
    /// Whether nobody on the way can read it.
    pub is_private: bool,
    root_dse: OnceCell<Arc<RootDse>>,
    record: Arc<ServerRecord>,
}

impl Session {
    /// A session over a stream on which no LDAP is outstanding; `is_private` says whether nobody on
    /// the way can read it, and `record` is what is remembered of the server.
    pub(in crate::directory) fn over<S>(
        stream: S,
        server: &Arc<str>,
        is_private: bool,
        record: Arc<ServerRecord>,
    ) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        Self {
            multiplexer: Multiplexer::over(stream, server, !is_private),
            server: Arc::clone(server),
            opened: Instant::now(),
            is_private,
            root_dse: OnceCell::new(),
            record,
        }
    }

    /// What tells when the server goes on after it left something unanswered.
    pub(in crate::directory) fn answer_signal(&self) -> &Arc<AnswerSignal> {
        &self.record.answer_signal
    }

    /// Whether it is known to have ended.
    pub fn is_closed(&self) -> bool {
        self.multiplexer.is_closed()
    }
}
