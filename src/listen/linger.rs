//! The end of a connection whose last words are to be heard.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// How long a client has time to read the last words before the connection is cut.
const LINGER: Duration = Duration::from_secs(1);

/// Closes our side, and takes in what the client still sends: a socket that is closed with something
/// unread would take our last words from it.
pub(super) async fn linger(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let _ = stream.shutdown().await;
    let mut rest = vec![0; 4096];
    let read_out = async { while stream.read(&mut rest).await.is_ok_and(|length| length > 0) {} };
    let _ = timeout(LINGER, read_out).await;
}
