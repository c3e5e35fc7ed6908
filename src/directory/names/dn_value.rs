//! Values as they are written in distinguished names (RFC 4514, section 2.4).

/// Writes a value as it stands in a DN.
pub(super) struct ValueWriter<'a> {
    dn: &'a mut String,
    is_empty: bool,
    ends_in_space: bool,
}

impl<'a> ValueWriter<'a> {
    /// Writes behind what the DN holds.
    pub(super) fn new(dn: &'a mut String) -> Self {
        Self { dn, is_empty: true, ends_in_space: false }
    }

    /// Adds a piece of the value.
    pub(super) fn push(&mut self, piece: &[u8]) {
        if piece.is_empty() {
            return;
        }
        let is_plain = |byte: u8| {
            byte.is_ascii_lowercase()
                || !matches!(byte, 0..=b'#' | b'+' | b',' | b';'..=b'>' | b'\\' | 0x7f)
        };
        match str::from_utf8(piece) {
            // Most pieces are plain, and quickly copied.
            Ok(plain) if plain.bytes().all(is_plain) => {
                self.dn.push_str(plain);
                (self.is_empty, self.ends_in_space) = (false, false);
            }
            _ => self.push_escaped(piece),
        }
    }

    fn push_escaped(&mut self, piece: &[u8]) {
        for chunk in piece.utf8_chunks() {
            chunk.valid().chars().for_each(|character| self.push_character(character));
            chunk.invalid().iter().for_each(|byte| self.push_escape(*byte));
        }
    }

    /// Ends the value.
    pub(super) fn end(self) {
        if self.ends_in_space {
            self.dn.pop();
            self.dn.push_str("\\ ");
        }
    }

    fn push_character(&mut self, character: char) {
        let is_first = std::mem::replace(&mut self.is_empty, false);
        match character {
            // Of some, servers and readers make a space, which they leave out at the beginning of a value.
            '\0'..='\x1f' | '\x7f' => {
                return u8::try_from(character).map_or((), |byte| self.push_escape(byte));
            }
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => self.dn.push('\\'),
            ' ' | '#' if is_first => self.dn.push('\\'),
            _ => {}
        }
        self.dn.push(character);
        self.ends_in_space = character == ' ' && !is_first;
    }

    fn push_escape(&mut self, byte: u8) {
        self.dn.push_str(&format!("\\{byte:02x}"));
        (self.is_empty, self.ends_in_space) = (false, false);
    }
}
