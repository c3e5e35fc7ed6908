//! Reading what a caller sends.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

/// A stream of requests.
pub(super) struct Input<R> {
    stream: R,
    chunk: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Input<R> {
    /// One read takes at most `size` bytes.
    pub(super) fn new(stream: R, size: usize) -> Self {
        Self { stream, chunk: vec![0; size] }
    }

    /// Gives what is there to `take`; `false` if nothing will be any more, for whatever reason: a
    /// terminal whose other end was closed cannot be read, a pipe gives 0 bytes.
    pub(super) fn poll_take(
        &mut self,
        context: &mut Context<'_>,
        take: impl FnOnce(&[u8]),
    ) -> Poll<bool> {
        let mut buffer = ReadBuf::new(&mut self.chunk);
        let read = ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer));
        let bytes = buffer.filled_mut();
        if read.is_err() || bytes.is_empty() {
            return Poll::Ready(false);
        }
        take(bytes);
        // They held passwords.
        bytes.fill(0);
        Poll::Ready(true)
    }
}
