//! BER (X.690) within the limits of RFC 4511, section 5.1: elements read one by one, never nested by
//! recursion, and written.

use std::borrow::Cow;

/// The answer is not what an LDAP server sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a well-formed LDAP message: {0}")]
pub struct MalformedMessage(
    /// Why not.
    pub &'static str,
);

/// The largest message taken from a server.
pub const LARGEST_MESSAGE: usize = 8 << 20;

/// The largest that is read over, so that the others on its stream have their answers.
const LARGEST_SKIPPED: usize = 256 << 20;

/// Tags of RFC 4511, section 4.
#[expect(missing_docs, reason = "they have the names of the RFC")]
pub mod tag {
    pub const BIND_REQUEST: u8 = 0x60;
    pub const BIND_RESPONSE: u8 = 0x61;
    pub const SEARCH_REQUEST: u8 = 0x63;
    pub const SEARCH_ENTRY: u8 = 0x64;
    pub const SEARCH_DONE: u8 = 0x65;
    pub const MODIFY_REQUEST: u8 = 0x66;
    pub const MODIFY_RESPONSE: u8 = 0x67;
    pub const SEARCH_REFERENCE: u8 = 0x73;
    pub const EXTENDED_REQUEST: u8 = 0x77;
    pub const EXTENDED_RESPONSE: u8 = 0x78;

    pub const BOOLEAN: u8 = 0x01;
    pub const INTEGER: u8 = 0x02;
    pub const OCTET_STRING: u8 = 0x04;
    pub const OBJECT_IDENTIFIER: u8 = 0x06;
    pub const ENUMERATED: u8 = 0x0a;
    pub const SEQUENCE: u8 = 0x30;
    pub const SET: u8 = 0x31;
    pub const CONTROLS: u8 = 0xa0;
    pub const REFERRAL: u8 = 0xa3;

    /// Not LDAP: the content type of a TLS alert (RFC 8446, section 5.1).
    pub const TLS_ALERT: u8 = 0x15;
}

/// The header at the start of `input`: the tag, and where content begins and ends. `None` if
/// `input` ends within the header.
fn header(input: &[u8]) -> Result<Option<(u8, usize, usize)>, MalformedMessage> {
    let (Some(&tag), Some(&first)) = (input.first(), input.get(1)) else { return Ok(None) };
    if tag & 0x1f == 0x1f {
        return Err(MalformedMessage("a tag of several bytes"));
    }
    let (start, length) = match first {
        0..=0x7f => (2, usize::from(first)),
        0x81..=0x84 => {
            let start = 2 + usize::from(first & 0x0f);
            let Some(digits) = input.get(2..start) else { return Ok(None) };
            (start, digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)))
        }
        _ => return Err(MalformedMessage("an indefinite or enormous length")),
    };
    Ok(Some((tag, start, start.saturating_add(length))))
}

/// How long the message at the start of `input` is, or `None` while that cannot be told. A message
/// that would exceed [`LARGEST_MESSAGE`] is refused as soon as its length is known.
pub fn message_length(input: &[u8]) -> Result<Option<usize>, MalformedMessage> {
    match header(input)? {
        None => Ok(None),
        Some((tag::SEQUENCE, _, end)) if end <= LARGEST_MESSAGE => Ok(Some(end)),
        Some((tag::SEQUENCE, _, _)) => Err(MalformedMessage("longer than 8 MiB")),
        Some((tag::TLS_ALERT, _, _)) => {
            Err(MalformedMessage("it is TLS, not LDAP: write ldaps:// for this port"))
        }
        Some(_) => Err(MalformedMessage("it does not begin with a SEQUENCE")),
    }
}

/// A message that exceeds [`LARGEST_MESSAGE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OversizedMessage {
    /// How long it is.
    pub length: usize,
    /// Its message ID, if that has arrived.
    pub id: Option<u32>,
}

/// Whether the message at the start of `input` exceeds [`LARGEST_MESSAGE`], and can be read over.
pub fn too_long(input: &[u8]) -> Option<OversizedMessage> {
    let (tag::SEQUENCE, start, length) = header(input).ok()?? else { return None };
    if !(LARGEST_MESSAGE + 1..=LARGEST_SKIPPED).contains(&length) {
        return None;
    }
    let fields = input.get(start..).unwrap_or_default();
    let id = match header(fields).ok()? {
        None => None,
        Some((tag::INTEGER, start, end @ ..=6)) => fields
            .get(start..end)
            .map(|digits| digits.iter().fold(0, |id, digit| id << 8 | u32::from(*digit))),
        Some(_) => return None,
    };
    Some(OversizedMessage { length, id })
}

/// Whether elements of this type hold others.
pub fn is_constructed(tag: u8) -> bool {
    tag & 0x20 != 0
}

/// One element.
pub fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.primitive(tag, content);
    writer.into_bytes()
}

