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
use rustix::termios::isatty;
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
        let is_terminal = isatty(&fd);
        match register(fd, interest) {
            Ok(fd) if is_terminal => Ok(Self::Asked(fd)),
            Ok(fd) => Ok(Self::Signalled(fd)),
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

/// Does an operation that takes flags if it need not wait, or fails with `EAGAIN`.
fn without_waiting<T>(
    fd: &OwnedFd,
    readiness: PollFlags,
    mut operation: impl FnMut(ReadWriteFlags) -> Result<T, Errno>,
) -> Result<T, Errno> {
    match retry_on_intr(|| operation(ReadWriteFlags::NOWAIT)) {
        // Terminals, and old kernels.
        Err(Errno::OPNOTSUPP) => {}
        done => return done,
    }
    let mut fds = [PollFd::new(fd, readiness)];
    match poll(&mut fds, Some(&Timespec::default())) {
        Ok(0) | Err(Errno::INTR) => Err(Errno::AGAIN),
        Ok(_) => retry_on_intr(|| operation(ReadWriteFlags::empty())),
        Err(error) => Err(error),
    }
}

/// Reads what is there, and says how much.
fn read(fd: &OwnedFd, buffer: &mut ReadBuf<'_>) -> Result<usize, Errno> {
    let length = without_waiting(fd, PollFlags::IN, |flags| {
        preadv2(fd, &mut [IoSliceMut::new(buffer.initialize_unfilled())], NO_OFFSET, flags)
    })?;
    buffer.advance(length);
    Ok(length)
}

/// Writes what there is room for, and says how much.
fn write(fd: &OwnedFd, bytes: &[u8]) -> Result<usize, Errno> {
    without_waiting(fd, PollFlags::OUT, |flags| {
        pwritev2(fd, &[IoSlice::new(bytes)], NO_OFFSET, flags)
    })
}

impl AsyncRead for Stdio {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Immediate(fd) => {
                let length =
                    retry_on_intr(|| rustix::io::read(&*fd, buffer.initialize_unfilled()))?;
                buffer.advance(length);
            }
            Self::Signalled(fd) => loop {
                let mut signal = ready!(fd.poll_read_ready(context))?;
                let room = buffer.remaining();
                match read(fd.get_ref(), buffer) {
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
                match read(fd.get_ref(), buffer) {
                    Err(Errno::AGAIN) => ready!(fd.poll_read_ready(context))?.clear_ready(),
                    Err(error) => return Poll::Ready(Err(error.into())),
                    Ok(_) => break,
                }
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
        let fd = match self.get_mut() {
            Self::Immediate(fd) => {
                return Poll::Ready(Ok(retry_on_intr(|| rustix::io::write(&*fd, bytes))?));
            }
            Self::Signalled(fd) | Self::Asked(fd) => fd,
        };
        loop {
            match write(fd.get_ref(), bytes) {
                Err(Errno::AGAIN) => ready!(fd.poll_write_ready(context))?.clear_ready(),
                written => return Poll::Ready(Ok(written?)),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
