//! StartTLS (RFC 4511, section 4.14).

use tokio::io::{AsyncRead, AsyncWrite};

use crate::directory::diagnosis::of_start_tls;
use crate::directory::message::{Operation, ResultFields};
use crate::directory::session::error::{ConnectError, SessionError};
use crate::directory::session::exchange::exchange;
use crate::result_code::SUCCESS;

/// Asks for TLS on a stream that has carried nothing yet.
///
/// Anything but success is an error, so that there is no way on in clear text.
pub(in crate::directory) async fn start_tls(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
) -> Result<(), ConnectError> {
    let answer = exchange(stream, 1, &Operation::StartTls, |answer| match answer {
        ResultFields { code: SUCCESS, .. } => Ok(()),
        ResultFields { code, text, .. } => {
            Err(ConnectError::Unreachable(of_start_tls(code, &text)))
        }
    });
    match answer.await {
        Err(SessionError::Closed | SessionError::Io(_)) => Err(ConnectError::Unreachable(
            "it did not answer StartTLS; is this its port for ldaps://? Then write ldaps:// without start_tls".to_owned(),
        )),
        answer => answer?,
    }
}
