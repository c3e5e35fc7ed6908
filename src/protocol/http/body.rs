//! The body of a request: so many bytes, or chunks (RFC 9112, section 7.1).

use super::head::Length;
use super::{MalformedHttp, line};
use crate::protocol::receive_buffer::ReceiveBuffer;

/// The longest body in bytes, and so long may all its chunks be together.
pub const LONGEST_BODY: usize = 256 * 1024;

/// The longest line between chunks. What stands behind a chunk's size or the last chunk is not
/// looked at.
const LONGEST_LINE: usize = 4096;

/// The most lines behind the last chunk.
const MOST_TRAILERS: usize = 64;

/// Puts a body together as it arrives.
pub struct BodyReader {
    body: Vec<u8>,
    next: BodyPart,
}

/// What comes next.
enum BodyPart {
    /// All of it.
    Whole(usize),
    /// The size of a chunk.
    Size,
    /// The rest of a chunk.
    Chunk(usize),
    /// The end of a chunk.
    ChunkEnd,
    /// What stands behind the last chunk; so many lines of it are still allowed.
    Trailers(usize),
}

impl BodyReader {
    /// For a body of this length.
    pub fn new(length: Length) -> Result<Self, MalformedHttp> {
        let next = match length {
            Length::Exact(length) if length > LONGEST_BODY => return Err(MalformedHttp),
            Length::Exact(length) => BodyPart::Whole(length),
            Length::Chunked => BodyPart::Size,
        };
        Ok(Self { body: Vec::new(), next })
    }

    /// Cuts off what belongs to the body, which is given out once it is whole.
    pub fn next(&mut self, received: &mut ReceiveBuffer) -> Result<Option<Vec<u8>>, MalformedHttp> {
        loop {
            match self.next {
                BodyPart::Whole(length) => {
                    let is_whole = received.bytes().len() >= length;
                    return Ok(is_whole.then(|| received.take(length)));
                }
                BodyPart::Chunk(0) => self.next = BodyPart::ChunkEnd,
                BodyPart::Chunk(left) => {
                    let part = received.take(left);
                    if part.is_empty() {
                        return Ok(None);
                    }
                    self.next = BodyPart::Chunk(left - part.len());
                    self.body.extend(part);
                }
                BodyPart::Size | BodyPart::ChunkEnd | BodyPart::Trailers(_) => {
                    let Some((line, length)) = line(received.bytes())? else {
                        let is_short = received.bytes().len() <= LONGEST_LINE;
                        return if is_short { Ok(None) } else { Err(MalformedHttp) };
                    };
                    if length > LONGEST_LINE {
                        return Err(MalformedHttp);
                    }
                    match self.next.behind(line)? {
                        Some(next) => self.next = next,
                        None => {
                            received.take(length);
                            return Ok(Some(std::mem::take(&mut self.body)));
                        }
                    }
                    if matches!(self.next, BodyPart::Chunk(size) if size + self.body.len() > LONGEST_BODY)
                    {
                        return Err(MalformedHttp);
                    }
                    received.take(length);
                }
            }
        }
    }
}

impl BodyPart {
    /// What comes behind this line; `None` behind the last one.
    fn behind(&self, line: &[u8]) -> Result<Option<Self>, MalformedHttp> {
        match self {
            Self::Size => match chunk_size(line)? {
                0 => Ok(Some(Self::Trailers(MOST_TRAILERS))),
                size => Ok(Some(Self::Chunk(size))),
            },
            Self::ChunkEnd if line.is_empty() => Ok(Some(Self::Size)),
            Self::Trailers(_) if line.is_empty() => Ok(None),
            Self::Trailers(left @ 1..) => Ok(Some(Self::Trailers(left - 1))),
            Self::ChunkEnd | Self::Trailers(0) | Self::Whole(_) | Self::Chunk(_) => {
                Err(MalformedHttp)
            }
        }
    }
}

