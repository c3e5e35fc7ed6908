//! ejabberd's packets: a two-byte big-endian length, then the request.

use std::fmt;

use crate::request::Request;

/// Cuts a byte stream into requests by their length fields; does no I/O.
///
/// However the stream is cut into pushes, the requests are the same. The length field bounds a
/// packet to 65,535 bytes, so memory is bounded by that and the size of one push.
#[derive(Default)]
pub struct PacketDecoder {
    buffer: Vec<u8>,
    start: usize,
}

/// Without the bytes, which hold passwords.
impl fmt::Debug for PacketDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PacketDecoder").field("held", &self.held()).finish_non_exhaustive()
    }
}

impl PacketDecoder {
    /// Takes in what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        let rest = self.buffer.get(self.start..).unwrap_or_default();
        // A new buffer, because only what is freed is wiped.
        self.buffer = [rest, bytes].concat();
        self.start = 0;
    }

    /// The next whole packet, or `None` when more input is needed.
    pub fn next_request(&mut self) -> Option<Request> {
        if self.held() == 0 {
            *self = Self::default();
        }
        let rest = self.buffer.get(self.start..)?;
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let payload = rest.get(..usize::from(u16::from_be_bytes(*length)))?;
        let request = Request::parse(payload);
        self.start += length.len() + payload.len();
        Some(request)
    }

    /// How many bytes are held that belong to no request yet.
    pub fn held(&self) -> usize {
        self.buffer.len() - self.start
    }
}
