//! Standard input and output without helper threads.
//!
//! The descriptors are not switched to non-blocking mode, because that would change them for every
//! process that shares them. Instead each read and write says that it must not wait (preadv2(2) with
//! `RWF_NOWAIT`), or where the kernel cannot do that is preceded by a poll(2).

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ReadWriteFlags, preadv2, pwritev2, retry_on_intr};
use tokio::io::unix::{AsyncFd, AsyncFdRegisterError};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};

/// Stands for the stream's own position, which pipes, sockets and terminals do not have.
const NO_OFFSET: u64 = u64::MAX;

/// One of the standard streams.
#[derive(Debug)]
pub enum Stdio {
    /// A pipe or a socket: the reactor tells when it is ready.
    Signalled(AsyncFd<OwnedFd>),
    /// A terminal: the kernel is asked each time, because the reactor's knowledge is a turn old, and
    /// the last look before a reply must see what is there.
    Asked(AsyncFd<OwnedFd>),
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
        let can_signal = can_refuse_to_wait(&fd);
        match register(fd, interest) {
            Ok(fd) if can_signal => Ok(Self::Signalled(fd)),
            Ok(fd) => Ok(Self::Asked(fd)),
            Err(error) => {
                let (fd, cause) = error.into_parts();
                match cause.kind() {
                    io::ErrorKind::PermissionDenied => Ok(Self::Immediate(fd)),
                    _ => Err(cause),
                }
            }
        }
    }
}

/// Whether the kernel knows `RWF_NOWAIT` for this kind of stream; a read of nothing tells.
fn can_refuse_to_wait(fd: &OwnedFd) -> bool {
    let known = preadv2(fd, &mut [IoSliceMut::new(&mut [])], NO_OFFSET, ReadWriteFlags::NOWAIT);
    let known = known.map(drop).or_else(|error| match error {
        // The write end of a pipe.
        Errno::BADF => {
            pwritev2(fd, &[IoSlice::new(&[])], NO_OFFSET, ReadWriteFlags::NOWAIT).map(drop)
        }
        other => Err(other),
    });
    matches!(known, Ok(()) | Err(Errno::AGAIN))
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
        Err(Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Reads what is there. How much of the buffer was filled, or that one would have to wait.
fn read(fd: &OwnedFd, buffer: &mut ReadBuf<'_>, flags: ReadWriteFlags) -> Result<usize, Errno> {
    let length = retry_on_intr(|| {
        preadv2(fd, &mut [IoSliceMut::new(buffer.initialize_unfilled())], NO_OFFSET, flags)
    })?;
    buffer.advance(length);
    Ok(length)
}

fn write(fd: &OwnedFd, bytes: &[u8], flags: ReadWriteFlags) -> Result<usize, Errno> {
    retry_on_intr(|| pwritev2(fd, &[IoSlice::new(bytes)], NO_OFFSET, flags))
}

impl AsyncRead for Stdio {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Immediate(fd) => {
                read(fd, buffer, ReadWriteFlags::empty())?;
            }
            Self::Signalled(fd) => loop {
                let mut signal = ready!(fd.poll_read_ready(context))?;
                let room = buffer.remaining();
                match read(fd.get_ref(), buffer, ReadWriteFlags::NOWAIT) {
                    Err(Errno::AGAIN) => signal.clear_ready(),
                    Err(error) => return Poll::Ready(Err(error.into())),
                    Ok(length) => {
                        // It was drained, so that the next bytes will be signalled anew.
                        if 0 < length && length < room {
                            signal.clear_ready();
                        }
                        break;
                    }
                }
            },
            Self::Asked(fd) => loop {
                if is_ready(fd.get_ref(), PollFlags::IN)? {
                    read(fd.get_ref(), buffer, ReadWriteFlags::empty())?;
                    break;
                }
                ready!(fd.poll_read_ready(context))?.clear_ready();
            },
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stdio {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = match self.get_mut() {
            Self::Immediate(fd) => write(fd, bytes, ReadWriteFlags::empty())?,
            Self::Signalled(fd) => loop {
                match write(fd.get_ref(), bytes, ReadWriteFlags::NOWAIT) {
                    Err(Errno::AGAIN) => ready!(fd.poll_write_ready(context))?.clear_ready(),
                    written => break written?,
                }
            },
            Self::Asked(fd) => loop {
                if is_ready(fd.get_ref(), PollFlags::OUT)? {
                    break write(fd.get_ref(), bytes, ReadWriteFlags::empty())?;
                }
                ready!(fd.poll_write_ready(context))?.clear_ready();
            },
        };
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
