//! ejabberd's packets: a two-byte big-endian length, then the request.

use crate::request::Request;

/// Cuts a byte stream into requests by their length fields; does no I/O.
///
/// However the stream is cut into pushes, the requests are the same. The length field bounds a
/// packet to 65,535 bytes, so memory is bounded by that and the size of one push.
#[derive(Debug, Default)]
pub struct PacketDecoder {
    buffer: Vec<u8>,
    start: usize,
}

impl PacketDecoder {
    /// Takes in what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.start);
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole packet, or `None` when more input is needed.
    pub fn next_request(&mut self) -> Option<Request> {
        let rest = self.buffer.get(self.start..)?;
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let payload = rest.get(..usize::from(u16::from_be_bytes(*length)))?;
        let request = Request::parse(payload);
        self.start += length.len() + payload.len();
        Some(request)
    }

    /// Whether bytes were taken in that belong to no request yet.
    pub fn is_partial(&self) -> bool {
        self.start < self.buffer.len()
    }
}
