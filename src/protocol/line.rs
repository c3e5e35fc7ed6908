//! Prosody's lines: one request up to each newline.

use super::receive_buffer::ReceiveBuffer;
use crate::request::{Refused, Request};

/// The longest line in bytes, without its newline. Prosody's module sends no longer one.
pub const LONGEST_LINE: usize = 1000;

/// Cuts a byte stream into requests at the newlines; does no I/O.
///
/// However the stream is cut into pushes, the requests are the same. Memory is bounded by
/// [`LONGEST_LINE`] and the size of one push: a longer line is forgotten as it comes in and gives
/// one malformed request at its newline.
#[derive(Debug, Default)]
pub struct LineDecoder {
    unread: ReceiveBuffer,
    /// In how many of these there is no newline.
    searched: usize,
    /// Whether the beginning of the line was forgotten.
    overlong: bool,
}

impl LineDecoder {
    /// Takes in what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        self.unread.push(bytes);
    }

    /// The next whole line, or `None` when more input is needed.
    pub fn next_request(&mut self) -> Option<Result<Request, Refused>> {
        let (_, unsearched) = self.unread.bytes().split_at_checked(self.searched)?;
        let Some(newline) = unsearched.iter().position(|byte| *byte == b'\n') else {
            self.searched = self.unread.bytes().len();
            if self.searched > LONGEST_LINE {
                *self = Self { overlong: true, ..Self::default() };
            }
            return None;
        };
        let (line, _) = self.unread.bytes().split_at_checked(self.searched + newline)?;
        let request = if std::mem::take(&mut self.overlong) || line.len() > LONGEST_LINE {
            Err(Refused::unreadable())
        } else {
            Request::parse(line)
        };
        let length = line.len() + 1;
        self.unread.consume(length);
        self.searched = 0;
        Some(request)
    }

    /// How many bytes are held that belong to no request yet.
    pub fn held(&self) -> usize {
        self.unread.bytes().len()
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
    pub fn finish(&mut self) -> Option<Result<Request, Refused>> {
        if !self.is_partial() {
            return None;
        }
        self.push(b"\n");
        self.next_request()
    }
}
