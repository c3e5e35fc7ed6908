//! What was read and belongs to no message yet.

use std::fmt;

/// Room for one read, in bytes.
const ROOM: usize = 4096;

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
        if self.start > 0 {
            self.push(&[]);
        }
        self.buffer.reserve(ROOM);
        &mut self.buffer
    }

    /// Takes in what was read.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        // A new buffer, because only what is freed is wiped.
        self.buffer = [self.bytes(), bytes].concat();
        self.start = 0;
    }

    /// What belongs to no message yet.
    pub fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    /// Drops the first bytes, as far as there are so many.
    pub(super) fn consume(&mut self, length: usize) {
        self.start += length;
        if self.start >= self.buffer.len() {
            *self = Self::default();
        }
    }

    /// Cuts off the first bytes, as far as there are so many.
    pub(super) fn take(&mut self, length: usize) -> Vec<u8> {
        let bytes = self.bytes();
        let taken = bytes.get(..length).unwrap_or(bytes).to_vec();
        self.consume(taken.len());
        taken
    }
}

impl fmt::Debug for ReceiveBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiveBuffer").field("held", &self.bytes().len()).finish_non_exhaustive()
    }
}
