//! Just enough BER (X.690, within the limits of RFC 4511, section 5.1) to tell a well-formed answer
//! from one that must not reach the decoder.

/// The answer is not what an LDAP server sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a well-formed LDAP message: {0}")]
pub(super) struct Malformed(pub(super) &'static str);

/// The largest message taken from a server.
pub(super) const LARGEST_MESSAGE: usize = 8 << 20;

/// Constructed elements within each other: an attribute's value in a search result entry stands at
/// level 5, a control's in a message at level 4.
const DEEPEST: usize = 8;

/// Tags of RFC 4511, section 4.
pub(super) mod tag {
    pub(in super::super) const BIND_REQUEST: u8 = 0x60;
    pub(in super::super) const BIND_RESPONSE: u8 = 0x61;
    pub(in super::super) const SEARCH_REQUEST: u8 = 0x63;
    pub(in super::super) const SEARCH_ENTRY: u8 = 0x64;
    pub(in super::super) const SEARCH_DONE: u8 = 0x65;
    pub(in super::super) const MODIFY_REQUEST: u8 = 0x66;
    pub(in super::super) const MODIFY_RESPONSE: u8 = 0x67;
    pub(in super::super) const SEARCH_REFERENCE: u8 = 0x73;
    pub(in super::super) const EXTENDED_REQUEST: u8 = 0x77;
    pub(in super::super) const EXTENDED_RESPONSE: u8 = 0x78;

    pub(in super::super) const BOOLEAN: u8 = 0x01;
    pub(in super::super) const INTEGER: u8 = 0x02;
    pub(in super::super) const OCTET_STRING: u8 = 0x04;
    pub(in super::super) const ENUMERATED: u8 = 0x0a;
    pub(in super::super) const SEQUENCE: u8 = 0x30;
    pub(in super::super) const SET: u8 = 0x31;
    pub(super) const CONTROLS: u8 = 0xa0;
    pub(super) const REFERRAL: u8 = 0xa3;

    /// Not LDAP: the content type of a TLS alert (RFC 8446, section 5.1).
    pub(super) const TLS_ALERT: u8 = 0x15;
}

/// The header at the start of `input`: the tag, and where content begins and ends. `None` if
/// `input` ends within the header.
fn header(input: &[u8]) -> Result<Option<(u8, usize, usize)>, Malformed> {
    let (Some(&tag), Some(&first)) = (input.first(), input.get(1)) else { return Ok(None) };
    if tag & 0x1f == 0x1f {
        return Err(Malformed("a tag of several bytes"));
    }
    let (start, length) = match first {
        0..=0x7f => (2, usize::from(first)),
        0x81..=0x84 => {
            let start = 2 + usize::from(first & 0x0f);
            let Some(digits) = input.get(2..start) else { return Ok(None) };
            (start, digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)))
        }
        _ => return Err(Malformed("an indefinite or enormous length")),
    };
    Ok(Some((tag, start, start.saturating_add(length))))
}

/// How long the message at the start of `input` is, or `None` while that cannot be told. A message
/// that would exceed [`LARGEST_MESSAGE`] is refused as soon as its length is known.
pub(super) fn message_length(input: &[u8]) -> Result<Option<usize>, Malformed> {
    match header(input)? {
        None => Ok(None),
        Some((tag::SEQUENCE, _, end)) if end <= LARGEST_MESSAGE => Ok(Some(end)),
        Some((tag::SEQUENCE, _, _)) => Err(Malformed("longer than 8 MiB")),
        Some((tag::TLS_ALERT, _, _)) => {
            Err(Malformed("it is TLS, not LDAP: write ldaps:// for this port"))
        }
        Some(_) => Err(Malformed("it does not begin with a SEQUENCE")),
    }
}

/// An element with this content.
pub(super) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap_or(u32::MAX).to_be_bytes();
    let header = match (length, content.len()) {
        ([.., short], 0..=0x7f) => vec![tag, short],
        ([a, b, c, d], _) => vec![tag, 0x84, a, b, c, d],
    };
    [&header, content].concat()
}

/// Reads elements one after the other, each of which must lie wholly within its parent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(content: &'a [u8]) -> Self {
        Self(content)
    }

    /// The tag and the content of the next element, if there is one.
    pub(super) fn next(&mut self) -> Result<Option<(u8, &'a [u8])>, Malformed> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let (tag, start, end) = header(self.0)?.ok_or(Malformed("an element is cut off"))?;
        let content =
            self.0.get(start..end).ok_or(Malformed("an element is longer than its parent"))?;
        self.0 = self.0.get(end..).unwrap_or_default();
        Ok(Some((tag, content)))
    }

    /// The content of the next element, which must have this tag.
    pub(super) fn expect(&mut self, tag: u8) -> Result<&'a [u8], Malformed> {
        match self.next()? {
            Some((found, content)) if found == tag => Ok(content),
            Some(_) => Err(Malformed("an element of another type than the protocol says")),
            None => Err(Malformed("an element is missing")),
        }
    }

    fn text(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.expect(tag::OCTET_STRING)?)
            .map_err(|_| Malformed("text that is not UTF-8"))
    }

    fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }
}

