//! A stream between two processes of this machine, of which neither is woken because the other one has
//! read: the runtime's own streams always wait for room as well, and each reader makes some.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::buffer::spare_capacity;
use rustix::io::{Errno, read, retry_on_intr, write};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::UnixStream;

use crate::stdio::register;

/// One end of a connected stream.
#[derive(Debug)]
pub struct LocalStream(AsyncFd<OwnedFd>);

impl LocalStream {
    /// Takes over a stream that never blocks. Must be called within the runtime.
    pub fn new(stream: impl Into<OwnedFd>) -> io::Result<Self> {
        Ok(Self(register(stream.into(), Interest::READABLE)?))
    }

    /// Reads what there is to the end of `room`, as much as it has capacity for. Cancel-safe.
    pub async fn read(&self, room: &mut Vec<u8>) -> io::Result<usize> {
        loop {
            let mut ready = self.0.readable().await?;
            let most = room.capacity() - room.len();
            match retry_on_intr(|| read(&self.0, spare_capacity(room))) {
                Err(Errno::AGAIN) => ready.clear_ready(),
                Err(error) => return Err(error.into()),
                Ok(length) => {
                    // All was taken, so that the next bytes will be signalled anew.
                    if 0 < length && length < most {
                        ready.clear_ready();
                    }
                    return Ok(length);
                }
            }
        }
    }

    /// Writes what there is room for, and fails with [`io::ErrorKind::WouldBlock`] where there is none.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        Ok(retry_on_intr(|| write(&self.0, bytes))?)
    }

    /// Writes what there is room for, when there is some. Cancel-safe.
    pub async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.has_room().await?,
                written => return written,
            }
        }
    }

    /// Waits for room to write. Cancel-safe.
    pub async fn has_room(&self) -> io::Result<()> {
        let waiting = register(self.0.as_fd().try_clone_to_owned()?, Interest::WRITABLE)?;
        waiting.writable().await?.retain_ready();
        Ok(())
    }

    /// The same as a stream of the runtime.
    pub fn into_stream(self) -> io::Result<UnixStream> {
        UnixStream::from_std(self.0.into_inner().into())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    use std::thread;

    use super::*;

    fn pair() -> (LocalStream, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        (LocalStream::new(ours).unwrap(), theirs)
    }

    #[tokio::test]
    async fn what_does_not_fit_is_written_when_there_is_room() {
        let (ours, mut theirs) = pair();
        let sent: Vec<u8> = (0..2_000_000_u32).flat_map(u32::to_ne_bytes).collect();
        let reading = thread::spawn(move || {
            let mut received = Vec::new();
            theirs.read_to_end(&mut received).unwrap();
            received
        });
        let mut rest = sent.as_slice();
        while !rest.is_empty() {
            let written = ours.write(rest).await.unwrap();
            rest = rest.get(written..).unwrap();
        }
        drop(ours);
        assert!(reading.join().unwrap() == sent);
    }

    #[tokio::test]
    async fn everything_is_read_and_then_the_end() {
        let (ours, mut theirs) = pair();
        let writing = thread::spawn(move || theirs.write_all(&[b'x'; 300_000]).unwrap());
        let mut received = Vec::new();
        loop {
            received.reserve(1000);
            if ours.read(&mut received).await.unwrap() == 0 {
                break;
            }
        }
        assert_eq!(received.len(), 300_000);
        writing.join().unwrap();
        assert!(ours.write(b"x").await.is_err());
    }
}
