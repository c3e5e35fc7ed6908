//! HTTP/1.1 (RFC 9112) as far as a few fixed questions need it, as pure codecs: the [`head`] of a
//! request, its [`body`], the fields of a [`form`] in either, and the [`reply`].
//!
//! What two readers could take for different messages is refused, whatever RFC 9112 lets a server
//! make of it: a line feed or a carriage return alone, a folded field, a length that is given twice
//! or beside chunks. So is HTTP/1.0, which has no chunks and closes by default.
//!
//! Heads are as long as a query needs that holds the longest password, with each byte as `%XX`. Only
//! the statuses of RFC 9110 come back that MongooseIM survives, which fails on any that it does not
//! know.

pub mod body;
pub mod form;
pub mod head;
pub mod reply;

use std::fmt;

/// No request, or one that is not served in any case. Nothing behind it can be read either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedHttp;

/// Bytes from which messages are cut. They hold passwords, so `Debug` shows only how many they are.
#[derive(Default)]
pub struct ReceiveBuffer {
    buffer: Vec<u8>,
    /// What stands before it was taken.
    start: usize,
}

impl ReceiveBuffer {
    /// Where to append what is read, with room for it. What was taken is gone then.
    pub fn room(&mut self) -> &mut Vec<u8> {
        const ROOM: usize = 4096;
        if self.start > 0 {
            // A new buffer, because only what is freed is wiped.
            self.buffer = self.bytes().to_vec();
            self.start = 0;
        }
        self.buffer.reserve(ROOM);
        &mut self.buffer
    }

    /// What belongs to no message yet.
    pub fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    /// Cuts off the first bytes, as far as there are so many.
    fn take(&mut self, length: usize) -> Vec<u8> {
        let bytes = self.bytes();
        let taken = bytes.get(..length).unwrap_or(bytes).to_vec();
        self.start += taken.len();
        taken
    }
}

impl fmt::Debug for ReceiveBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received").field("held", &self.bytes().len()).finish_non_exhaustive()
    }
}

/// The first line of these bytes without its end, and how long it is with it; `None` as long as the
/// end is missing.
fn line(bytes: &[u8]) -> Result<Option<(&[u8], usize)>, MalformedHttp> {
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return Ok(None) };
    let line = bytes.get(..end).and_then(|line| line.strip_suffix(b"\r")).ok_or(MalformedHttp)?;
    if line.contains(&b'\r') { Err(MalformedHttp) } else { Ok(Some((line, end + 1))) }
}
