//! StartTLS (RFC 4511, section 4.14).

use tokio::io::{AsyncRead, AsyncWrite};

use crate::directory::message::{Operation, ResultFields};
use crate::directory::session::error::SessionError;
use crate::directory::session::exchange::exchange;
use crate::result_code;

/// Asks for TLS on a stream that has carried nothing yet.
///
/// Anything but success is an error, so that there is no way on in clear text.
pub(in crate::directory) async fn start_tls(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
) -> Result<(), SessionError> {
    let answer = exchange(stream, 1, &Operation::StartTls, |answer| match answer {
        ResultFields { code: result_code::SUCCESS, .. } => Ok(()),
        ResultFields { code, text, .. } => Err(SessionError::Disconnected(format!(
            "StartTLS refused: result code {code}, {text:?}"
        ))),
    });
    match answer.await {
        Err(SessionError::Closed) => Err(SessionError::Disconnected(
            "it did not answer StartTLS; is this its port for ldaps://?".to_owned(),
        )),
        answer => answer?,
    }
}
