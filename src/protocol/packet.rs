//! ejabberd's packets: a two-byte big-endian length, then the request.

use super::receive_buffer::ReceiveBuffer;
use crate::request::{Refused, Request};

/// Cuts a byte stream into requests by their length fields; does no I/O.
///
/// However the stream is cut into pushes, the requests are the same. The length field bounds a
/// packet to 65,535 bytes, so memory is bounded by that and the size of one push.
#[derive(Debug, Default)]
pub struct PacketDecoder(ReceiveBuffer);

impl PacketDecoder {
    /// Takes in what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        self.0.push(bytes);
    }

    /// The next whole packet, or `None` when more input is needed.
    pub fn next_request(&mut self) -> Option<Result<Request, Refused>> {
        let (length, rest) = self.0.bytes().split_first_chunk::<2>()?;
        let payload = rest.get(..usize::from(u16::from_be_bytes(*length)))?;
        let request = Request::parse(payload);
        self.0.consume(length.len() + payload.len());
        Some(request)
    }

    /// How many bytes are held that belong to no request yet.
    pub fn held(&self) -> usize {
        self.0.bytes().len()
    }
}
