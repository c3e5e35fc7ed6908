//! The bytes of a server, cut into whole messages.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::directory::message::ber::{self, Malformed};
use crate::directory::message::{Envelope, LdapResult};
use crate::directory::session::error::SessionError;

/// Room for one read: most messages are far smaller.
const READ_SIZE: usize = 4096;

/// What has arrived of a server.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    buffer: Vec<u8>,
    taken: usize,
}

impl Incoming {
    /// Waits for more bytes.
    pub(super) async fn receive(
        &mut self,
        from: &mut (impl AsyncRead + Unpin),
    ) -> Result<(), SessionError> {
        self.buffer.drain(..std::mem::take(&mut self.taken));
        self.buffer.reserve(READ_SIZE);
        match from.read_buf(&mut self.buffer).await {
            Ok(0) => Err(SessionError::Closed),
            // Without TLS's own goodbye; nothing is lost, because messages know their length.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(SessionError::Closed),
            Ok(_) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The next message, if all of it is there.
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>, Malformed> {
        let rest = self.buffer.get(self.taken..).unwrap_or_default();
        let Some(message) = ber::message_length(rest)?.and_then(|length| rest.get(..length)) else {
            return Ok(None);
        };
        self.taken += message.len();
        Ok(Some(message))
    }

    /// Whether nothing has arrived behind the last message.
    pub(super) fn is_empty(&self) -> bool {
        self.taken == self.buffer.len()
    }
}

/// What a message without a request says: that the server ends the session (RFC 4511, section 4.4).
pub(super) fn disconnection(envelope: &Envelope<'_>) -> Result<SessionError, Malformed> {
    let LdapResult { code, text, .. } = envelope.result()?;
    Ok(SessionError::Disconnected(format!("result code {code}, {text:?}")))
}
