//! Just enough BER to read what a request is and to write answers, right and wrong ones.

/// Tags of RFC 4511, section 4.
pub(super) mod tag {
    pub(in super::super) const BIND_REQUEST: u8 = 0x60;
    pub(in super::super) const BIND_RESPONSE: u8 = 0x61;
    pub(in super::super) const UNBIND_REQUEST: u8 = 0x42;
    pub(in super::super) const SEARCH_REQUEST: u8 = 0x63;
    pub(in super::super) const SEARCH_ENTRY: u8 = 0x64;
    pub(in super::super) const SEARCH_DONE: u8 = 0x65;
    pub(in super::super) const SEARCH_REFERENCE: u8 = 0x73;
    pub(in super::super) const ABANDON_REQUEST: u8 = 0x50;
    pub(in super::super) const EXTENDED_REQUEST: u8 = 0x77;
    pub(in super::super) const EXTENDED_RESPONSE: u8 = 0x78;
    pub(in super::super) const REFERRAL: u8 = 0xa3;
    pub(in super::super) const RESPONSE_NAME: u8 = 0x8a;

    pub(in super::super) const INTEGER: u8 = 0x02;
    pub(in super::super) const OCTET_STRING: u8 = 0x04;
    pub(in super::super) const ENUMERATED: u8 = 0x0a;
    pub(in super::super) const SEQUENCE: u8 = 0x30;
    pub(super) const SET: u8 = 0x31;
}

/// The DN of the service account.
pub(super) const SERVICE: &[u8] = b"cn=writer,ou=services,dc=example,dc=com";

/// A user who is there; a trial of the server binds as somebody who is nowhere.
const USER: &[u8] = b"uid=alice,ou=people,dc=example,dc=com";

/// What is answered: the message ID and the tag of the operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) id: i32,
    pub(super) operation: u8,
    /// Whether it is about the service account.
    pub(super) is_service: bool,
    /// Whether it is about the user.
    pub(super) is_user: bool,
}

/// Takes the first whole message off the buffer. What cannot be read is never whole.
pub(super) fn take_request(buffer: &mut Vec<u8>) -> Option<Request> {
    let (content, end) = content(buffer)?;
    let fields = buffer.get(content..end)?;
    let (id_content, id_end) = self::content(fields)?;
    let digits = fields.get(id_content..id_end)?;
    let id = i32::try_from(number(digits)).ok()?;
    let operation = *fields.get(id_end)?;
    let names = |name: &[u8]| fields.windows(name.len()).any(|window| window == name);
    let (is_service, is_user) = (names(SERVICE), names(USER));
    buffer.drain(..end);
    Some(Request { id, operation, is_service, is_user })
}

/// The tag and the content of the first element, and what follows it; `None` if it is not whole.
pub(super) fn split(input: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (start, end) = content(input)?;
    Some((*input.first()?, input.get(start..end)?, input.get(end..)?))
}

/// The value of an INTEGER of at most four bytes that is not negative.
pub(super) fn number(digits: &[u8]) -> i64 {
    digits.iter().take(8).fold(0, |number, digit| number << 8 | i64::from(*digit))
}

/// Where the content of the first element begins and ends.
fn content(input: &[u8]) -> Option<(usize, usize)> {
    let first = *input.get(1)?;
    if first < 0x80 {
        return Some((2, 2 + usize::from(first)));
    }
    let start = 2 + usize::from(first & 0x7f);
    let digits = input.get(2..start).filter(|digits| digits.len() <= 4)?;
    let length = digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit));
    Some((start, start + length))
}

/// An element with a length of four bytes, as Active Directory writes them.
pub(super) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
    [&header(tag, length)[..], content].concat()
}

/// The header of an element, whatever follows it.
pub(super) fn header(tag: u8, length: u32) -> [u8; 6] {
    let [a, b, c, d] = length.to_be_bytes();
    [tag, 0x84, a, b, c, d]
}

/// A SEQUENCE.
pub(super) fn sequence(content: &[u8]) -> Vec<u8> {
    element(tag::SEQUENCE, content)
}

/// An INTEGER.
pub(super) fn integer(value: i32) -> Vec<u8> {
    element(tag::INTEGER, &value.to_be_bytes())
}

/// An OCTET STRING.
pub(super) fn text(value: impl AsRef<[u8]>) -> Vec<u8> {
    element(tag::OCTET_STRING, value.as_ref())
}

/// A whole message.
pub(super) fn message(id: i32, operation: u8, content: &[u8]) -> Vec<u8> {
    sequence(&[integer(id), element(operation, content)].concat())
}

/// The fields of an LDAPResult, the code as these bytes.
pub(super) fn result(code: &[u8], matched: &[u8], diagnostic: &[u8]) -> Vec<u8> {
    [element(tag::ENUMERATED, code), text(matched), text(diagnostic)].concat()
}

/// The fields of a SearchResultEntry with one attribute.
pub(super) fn entry(dn: &[u8], uid: &str) -> Vec<u8> {
    let values = element(tag::SET, &text(uid));
    let attribute = sequence(&[text("uid"), values].concat());
    [text(dn), sequence(&attribute)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_taken_off_one_by_one() {
        let mut buffer = [
            message(7, tag::SEARCH_REQUEST, b"whatever"),
            b"\x30\x0c\x02\x02\x01\x02\x60\x06......".to_vec(),
            b"\x30\x05\x02".to_vec(),
        ]
        .concat();
        let first = take_request(&mut buffer).unwrap();
        assert_eq!((first.id, first.operation), (7, tag::SEARCH_REQUEST));
        let second = take_request(&mut buffer).unwrap();
        assert_eq!((second.id, second.operation), (258, tag::BIND_REQUEST));
        assert!(take_request(&mut buffer).is_none());
        assert_eq!(buffer.len(), 3);
    }
}
