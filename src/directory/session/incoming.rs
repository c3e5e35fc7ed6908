//! The bytes of a server, cut into whole messages.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::directory::message::ber::{self, MalformedMessage, OversizedMessage};
use crate::directory::message::{Envelope, LdapResult};
use crate::directory::session::error::SessionError;

/// Room for one read: most messages are far smaller.
const READ_SIZE: usize = 4096;

/// What has arrived of a server.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    buffer: Vec<u8>,
    taken: usize,
    /// How much is still to come of a message that is read over.
    to_skip: usize,
}

/// A whole message, or that one is there which nobody can take.
#[derive(Debug)]
pub(super) enum IncomingMessage<'a> {
    Whole(&'a [u8]),
    Oversized {
        /// Its message ID.
        id: u32,
    },
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

    /// The next message, if all of it is there, or so much of a longer one that it can be told whose it
    /// is.
    pub(super) fn next(&mut self) -> Result<Option<IncomingMessage<'_>>, MalformedMessage> {
        let arrived = self.buffer.len() - self.taken;
        let skipped = self.to_skip.min(arrived);
        self.taken += skipped;
        self.to_skip -= skipped;
        let rest = self.buffer.get(self.taken..).unwrap_or_default();
        if let Some(OversizedMessage { length, id }) = ber::too_long(rest) {
            if id.is_some() {
                self.to_skip = length;
            }
            return Ok(id.map(|id| IncomingMessage::Oversized { id }));
        }
        let Some(message) = ber::message_length(rest)?.and_then(|length| rest.get(..length)) else {
            return Ok(None);
        };
        self.taken += message.len();
        Ok(Some(IncomingMessage::Whole(message)))
    }

    /// Whether nothing has arrived behind the last message.
    pub(super) fn is_empty(&self) -> bool {
        self.taken == self.buffer.len()
    }
}

/// What a message without a request says: that the server ends the session (RFC 4511, section 4.4).
pub(super) fn disconnection(envelope: &Envelope<'_>) -> Result<SessionError, MalformedMessage> {
    let LdapResult { code, text, .. } = envelope.result()?;
    Ok(SessionError::Disconnected(format!("result code {code}, {text:?}")))
}