/// Writes elements one after the other.
#[derive(Debug, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// Nothing yet, with room for so many bytes.
    pub fn with_capacity(length: usize) -> Self {
        Self(Vec::with_capacity(length))
    }

    /// The start of an element whose content is so long.
    fn header(&mut self, tag: u8, length: usize) {
        let [a, b, c, d] = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
        match length {
            0..=0x7f => self.raw(&[tag, d]),
            0x80..=0xff => self.raw(&[tag, 0x81, d]),
            0x100..=0xffff => self.raw(&[tag, 0x82, c, d]),
            0x1_0000..=0xff_ffff => self.raw(&[tag, 0x83, b, c, d]),
            _ => self.raw(&[tag, 0x84, a, b, c, d]),
        }
    }

    /// An element with this content.
    pub fn primitive(&mut self, tag: u8, content: &[u8]) {
        self.header(tag, content.len());
        self.raw(content);
    }

    /// An element around those that `fill` writes.
    pub fn constructed(&mut self, tag: u8, fill: impl FnOnce(&mut Self)) {
        let start = self.0.len();
        // Most are short enough for a header of this size.
        self.header(tag, 0);
        let content = self.0.len();
        fill(self);
        let length = self.0.len() - content;
        match (self.0.get_mut(content - 1), u8::try_from(length)) {
            (Some(place), Ok(short @ 0..=0x7f)) => *place = short,
            _ => {
                let mut header = Self::default();
                header.header(tag, length);
                self.0.splice(start..content, header.0);
            }
        }
    }

    /// An INTEGER, or an ENUMERATED, that is not negative.
    pub fn number(&mut self, tag: u8, number: u32) {
        let digits = [&[0], &number.to_be_bytes()[..]].concat();
        // Without leading zeros, but for one that keeps it from being negative.
        let leading = digits.windows(2).take_while(|pair| matches!(pair, [0, ..=0x7f])).count();
        self.primitive(tag, digits.get(leading..).unwrap_or_default());
    }

    /// An OCTET STRING.
    pub fn octets(&mut self, content: &[u8]) {
        self.primitive(tag::OCTET_STRING, content);
    }

    /// A BOOLEAN.
    pub fn boolean(&mut self, value: bool) {
        self.primitive(tag::BOOLEAN, &[if value { 0xff } else { 0 }]);
    }

    /// Elements that were written elsewhere.
    pub fn raw(&mut self, elements: &[u8]) {
        self.0.extend_from_slice(elements);
    }

    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Reads elements one after the other, each of which must lie wholly within its parent.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Reads the elements in this content.
    pub fn new(content: &'a [u8]) -> Self {
        Self(content)
    }

    /// The tag and the content of the next element, if there is one.
    pub fn read(&mut self) -> Result<Option<(u8, &'a [u8])>, MalformedMessage> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let (tag, start, end) = header(self.0)?.ok_or(MalformedMessage("an element is cut off"))?;
        let content = self
            .0
            .get(start..end)
            .ok_or(MalformedMessage("an element is longer than its parent"))?;
        self.0 = self.0.get(end..).unwrap_or_default();
        Ok(Some((tag, content)))
    }

    /// The content of the next element, which must have this tag.
    pub fn expect(&mut self, tag: u8) -> Result<&'a [u8], MalformedMessage> {
        match self.read()? {
            Some((found, content)) if found == tag => Ok(content),
            Some(_) => Err(MalformedMessage("an element of another type than the protocol says")),
            None => Err(MalformedMessage("an element is missing")),
        }
    }

    /// The next element, which must be an OCTET STRING; what is not UTF-8 in it is read as U+FFFD.
    pub fn text(&mut self) -> Result<Cow<'a, str>, MalformedMessage> {
        let content = self.expect(tag::OCTET_STRING)?;
        // Reading what is UTF-8 is quicker than looking for what is not.
        Ok(str::from_utf8(content).map_or_else(|_| String::from_utf8_lossy(content), Cow::Borrowed))
    }

    /// Whether there is no further element.
    pub fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let long = vec![7; 300];
        let mut writer = Writer::default();
        writer.constructed(tag::SEQUENCE, |inner| {
            inner.octets(&long);
            inner.boolean(true);
        });
        let bytes = writer.into_bytes();
        assert_eq!(message_length(&bytes), Ok(Some(bytes.len())));
        let mut outer = Reader::new(&bytes);
        let mut inner = Reader::new(outer.expect(tag::SEQUENCE).unwrap());
        assert_eq!(inner.expect(tag::OCTET_STRING), Ok(&long[..]));
        assert_eq!(inner.expect(tag::BOOLEAN), Ok(&[0xff][..]));
        assert!(inner.is_at_end() && outer.is_at_end());
    }

    #[test]
    fn numbers_are_as_short_as_they_can_be() {
        for (number, digits) in [
            (0, &[0][..]),
            (1, &[1]),
            (127, &[127]),
            (128, &[0, 128]),
            (256, &[1, 0]),
            (u32::MAX, &[0, 255, 255, 255, 255]),
        ] {
            let mut writer = Writer::default();
            writer.number(tag::INTEGER, number);
            assert_eq!(writer.into_bytes().get(2..), Some(digits), "{number}");
        }
    }

    #[test]
    fn a_prefix_of_a_message_asks_for_more() {
        let message = [0x30, 3, 2, 1, 1];
        for end in 0..2 {
            assert_eq!(message_length(&message[..end]), Ok(None), "{end}");
        }
        for end in 2..message.len() {
            assert_eq!(message_length(&message[..end]), Ok(Some(message.len())), "{end}");
        }
    }

    #[test]
    fn lengths_that_no_message_has_are_refused() {
        for (what, message) in [
            ("4 GiB", &b"\x30\x84\xff\xff\xff\xff\x02"[..]),
            ("indefinite", b"\x30\x80\x02\x01\x01"),
            ("no SEQUENCE", b"HTTP/1.1 400 Bad Request"),
        ] {
            assert!(message_length(message).is_err(), "{what}");
        }
    }
}