/// The outline of a message: what the envelope says (RFC 4511, section 4.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Envelope<'a> {
    pub(super) id: u32,
    pub(super) operation: u8,
    pub(super) content: &'a [u8],
}

/// Opens one whole message; says nothing yet about what is in the operation.
pub(super) fn open(message: &[u8]) -> Result<Envelope<'_>, Malformed> {
    let mut outer = Reader(message);
    let mut fields = Reader(outer.expect(tag::SEQUENCE)?);
    let digits = fields.expect(tag::INTEGER)?;
    if !matches!(digits, [0..=0x7f] | [0..=0x7f, _] | [0..=0x7f, _, _] | [0..=0x7f, _, _, _]) {
        return Err(Malformed("a message ID that is no positive 32-bit integer"));
    }
    let id = digits.iter().fold(0, |id, digit| id << 8 | u32::from(*digit));
    let (operation, content) = fields.next()?.ok_or(Malformed("there is no operation"))?;
    if !fields.is_at_end() {
        check_controls(fields.expect(tag::CONTROLS)?)?;
    }
    if !fields.is_at_end() || !outer.is_at_end() {
        return Err(Malformed("bytes behind the last element"));
    }
    Ok(Envelope { id, operation, content })
}

/// Checks a response down to its last element, for the operations that we can ask for.
pub(super) fn check_response(envelope: &Envelope<'_>) -> Result<(), Malformed> {
    check_depth(envelope.content, DEEPEST)?;
    match envelope.operation {
        tag::BIND_RESPONSE | tag::SEARCH_DONE | tag::MODIFY_RESPONSE | tag::EXTENDED_RESPONSE => {
            result(envelope).map(|_| ())
        }
        tag::SEARCH_ENTRY => check_entry(envelope.content),
        tag::SEARCH_REFERENCE => check_texts(envelope.content),
        _ => Err(Malformed("an operation that was not asked for")),
    }
}

/// The result code and the server's words in a response that ends an operation (RFC 4511, section
/// 4.1.9).
pub(super) fn result<'a>(envelope: &Envelope<'a>) -> Result<(u32, &'a str), Malformed> {
    let mut fields = Reader(envelope.content);
    // One byte for every assigned code, two for the private range. A longer encoding of 0 would
    // read as success.
    let code = match fields.expect(tag::ENUMERATED)? {
        [code @ 0..=0x7f] => u32::from(*code),
        [high @ 0..=0x7f, low] => u32::from(*high) << 8 | u32::from(*low),
        _ => return Err(Malformed("a result code of an odd length")),
    };
    fields.text()?;
    let diagnostic = fields.text()?;
    while let Some((field, content)) = fields.next()? {
        if field == tag::REFERRAL {
            check_texts(content)?;
        }
    }
    Ok((code, diagnostic))
}

/// The cookie in the value of a paged results control (RFC 2696, section 2): empty behind the last
/// page, `None` if the value is malformed.
pub(super) fn page_cookie(value: &[u8]) -> Option<Vec<u8>> {
    let mut outer = Reader(value);
    let mut fields = Reader(outer.expect(tag::SEQUENCE).ok()?);
    fields.expect(tag::INTEGER).ok()?;
    let cookie = fields.expect(tag::OCTET_STRING).ok()?;
    (fields.is_at_end() && outer.is_at_end()).then(|| cookie.to_vec())
}

fn check_entry(content: &[u8]) -> Result<(), Malformed> {
    let mut fields = Reader(content);
    fields.text()?;
    let mut attributes = Reader(fields.expect(tag::SEQUENCE)?);
    while !attributes.is_at_end() {
        let mut attribute = Reader(attributes.expect(tag::SEQUENCE)?);
        attribute.text()?;
        let mut values = Reader(attribute.expect(tag::SET)?);
        while !values.is_at_end() {
            values.expect(tag::OCTET_STRING)?;
        }
    }
    if fields.is_at_end() { Ok(()) } else { Err(Malformed("bytes behind an entry")) }
}

fn check_texts(content: &[u8]) -> Result<(), Malformed> {
    let mut texts = Reader(content);
    while !texts.is_at_end() {
        texts.text()?;
    }
    Ok(())
}

