//! Standard input and output without helper threads.
//!
//! The descriptors are not switched to non-blocking mode, because that would change them for every
//! process that shares them. Instead each read and write is preceded by a poll(2).

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::io::unix::{AsyncFd, AsyncFdRegisterError};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};

/// One of the standard streams.
#[derive(Debug)]
pub enum Stdio {
    /// The reactor tells when it is ready.
    Polled(AsyncFd<OwnedFd>),
    /// A file or `/dev/null`: always ready, and unknown to epoll.
    Immediate(OwnedFd),
}

impl Stdio {
    /// Standard input. Must be called within the runtime.
    pub fn input() -> io::Result<Self> {
        Self::new(io::stdin().as_fd().try_clone_to_owned()?, Interest::READABLE)
    }

    /// Standard output. Must be called within the runtime.
    pub fn output() -> io::Result<Self> {
        Self::new(io::stdout().as_fd().try_clone_to_owned()?, Interest::WRITABLE)
    }

    fn new(fd: OwnedFd, interest: Interest) -> io::Result<Self> {
        register(fd, interest).map(Self::Polled).or_else(|error| {
            let (fd, cause) = error.into_parts();
            match cause.kind() {
                io::ErrorKind::PermissionDenied => Ok(Self::Immediate(fd)),
                _ => Err(cause),
            }
        })
    }
}

/// Resolves when nobody will read standard output any more; never for a file or a terminal.
pub async fn output_hung_up() {
    if let Ok(fd) = io::stdout().as_fd().try_clone_to_owned()
        && let Ok(output) = register(fd, Interest::ERROR)
        && output.ready(Interest::ERROR).await.is_ok()
    {
        return;
    }
    std::future::pending().await
}

#[expect(
    deprecated,
    reason = "its successor is unsafe for the sake of types that may change their descriptor; OwnedFd never does"
)]
fn register(
    fd: OwnedFd,
    interest: Interest,
) -> Result<AsyncFd<OwnedFd>, AsyncFdRegisterError<OwnedFd>> {
    AsyncFd::try_with_interest(fd, interest)
}

/// Whether an operation would not block now.
fn is_ready(fd: &OwnedFd, flags: PollFlags) -> io::Result<bool> {
    let mut fds = [PollFd::new(fd, flags)];
    match poll(&mut fds, Some(&Timespec::default())) {
        Ok(ready) => Ok(ready > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

impl AsyncRead for Stdio {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = |fd: &OwnedFd, buffer: &mut ReadBuf<'_>| -> io::Result<()> {
            let length =
                rustix::io::retry_on_intr(|| rustix::io::read(fd, buffer.initialize_unfilled()))?;
            buffer.advance(length);
            Ok(())
        };
        match self.get_mut() {
            Self::Immediate(fd) => Poll::Ready(read(fd, buffer)),
            Self::Polled(fd) => loop {
                // Asked of the kernel and not of the reactor, whose knowledge is a turn old: the
                // last look before a reply must see what is there.
                if is_ready(fd.get_ref(), PollFlags::IN)? {
                    return Poll::Ready(read(fd.get_ref(), buffer));
                }
                ready!(fd.poll_read_ready(context))?.clear_ready();
            },
        }
    }
}

impl AsyncWrite for Stdio {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let write = |fd: &OwnedFd| Ok(rustix::io::retry_on_intr(|| rustix::io::write(fd, bytes))?);
        match self.get_mut() {
            Self::Immediate(fd) => Poll::Ready(write(fd)),
            Self::Polled(fd) => loop {
                if is_ready(fd.get_ref(), PollFlags::OUT)? {
                    return Poll::Ready(write(fd.get_ref()));
                }
                ready!(fd.poll_write_ready(context))?.clear_ready();
            },
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
