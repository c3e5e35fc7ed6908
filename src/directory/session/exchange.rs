//! One request and its response on a stream that carries nothing else meanwhile: what comes before a
//! stream is shared.

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use crate::directory::message::{Envelope, Operation, ResultFields};
use crate::directory::session::error::SessionError;
use crate::directory::session::incoming::{Incoming, disconnection};

/// Makes a request that has one response, and reads what that ended with.
///
/// Anything that comes behind the response is an error: somebody on the path would have put it there.
pub(in crate::directory) async fn exchange<T>(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    id: u32,
    operation: &Operation<'_>,
    read: impl FnOnce(ResultFields<'_>) -> T,
) -> Result<T, SessionError> {
    stream.write_all(&operation.message(id, &[])).await?;
    stream.flush().await?;
    let mut incoming = Incoming::default();
    loop {
        incoming.receive(stream).await?;
        let Some(message) = incoming.next()? else { continue };
        let envelope = Envelope::open(message)?;
        if envelope.id == 0 {
            return Err(disconnection(&envelope)?);
        }
        if envelope.id != id || !envelope.answers(operation.tag()) {
            return Err(SessionError::Malformed("a response to another request"));
        }
        envelope.response()?;
        let answer = read(envelope.result()?);
        return if incoming.is_empty() {
            Ok(answer)
        } else {
            Err(SessionError::Malformed("bytes behind the answer"))
        };
    }
}
