//! What a codec has taken in and not given out yet.

use std::fmt;

/// Bytes from which the codecs cut requests. They hold passwords, so `Debug` shows only how many
/// they are.
#[derive(Default)]
pub(super) struct Unread {
    buffer: Vec<u8>,
    start: usize,
}

impl Unread {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        // A new buffer, because only what is freed is wiped.
        self.buffer = [self.bytes(), bytes].concat();
        self.start = 0;
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.buffer.split_at_checked(self.start).map_or(&[], |(_, unread)| unread)
    }

    pub(super) fn len(&self) -> usize {
        self.buffer.len() - self.start
    }

    /// Drops the first bytes, of which there are at least `length`.
    pub(super) fn consume(&mut self, length: usize) {
        self.start += length;
        if self.start >= self.buffer.len() {
            *self = Self::default();
        }
    }
}

impl fmt::Debug for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unread").field("held", &self.len()).finish_non_exhaustive()
    }
}
