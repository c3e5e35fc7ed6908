//! A stream, cut into lines.

use secrecy::zeroize::Zeroize;

/// A buffer that has held more than this gives its memory back when it is empty.
const KEPT: usize = 16 * 1024;

/// What was read and not taken yet.
#[derive(Default)]
pub struct Lines {
    bytes: Vec<u8>,
    /// Up to where it was taken, and up to where it holds no further end of a line.
    taken: usize,
    searched: usize,
}

/// A line that is longer than lines may be, or is already without its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineTooLong;

impl Lines {
    /// Where what is read goes, at its end.
    pub fn room(&mut self, least: usize) -> &mut Vec<u8> {
        if self.taken > 0 {
            let left = self.bytes.len() - self.taken;
            self.bytes.copy_within(self.taken.., 0);
            if let Some(rest) = self.bytes.get_mut(left..) {
                // It held passwords.
                rest.zeroize();
            }
            self.bytes.truncate(left);
            self.searched -= self.taken;
            self.taken = 0;
        }
        if self.bytes.is_empty() && self.bytes.capacity() > KEPT {
            self.bytes = Vec::new();
        }
        self.bytes.reserve(least);
        &mut self.bytes
    }

    /// The next whole line without its end; `None` when more input is needed. With its end a line has
    /// at most `longest` bytes. Behind one that is too long nothing is a line any more: its end may be
    /// missing for ever, and every call says so.
    pub fn next_line(&mut self, longest: usize) -> Option<Result<&[u8], LineTooLong>> {
        let unsearched = self.bytes.get(self.searched..)?;
        let Some(length) = unsearched.iter().position(|byte| *byte == b'\n') else {
            self.searched = self.bytes.len();
            return (self.searched - self.taken >= longest).then_some(Err(LineTooLong));
        };
        let (start, end) = (self.taken, self.searched + length);
        (self.taken, self.searched) = (end + 1, end + 1);
        let line = self.bytes.get(start..end).filter(|line| line.len() < longest);
        Some(line.ok_or(LineTooLong))
    }

    /// Whether a line has begun that is not whole.
    pub fn is_partial(&self) -> bool {
        self.bytes.len() > self.taken
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(chunks: &[&[u8]], longest: usize) -> Vec<Result<Vec<u8>, LineTooLong>> {
        let mut lines = Lines::default();
        let mut cut = Vec::new();
        for chunk in chunks {
            lines.room(chunk.len()).extend_from_slice(chunk);
            while let Some(line) = lines.next_line(longest) {
                cut.push(line.map(<[u8]>::to_vec));
                if cut.last() == Some(&Err(LineTooLong)) {
                    return cut;
                }
            }
        }
        cut
    }

    #[test]
    fn a_line_has_so_many_bytes_with_its_end_and_no_more() {
        assert_eq!(cut(&[b"abc\n"], 4), [Ok(b"abc".to_vec())]);
        assert_eq!(cut(&[b"abcd\n"], 4), [Err(LineTooLong)]);
        assert_eq!(cut(&[b"abc"], 4), []);
        assert_eq!(cut(&[b"abcd"], 4), [Err(LineTooLong)]);
        assert_eq!(cut(&[b"ab", b"c", b"\n\na\n"], 4).len(), 3);
    }

    proptest! {
        #[test]
        fn however_it_arrives_the_lines_are_the_same(
            stream in prop::collection::vec(prop_oneof![3 => any::<u8>(), 1 => Just(b'\n')], 0..200),
            size in 1_usize..20,
        ) {
            let expected: Vec<_> = match stream.iter().rposition(|byte| *byte == b'\n') {
                None => Vec::new(),
                Some(last) => stream[..last].split(|byte| *byte == b'\n').map(|line| Ok(line.to_vec())).collect(),
            };
            prop_assert_eq!(cut(&stream.chunks(size).collect::<Vec<_>>(), 1000), expected);
        }
    }
}
