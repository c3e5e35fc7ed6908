//! The standard streams without helper threads.
//!
//! The descriptors are not switched to non-blocking mode, because that would change them for every
//! process that shares them. Instead each read and write says that it must not wait (preadv2(2) with
//! `RWF_NOWAIT`), or where the kernel cannot do that is preceded by a poll(2).

use std::cell::RefCell;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ReadWriteFlags, preadv2, pwritev2, retry_on_intr};
use rustix::termios::isatty;
use tokio::io::unix::{AsyncFd, AsyncFdRegisterError};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};

/// Up to so many bytes are written to a pipe together, or not at all (pipe(7)).
pub const PIPE_BUF: usize = 4096;

/// Stands for the stream's own position, which pipes, sockets and terminals do not have.
const NO_OFFSET: u64 = u64::MAX;

/// One of the standard streams.
#[derive(Debug)]
pub enum Stdio {
    /// A pipe or a socket: the reactor tells when it is ready.
    Stream(AsyncFd<OwnedFd>),
    /// A terminal: the kernel is asked each time, because the reactor's knowledge is a turn old, and
    /// the last look before a reply must see what is there.
    Terminal(AsyncFd<OwnedFd>),
    /// A file or `/dev/null`: always ready, and unknown to epoll.
    File(OwnedFd),
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
            Ok(fd) if is_terminal => Ok(Self::Terminal(fd)),
            Ok(fd) => Ok(Self::Stream(fd)),
            Err(error) => {
                let (fd, cause) = error.into_parts();
                match cause.kind() {
                    io::ErrorKind::PermissionDenied => Ok(Self::File(fd)),
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

/// Lets the reactor tell when a descriptor is ready. Must be called within the runtime.
#[expect(
    deprecated,
    reason = "its successor is unsafe for the sake of types that may change their descriptor; OwnedFd never does"
)]
pub fn register(
    fd: OwnedFd,
    interest: Interest,
) -> Result<AsyncFd<OwnedFd>, AsyncFdRegisterError<OwnedFd>> {
    AsyncFd::try_with_interest(fd, interest)
}

/// Does an operation if it need not wait, or fails with `EAGAIN`: `at_once` says so to the kernel;
/// where that cannot be said, it is `plain` after a look.
fn without_waiting<T>(
    fd: impl AsFd,
    readiness: PollFlags,
    at_once: impl FnMut() -> Result<T, Errno>,
    plain: impl FnMut() -> Result<T, Errno>,
) -> Result<T, Errno> {
    // Terminals, old kernels and sandboxes deny the call, by any of their errors. What is wrong with
    // the stream itself will be seen again.
    if let done @ (Ok(_) | Err(Errno::AGAIN)) = retry_on_intr(at_once) {
        return done;
    }
    let mut fds = [PollFd::new(&fd, readiness)];
    match poll(&mut fds, Some(&Timespec::default())) {
        Ok(0) | Err(Errno::INTR) => Err(Errno::AGAIN),
        Ok(_) => retry_on_intr(plain),
        Err(error) => Err(error),
    }
}

/// Reads what is there, and says how much.
fn read_now(fd: &OwnedFd, buffer: &mut ReadBuf<'_>) -> Result<usize, Errno> {
    let unfilled = RefCell::new(buffer.initialize_unfilled());
    let length = without_waiting(
        fd,
        PollFlags::IN,
        || {
            let mut room = unfilled.borrow_mut();
            preadv2(fd, &mut [IoSliceMut::new(&mut room)], NO_OFFSET, ReadWriteFlags::NOWAIT)
        },
        || rustix::io::read(fd, &mut **unfilled.borrow_mut()),
    )?;
    buffer.advance(length);
    Ok(length)
}

/// Writes what there is room for on a pipe, a socket or a terminal, and says how much; `EAGAIN` if
/// there is no room.
pub fn write_now(fd: impl AsFd, bytes: &[u8]) -> Result<usize, Errno> {
    // poll(2) promises no more room than this in a pipe.
    let promised = bytes.get(..PIPE_BUF).unwrap_or(bytes);
    without_waiting(
        &fd,
        PollFlags::OUT,
        || pwritev2(&fd, &[IoSlice::new(bytes)], NO_OFFSET, ReadWriteFlags::NOWAIT),
        || rustix::io::write(&fd, promised),
    )
}

impl AsyncRead for Stdio {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::File(fd) => {
                let length =
                    retry_on_intr(|| rustix::io::read(&*fd, buffer.initialize_unfilled()))?;
                buffer.advance(length);
            }
            Self::Stream(fd) => loop {
                let mut signal = ready!(fd.poll_read_ready(context))?;
                let room = buffer.remaining();
                match read_now(fd.get_ref(), buffer) {
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
            Self::Terminal(fd) => loop {
                match read_now(fd.get_ref(), buffer) {
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
            Self::File(fd) => {
                return Poll::Ready(Ok(retry_on_intr(|| rustix::io::write(&*fd, bytes))?));
            }
            Self::Stream(fd) | Self::Terminal(fd) => fd,
        };
        loop {
            match write_now(fd.get_ref(), bytes) {
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

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn whatever_error_denies_a_system_call_the_other_ones_do() {
        let (mut reader, writer) = io::pipe().unwrap();
        let try_write = |denied: Errno| {
            without_waiting(
                &writer,
                PollFlags::OUT,
                || Err(denied),
                || rustix::io::write(&writer, b"x"),
            )
        };
        for denied in [Errno::NOSYS, Errno::PERM, Errno::ACCESS, Errno::INVAL, Errno::OPNOTSUPP] {
            assert_eq!(try_write(denied), Ok(1), "{denied}");
        }
        assert_eq!(try_write(Errno::AGAIN), Err(Errno::AGAIN));
        let mut read = [0; 8];
        assert_eq!(reader.read(&mut read).unwrap(), 5);
        let never = || -> Result<usize, Errno> { unreachable!() };
        let empty = without_waiting(&reader, PollFlags::IN, || Err(Errno::PERM), never);
        assert_eq!(empty, Err(Errno::AGAIN));
        drop(reader);
        assert_eq!(try_write(Errno::PIPE), Err(Errno::PIPE));
    }

    #[test]
    fn a_full_pipe_takes_what_it_has_room_for_and_nobody_waits() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut room = 0;
        let refused = loop {
            match write_now(&writer, &[b'x'; 1000]) {
                Ok(written) => room += written,
                Err(error) => break error,
            }
        };
        assert_eq!(refused, Errno::AGAIN);
        drop(writer);
        let mut taken = Vec::new();
        reader.read_to_end(&mut taken).unwrap();
        assert_eq!(taken.len(), room);
    }
}
