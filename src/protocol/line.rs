//! Prosody's lines: one request up to each newline.

use std::fmt;

use crate::request::Request;

/// The longest line in bytes, without its newline. Prosody's module sends no longer one.
pub const LONGEST_LINE: usize = 1000;

/// Cuts a byte stream into requests at the newlines; does no I/O.
///
/// However the stream is cut into pushes, the requests are the same. Memory is bounded by
/// [`LONGEST_LINE`] and the size of one push: a longer line is forgotten as it comes in and gives
/// one malformed request at its newline.
#[derive(Default)]
pub struct LineDecoder {
    buffer: Vec<u8>,
    start: usize,
    searched: usize,
    overlong: bool,
}

/// Without the bytes, which hold passwords.
impl fmt::Debug for LineDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineDecoder").field("held", &self.held()).finish_non_exhaustive()
    }
}

impl LineDecoder {
    /// Takes in what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        let rest = self.buffer.get(self.start..).unwrap_or_default();
        // A new buffer, because only what is freed is wiped.
        self.buffer = [rest, bytes].concat();
        self.searched -= self.start;
        self.start = 0;
    }

    /// The next whole line, or `None` when more input is needed.
    pub fn next_request(&mut self) -> Option<Request> {
        let unsearched = self.buffer.get(self.searched..).unwrap_or_default();
        let Some(newline) = unsearched.iter().position(|byte| *byte == b'\n') else {
            self.searched = self.buffer.len();
            let rest = self.searched - self.start;
            if rest == 0 || rest > LONGEST_LINE {
                *self = Self { overlong: self.overlong || rest > 0, ..Self::default() };
            }
            return None;
        };
        let end = self.searched + newline;
        let line = self.buffer.get(self.start..end).unwrap_or_default();
        let request = if std::mem::take(&mut self.overlong) || line.len() > LONGEST_LINE {
            Request::unreadable()
        } else {
            Request::parse(line)
        };
        self.start = end + 1;
        self.searched = self.start;
        Some(request)
    }

    /// How many bytes are held that belong to no request yet.
    pub fn held(&self) -> usize {
        self.buffer.len() - self.start
    }

    /// Whether bytes were taken in that belong to no request yet.
    pub fn is_partial(&self) -> bool {
        self.overlong || self.held() > 0
    }

    /// Drops every byte that belongs to no request yet.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    /// At the end of input: the last line, if it came without a newline.
    pub fn finish(&mut self) -> Option<Request> {
        if !self.is_partial() {
            return None;
        }
        self.push(b"\n");
        self.next_request()
    }
}
