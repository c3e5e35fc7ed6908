//! The end of a session (RFC 4511, section 4.3): an UnbindRequest, and TLS's own goodbye behind it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// An UnbindRequest. Its message ID is the largest there is, which no other request had.
const UNBIND: &[u8] = b"\x30\x08\x02\x04\x7f\xff\xff\xff\x42\x00";

/// A stream that says goodbye when it is dropped, as far as it takes bytes at once: nobody waits for
/// a server that is left.
#[derive(Debug)]
pub(super) struct Farewell<S: AsyncWrite + Unpin>(pub(super) S);

impl<S: AsyncWrite + Unpin> Drop for Farewell<S> {
    fn drop(&mut self) {
        let mut stream = Pin::new(&mut self.0);
        let mut nobody = Context::from_waker(Waker::noop());
        if matches!(stream.as_mut().poll_write(&mut nobody, UNBIND), Poll::Ready(Ok(_))) {
            let _ = stream.as_mut().poll_flush(&mut nobody);
            let _ = stream.as_mut().poll_shutdown(&mut nobody);
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Farewell<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Farewell<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn a_stream_says_goodbye_and_waits_for_nobody() {
        let (stream, mut server) = duplex(64);
        drop(Farewell(stream));
        let mut heard = Vec::new();
        server.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, UNBIND);
        // Nobody reads, and there is no room for more.
        let (mut full, _server) = duplex(1);
        full.write_all(b"x").await.unwrap();
        drop(Farewell(full));
    }
}