fn check_controls(content: &[u8]) -> Result<(), Malformed> {
    let mut controls = Reader(content);
    while !controls.is_at_end() {
        let mut control = Reader(controls.expect(tag::SEQUENCE)?);
        control.text()?;
        let mut next = control.next()?;
        if let Some((tag::BOOLEAN, content)) = next {
            if content.len() != 1 {
                return Err(Malformed("a BOOLEAN of an odd length"));
            }
            next = control.next()?;
        }
        if next.is_some_and(|(field, _)| field != tag::OCTET_STRING) || !control.is_at_end() {
            return Err(Malformed("a control with unknown parts"));
        }
    }
    Ok(())
}

fn check_depth(content: &[u8], left: usize) -> Result<(), Malformed> {
    let left = left.checked_sub(1).ok_or(Malformed("elements nested too deeply"))?;
    let mut elements = Reader(content);
    while let Some((field, content)) = elements.next()? {
        if field & 0x20 != 0 {
            check_depth(content, left)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(message: &[u8]) -> Result<(), Malformed> {
        check_response(&open(message)?)
    }

    const BIND_OK: &[u8] = b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00";

    #[test]
    fn a_bind_response_is_well_formed() {
        assert_eq!(message_length(BIND_OK), Ok(Some(BIND_OK.len())));
        assert_eq!(check(BIND_OK), Ok(()));
        let envelope = open(BIND_OK).unwrap();
        assert_eq!((envelope.id, envelope.operation), (1, tag::BIND_RESPONSE));
        assert_eq!(result(&envelope), Ok((0, "")));
    }

    #[test]
    fn an_entry_with_an_attribute_is_well_formed() {
        let entry = b"\x30\x1a\x02\x01\x02\x64\x15\x04\x04dc=x\x30\x0d\x30\x0b\x04\x03uid\x31\x04\x04\x02\xff\xfe";
        assert_eq!(check(entry), Ok(()));
    }

    #[test]
    fn a_prefix_of_a_message_asks_for_more() {
        for end in 0..2 {
            assert_eq!(message_length(&BIND_OK[..end]), Ok(None), "{end}");
        }
        for end in 2..BIND_OK.len() {
            assert_eq!(message_length(&BIND_OK[..end]), Ok(Some(BIND_OK.len())), "{end}");
            assert!(check(&BIND_OK[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn hostile_messages_are_refused() {
        for (what, message) in [
            ("a 4 GiB length", &b"\x30\x84\xff\xff\xff\xff\x02"[..]),
            ("an indefinite length", b"\x30\x80\x02\x01\x01"),
            ("no SEQUENCE", b"HTTP/1.1 400 Bad Request"),
        ] {
            assert!(message_length(message).is_err(), "{what}");
        }
        for (what, message) in [
            ("an empty SEQUENCE", &b"\x30\x00"[..]),
            (
                "an inner length beyond the outer",
                b"\x30\x0c\x02\x01\x01\x61\x7f\x0a\x01\x00\x04\x00\x04\x00",
            ),
            (
                "a result code of five bytes",
                b"\x30\x10\x02\x01\x01\x61\x0b\x0a\x05\x01\x00\x00\x00\x00\x04\x00\x04\x00",
            ),
            ("an empty result code", b"\x30\x0b\x02\x01\x01\x61\x06\x0a\x00\x04\x00\x04\x00"),
            (
                "a diagnostic that is not UTF-8",
                b"\x30\x0d\x02\x01\x01\x61\x08\x0a\x01\x00\x04\x00\x04\x01\xff",
            ),
            ("no diagnostic", b"\x30\x0a\x02\x01\x01\x61\x05\x0a\x01\x00\x04\x00"),
            ("an empty message ID", b"\x30\x0b\x02\x00\x61\x07\x0a\x01\x00\x04\x00\x04\x00"),
            ("a DN that is not UTF-8", b"\x30\x0a\x02\x01\x02\x64\x05\x04\x01\xff\x30\x00"),
            ("an unknown operation", b"\x30\x05\x02\x01\x01\x66\x00"),
            ("bytes behind", b"\x30\x0d\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00\x05"),
        ] {
            assert!(check(message).is_err(), "{what}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_without_recursion_to_match() {
        let mut nested = vec![0x04, 0x00];
        for _ in 0..8000 {
            let length = u32::try_from(nested.len()).unwrap().to_be_bytes();
            nested = [&[0x30, 0x84][..], &length, &nested].concat();
        }
        let length = u32::try_from(nested.len() + 3 + 6).unwrap().to_be_bytes();
        let operation = u32::try_from(nested.len()).unwrap().to_be_bytes();
        let message =
            [&[0x30, 0x84][..], &length, &[2, 1, 1, 0x61, 0x84], &operation, &nested].concat();
        assert_eq!(check(&message), Err(Malformed("elements nested too deeply")));
    }
}
