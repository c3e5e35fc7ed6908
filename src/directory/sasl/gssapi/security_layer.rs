//! The security layer: what is written is sealed, what is read is opened (RFC 4422, section 3.7).
//!
//! Each sealed message has its length in four bytes before it. The lengths come from whoever is at
//! the other end, so nothing is made room for before it has arrived.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::directory::message::ber::LARGEST_MESSAGE;

/// The largest sealed message that is taken: servers seal a whole LDAP message as one.
pub(super) const LARGEST: u32 = 0x80_1000;
const _: () = assert!(LARGEST_MESSAGE == 0x80_0000, "a whole LDAP message must fit when sealed");

/// What sealing may add: 16 bytes each of header, confounder and header copy, and a checksum (RFC
/// 4121, section 4.2.4).
const OVERHEAD: usize = 256;

/// As much as is sealed at once, however large a message the server would take.
const PORTION: usize = 64 << 10;

/// The bytes before a sealed message.
const LENGTH: usize = 4;

/// Room for one read.
const READ_SIZE: usize = 4096;

/// Seals or opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// From plain to sealed.
    Seal,
    /// From sealed to plain.
    Open,
}

/// Turns the bytes of one message into those of the other kind.
pub(super) type Cipher = Box<dyn FnMut(Direction, &[u8]) -> io::Result<Vec<u8>> + Send>;

/// A stream whose bytes are sealed on the way.
pub(super) struct SecurityLayer<S> {
    stream: S,
    cipher: Cipher,
    /// The largest sealed message that the server takes.
    largest: usize,
    /// Sealed bytes that were read and not opened yet.
    sealed: Vec<u8>,
    /// Opened bytes that nobody has taken yet.
    opened: Queue,
    /// Sealed bytes that are not written yet.
    outgoing: Queue,
}

impl<S> fmt::Debug for SecurityLayer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecurityLayer").finish_non_exhaustive()
    }
}

/// Bytes that are taken from the front.
#[derive(Default)]
struct Queue {
    bytes: Vec<u8>,
    taken: usize,
}

impl Queue {
    fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, taken: 0 }
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.taken..).unwrap_or_default()
    }

    fn take(&mut self, count: usize) {
        self.taken += count;
        if self.rest().is_empty() {
            *self = Self::default();
        }
    }
}

impl<S> SecurityLayer<S> {
    /// A layer over a stream whose next byte, in both directions, is sealed. The error says that
    /// the server takes messages of `largest` bytes only, which is too little to seal anything.
    pub(super) fn new(stream: S, cipher: Cipher, largest: usize) -> io::Result<Self> {
        if largest <= OVERHEAD {
            return Err(odd("the server takes no sealed messages of a useful size"));
        }
        Ok(Self {
            stream,
            cipher,
            largest,
            sealed: Vec::new(),
            opened: Queue::default(),
            outgoing: Queue::default(),
        })
    }

    /// Opens the message at the front of what was read, if it is whole.
    fn open_next(&mut self) -> io::Result<bool> {
        let Some((length, rest)) = self.sealed.split_first_chunk::<LENGTH>() else {
            return Ok(false);
        };
        let length = u32::from_be_bytes(*length);
        if length == 0 || length > LARGEST {
            return Err(odd("a sealed message of an odd length"));
        }
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let Some(message) = rest.get(..length) else { return Ok(false) };
        self.opened = Queue::new((self.cipher)(Direction::Open, message)?);
        self.sealed.drain(..LENGTH + length);
        Ok(true)
    }

    fn seal(&mut self, plain: &[u8]) -> io::Result<()> {
        let message = (self.cipher)(Direction::Seal, plain)?;
        let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
        if message.len() > self.largest {
            return Err(odd("sealing made a message larger than the server takes"));
        }
        self.outgoing = Queue::new([&length.to_be_bytes(), &message[..]].concat());
        Ok(())
    }
}

fn odd(text: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

impl<S: AsyncRead + Unpin> AsyncRead for SecurityLayer<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            let rest = this.opened.rest();
            if !rest.is_empty() {
                let count = rest.len().min(buf.remaining());
                buf.put_slice(rest.get(..count).unwrap_or_default());
                this.opened.take(count);
                return Poll::Ready(Ok(()));
            }
            if this.open_next()? {
                continue;
            }
            let mut room = [0; READ_SIZE];
            let mut room = ReadBuf::new(&mut room);
            ready!(Pin::new(&mut this.stream).poll_read(cx, &mut room))?;
            if room.filled().is_empty() {
                let is_cut = !this.sealed.is_empty();
                let cut = || io::Error::new(io::ErrorKind::UnexpectedEof, "a message is cut off");
                return Poll::Ready(if is_cut { Err(cut()) } else { Ok(()) });
            }
            this.sealed.extend_from_slice(room.filled());
        }
    }
}