fn chunk_size(line: &[u8]) -> Result<usize, MalformedHttp> {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii_end();
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(MalformedHttp);
    }
    let digits = str::from_utf8(digits).map_err(|_| MalformedHttp)?;
    match usize::from_str_radix(digits, 16) {
        Ok(size) if size <= LONGEST_BODY => Ok(size),
        Ok(_) | Err(_) => Err(MalformedHttp),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The body and what stands behind it, read in parts of this length.
    fn read(
        length: Length,
        bytes: &[u8],
        part: usize,
    ) -> Result<(Option<Vec<u8>>, usize), MalformedHttp> {
        let (mut reader, mut received) = (BodyReader::new(length)?, ReceiveBuffer::default());
        let mut body = reader.next(&mut received)?;
        for part in bytes.chunks(part) {
            received.room().extend_from_slice(part);
            if body.is_none() {
                body = reader.next(&mut received)?;
            }
        }
        Ok((body, received.bytes().len()))
    }

    #[test]
    fn a_body_ends_where_its_length_says() {
        let whole = |bytes: &[u8]| Some(bytes.to_vec());
        for part in [1, 2, 3, 100] {
            let exact = |length, bytes| read(Length::Exact(length), bytes, part).unwrap();
            assert_eq!(exact(3, b"abcGET "), (whole(b"abc"), 4));
            assert_eq!(exact(0, b"GET "), (whole(b""), 4));
            assert_eq!(exact(3, b"ab"), (None, 2));
            let chunked = |bytes| read(Length::Chunked, bytes, part).unwrap();
            assert_eq!(chunked(b"3\r\nabc\r\n0\r\n\r\nGET "), (whole(b"abc"), 4));
            assert_eq!(chunked(b"0\r\n\r\n"), (whole(b""), 0));
            assert_eq!(
                chunked(b"003 ;x=\"y\"\r\na\nb\r\nA;z\r\n0123456789\r\n00\r\nT: u\r\n\r\n"),
                (whole(b"a\nb0123456789"), 0)
            );
            assert_eq!(chunked(b"3\r\nabc\r\n0\r\n").0, None);
        }
    }

    #[test]
    fn chunks_that_two_readers_could_cut_differently_are_refused() {
        let long = format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(LONGEST_LINE));
        let trailers = format!("0\r\n{}\r\n", "A: b\r\n".repeat(MOST_TRAILERS + 1));
        for bytes in [
            "3\nabc\r\n0\r\n\r\n",
            "3\r\nabc\n0\r\n\r\n",
            "3\r\nabcd\r\n0\r\n\r\n",
            "3\r\nab\r\n\r\n0\r\n\r\n",
            "3;a\nb\r\nabc\r\n0\r\n\r\n",
            "3;a\rb\r\nabc\r\n0\r\n\r\n",
            "3\rabc\r\n0\r\n\r\n",
            "\r\n3\r\nabc\r\n0\r\n\r\n",
            " 3\r\nabc\r\n0\r\n\r\n",
            "+3\r\nabc\r\n0\r\n\r\n",
            "0x3\r\nabc\r\n0\r\n\r\n",
            "-1\r\n\r\n",
            ";a\r\n\r\n",
            "g\r\n\r\n",
            "ffffffffffffffff\r\n",
            "10000000000000003\r\nabc\r\n0\r\n\r\n",
            "0\r\n\n",
            "0\r\nA: b\n\r\n",
            &long,
            &trailers,
        ] {
            for part in [1, 7, 10_000] {
                assert!(read(Length::Chunked, bytes.as_bytes(), part).is_err(), "{bytes:?}");
            }
        }
    }

    #[test]
    fn a_body_has_a_longest_length() {
        assert!(BodyReader::new(Length::Exact(LONGEST_BODY)).is_ok());
        assert!(BodyReader::new(Length::Exact(LONGEST_BODY + 1)).is_err());
        let chunk = [&b"10000\r\n"[..], &[b'x'; 0x10000], b"\r\n"].concat();
        let chunks = |count| [chunk.repeat(count), b"0\r\n\r\n".to_vec()].concat();
        let read = |count| read(Length::Chunked, &chunks(count), 5000);
        assert_eq!(read(4).unwrap().0.unwrap().len(), LONGEST_BODY);
        assert!(read(5).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_chunks_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..200), part in 1_usize..50) {
            let _ = read(Length::Chunked, &bytes, part);
            let _ = read(Length::Chunked, &[b"5\r\n", &bytes[..]].concat(), part);
        }
    }
}
