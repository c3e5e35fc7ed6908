//! StartTLS (RFC 4511, section 4.14).

use tokio::io::{AsyncRead, AsyncWrite};

use crate::directory::diagnosis::of_start_tls;
use crate::directory::message::{LdapResult, Operation};
use crate::directory::session::error::{ConnectError, SessionError};
use crate::directory::session::exchange::exchange;
use crate::result_code::SUCCESS;

/// Asks for TLS on a stream that has carried nothing yet.
///
/// Anything but success is an error, so that there is no way on in clear text.
pub(in crate::directory) async fn start_tls(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
) -> Result<(), ConnectError> {
    match exchange(stream, 1, &Operation::StartTls).await {
        Ok(LdapResult { code: SUCCESS, .. }) => Ok(()),
        Ok(refusal) => Err(ConnectError::Unreachable(of_start_tls(&refusal))),
        Err(SessionError::Closed | SessionError::Io(_)) => Err(ConnectError::Unreachable(
            "it did not answer StartTLS; is this its port for ldaps://? Then write ldaps:// without start_tls".to_owned(),
        )),
        Err(error) => Err(error.into()),
    }
}