impl<S: AsyncWrite + Unpin> SecurityLayer<S> {
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.outgoing.rest().is_empty() {
            let stream = Pin::new(&mut self.stream);
            let count = ready!(stream.poll_write(cx, self.outgoing.rest()))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.outgoing.take(count);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for SecurityLayer<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_drain(cx))?;
        let count = buf.len().min(PORTION).min(this.largest - OVERHEAD);
        if count > 0 {
            this.seal(buf.get(..count).unwrap_or_default())?;
            // What cannot be written now is by the next write or flush.
            if let Poll::Ready(Err(error)) = this.poll_drain(cx) {
                return Poll::Ready(Err(error));
            }
        }
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    /// Seals by a mark in front, so that a test can see what was sealed at once.
    fn marked() -> Cipher {
        Box::new(|way, message| match (way, message.split_first()) {
            (Direction::Seal, _) => Ok([b"S", message].concat()),
            (Direction::Open, Some((b'S', plain))) => Ok(plain.to_vec()),
            (Direction::Open, _) => Err(odd("forged")),
        })
    }

    fn layer(room: usize, largest: usize) -> (SecurityLayer<DuplexStream>, DuplexStream) {
        let (ours, theirs) = duplex(room);
        (SecurityLayer::new(ours, marked(), largest).unwrap(), theirs)
    }

    #[tokio::test]
    async fn what_is_written_is_sealed_with_its_length() {
        let (mut layer, mut wire) = layer(1 << 20, 4096);
        layer.write_all(b"hello").await.unwrap();
        layer.flush().await.unwrap();
        drop(layer);
        let mut sent = Vec::new();
        wire.read_to_end(&mut sent).await.unwrap();
        assert_eq!(sent, b"\0\0\0\x06Shello");
    }

    #[tokio::test]
    async fn nothing_larger_than_the_server_takes_is_sent_and_nothing_is_lost() {
        // A wire of three bytes makes every write stop half-way.
        let (mut layer, mut wire) = layer(3, OVERHEAD + 1000);
        let text: Vec<u8> = (0..=255).cycle().take(5000).collect();
        let write = async {
            layer.write_all(&text).await.unwrap();
            layer.shutdown().await.unwrap();
        };
        let mut sent = Vec::new();
        let read = wire.read_to_end(&mut sent);
        let ((), read) = tokio::join!(write, read);
        read.unwrap();
        let mut rest = &sent[..];
        let mut plain = Vec::new();
        while let Some((length, behind)) = rest.split_first_chunk::<4>() {
            let length = usize::try_from(u32::from_be_bytes(*length)).unwrap();
            assert!(length <= OVERHEAD + 1000);
            plain.extend_from_slice(&behind[1..length]);
            rest = &behind[length..];
        }
        assert_eq!(plain, text);
    }

    #[tokio::test]
    async fn what_is_read_is_opened_wherever_the_network_cuts_it() {
        let sealed = b"\0\0\0\x04Sabc\0\0\0\x01S\0\0\0\x03Sde";
        for size in 1..sealed.len() {
            let (mut layer, mut wire) = layer(size, 4096);
            let write = async {
                for piece in sealed.chunks(size) {
                    wire.write_all(piece).await.unwrap();
                }
                drop(wire);
            };
            let mut plain = Vec::new();
            let ((), read) = tokio::join!(write, layer.read_to_end(&mut plain));
            read.unwrap();
            assert_eq!(plain, b"abcde", "{size}");
        }
    }

    #[tokio::test]
    async fn hostile_messages_are_refused() {
        let beyond = (LARGEST + 1).to_be_bytes();
        for (what, sealed) in [
            ("no length", &b"\0\0\0\0"[..]),
            ("a length beyond the limit", &beyond[..]),
            ("4 GiB", b"\xff\xff\xff\xff"),
            ("LDAP in clear text", b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00"),
            ("a forged message", b"\0\0\0\x03Xab"),
            ("half a length", b"\0\0"),
            ("half a message", b"\0\0\0\x05Sab"),
        ] {
            let (mut layer, mut wire) = layer(4096, 4096);
            wire.write_all(sealed).await.unwrap();
            drop(wire);
            let mut plain = Vec::new();
            layer.read_to_end(&mut plain).await.expect_err(what);
            assert!(plain.is_empty(), "{what}");
        }
    }

    #[tokio::test]
    async fn a_length_alone_makes_no_room() {
        let (mut layer, mut wire) = layer(4096, 4096);
        wire.write_all(&LARGEST.to_be_bytes()).await.unwrap();
        drop(wire);
        let mut plain = Vec::new();
        layer.read_to_end(&mut plain).await.unwrap_err();
        assert!(layer.sealed.capacity() < 4096);
    }

    #[test]
    fn a_server_that_takes_nothing_is_refused() {
        for largest in [0, 1, OVERHEAD] {
            assert!(SecurityLayer::new((), marked(), largest).is_err());
        }
    }
}
