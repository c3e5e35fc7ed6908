//! Reading what a caller sends.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustix::io::Errno;
use tokio::io::{AsyncRead, ReadBuf};

use super::SessionEnd;

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

    /// Gives what is there to `take`, unless nothing will be any more.
    pub(super) fn poll_take(
        &mut self,
        context: &mut Context<'_>,
        take: impl FnOnce(&[u8]),
    ) -> Poll<Result<(), SessionEnd>> {
        let mut buffer = ReadBuf::new(&mut self.chunk);
        let read = ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer));
        let bytes = buffer.filled_mut();
        Poll::Ready(match read {
            Err(error) if !is_hang_up(&error) => {
                tracing::error!(%error, "requests cannot be read");
                Err(SessionEnd::InputFailed)
            }
            Ok(()) if !bytes.is_empty() => {
                take(bytes);
                // They held passwords.
                bytes.fill(0);
                Ok(())
            }
            Ok(()) | Err(_) => Err(SessionEnd::InputClosed),
        })
    }
}

/// Whether a failure only says that the other end was closed, as a terminal or a socket says it.
fn is_hang_up(error: &io::Error) -> bool {
    let errors = [Errno::IO, Errno::CONNRESET, Errno::PIPE];
    Errno::from_io_error(error).is_some_and(|error| errors.contains(&error))
}
