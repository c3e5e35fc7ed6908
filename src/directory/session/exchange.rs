//! One request and its response on a stream that carries nothing else meanwhile: what comes before a
//! stream is shared.

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use crate::directory::message::{Envelope, LdapResult, Operation, Response};
use crate::directory::session::error::SessionError;
use crate::directory::session::incoming::{Incoming, IncomingMessage, disconnection};

/// Makes a request that has one response, and reads that.
///
/// Anything that comes behind the response is an error: somebody on the path would have put it there.
pub(in crate::directory) async fn exchange(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    id: u32,
    operation: &Operation<'_>,
) -> Result<LdapResult, SessionError> {
    stream.write_all(&operation.message(id, &[])).await?;
    stream.flush().await?;
    let mut incoming = Incoming::default();
    loop {
        incoming.receive(stream).await?;
        let message = match incoming.next()? {
            None => continue,
            Some(IncomingMessage::Whole(message)) => message,
            Some(IncomingMessage::Oversized { .. }) => return Err(SessionError::TOO_LARGE),
        };
        let envelope = Envelope::open(message)?;
        if envelope.id == 0 {
            return Err(disconnection(&envelope)?);
        }
        if envelope.id != id || !envelope.answers(operation.tag()) {
            return Err(SessionError::Malformed("a response to another request"));
        }
        let Response::End(result) = envelope.response()? else {
            return Err(SessionError::Malformed("a response that does not end the operation"));
        };
        return if incoming.is_empty() {
            Ok(result)
        } else {
            Err(SessionError::Malformed("bytes behind the answer"))
        };
    }
}
