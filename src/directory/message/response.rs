//! The responses to requests, read down to the last element.

use crate::directory::message::ber::{MalformedMessage, Reader, tag};
use crate::directory::message::entry::Entry;
use crate::result_code::{SIZE_LIMIT_EXCEEDED, SUCCESS};

/// Tags within responses: of the token of a bind (section 4.2.2), and of the name and the value of an
/// extended response (section 4.12).
const SERVER_SASL_CREDENTIALS: u8 = 0x87;
const RESPONSE_NAME: u8 = 0x8a;
const RESPONSE_VALUE: u8 = 0x8b;

/// What a message is, without what is in its operation.
#[derive(Clone, Debug)]
pub struct Envelope<'a> {
    /// The message ID.
    pub id: u32,
    /// The tag of the operation.
    pub operation: u8,
    /// What is in it.
    pub content: &'a [u8],
    /// The controls (section 4.1.11).
    controls: &'a [u8],
}

/// A server's answer that ends an operation (RFC 4511, section 4.1.9). Nothing is decided by whether
/// its words are UTF-8: what is not is read as U+FFFD.
#[derive(Clone, Debug, Default)]
pub struct LdapResult {
    /// The result code.
    pub code: u32,
    /// The diagnostic message, as answers are told apart by it; for people, there is
    /// [`words`](Self::words).
    pub text: String,
    /// Whether the message repeats a secret that was asked with.
    pub repeats_secret: bool,
    /// Where the server refers to instead of answering (RFC 4511, section 4.1.10).
    pub referrals: Vec<String>,
    /// The token of a SASL mechanism (RFC 4511, section 4.2.2).
    pub sasl_credentials: Option<Vec<u8>>,
    /// The controls that came with it (RFC 4511, section 4.1.11).
    pub controls: Vec<ResponseControl>,
}

/// What is told in place of words that repeat a secret. To cut it out of them would tell where it was.
pub const LEFT_OUT: &str = "(the server's words repeat the password, and are left out)";

impl LdapResult {
    /// The server's own words, for people.
    pub fn words(&self) -> &str {
        // Windows ends its messages with a NUL.
        if self.repeats_secret { LEFT_OUT } else { self.text.trim_matches(['\0', '\n', ' ']) }
    }

    /// The answer of a server that found more entries than it was to, as others give it.
    #[must_use]
    pub fn exceeding_the_limit(mut self) -> Self {
        if self.code == SUCCESS {
            self.code = SIZE_LIMIT_EXCEEDED;
        }
        self
    }

    /// The same answer to a request that held a secret, of which nobody is to be told.
    #[must_use]
    pub fn to_secret(mut self, secret: &str) -> Self {
        self.repeats_secret = self.text.contains(secret);
        self.referrals.retain(|referral| !referral.contains(secret));
        self
    }
}

/// A control of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseControl {
    /// What it is.
    pub oid: String,
    /// What it says.
    pub value: Option<Vec<u8>>,
}

/// A response, which is as the protocol says.
#[derive(Debug)]
pub enum Response {
    /// One entry of those that a search found.
    Entry(Entry),
    /// An entry whose DN is not UTF-8, so that nobody can name it.
    NamelessEntry,
    /// References of a search to other servers.
    References(Vec<String>),
    /// The end of an operation.
    End(LdapResult),
}

impl<'a> Envelope<'a> {
    /// Opens one whole message.
    pub fn open(message: &'a [u8]) -> Result<Self, MalformedMessage> {
        let mut outer = Reader::new(message);
        let mut fields = Reader::new(outer.expect(tag::SEQUENCE)?);
        let digits = fields.expect(tag::INTEGER)?;
        if !matches!(digits, [0..=0x7f] | [0..=0x7f, _] | [0..=0x7f, _, _] | [0..=0x7f, _, _, _]) {
            return Err(MalformedMessage("a message ID that is no positive 32-bit integer"));
        }
        let id = digits.iter().fold(0, |id, digit| id << 8 | u32::from(*digit));
        let (operation, content) =
            fields.read()?.ok_or(MalformedMessage("there is no operation"))?;
        let mut behind = fields.read()?;
        // Active Directory writes the name of its Notice of Disconnection behind the operation.
        if id == 0 && matches!(behind, Some((RESPONSE_NAME, _))) {
            behind = fields.read()?;
        }
        let controls = match behind {
            None => Default::default(),
            Some((tag::CONTROLS, controls)) => controls,
            Some(_) => {
                return Err(MalformedMessage("an element of another type than the protocol says"));
            }
        };
        if !fields.is_at_end() || !outer.is_at_end() {
            return Err(MalformedMessage("bytes behind the last element"));
        }
        Ok(Self { id, operation, content, controls })
    }

    /// Whether this kind of response answers a request with that tag.
    pub fn answers(&self, request: u8) -> bool {
        matches!(
            (request, self.operation),
            (tag::BIND_REQUEST, tag::BIND_RESPONSE)
                | (
                    tag::SEARCH_REQUEST,
                    tag::SEARCH_ENTRY | tag::SEARCH_REFERENCE | tag::SEARCH_DONE
                )
                | (tag::MODIFY_REQUEST, tag::MODIFY_RESPONSE)
                | (tag::EXTENDED_REQUEST, tag::EXTENDED_RESPONSE)
        )
    }

    /// Reads the response.
    pub fn response(&self) -> Result<Response, MalformedMessage> {
        let controls = read_controls(self.controls)?;
        match self.operation {
            tag::BIND_RESPONSE
            | tag::SEARCH_DONE
            | tag::MODIFY_RESPONSE
            | tag::EXTENDED_RESPONSE => {
                Ok(Response::End(LdapResult { controls, ..self.result()? }))
            }
            tag::SEARCH_ENTRY => {
                let entry = Entry::read(self.content)?;
                Ok(entry.map_or(Response::NamelessEntry, Response::Entry))
            }
            tag::SEARCH_REFERENCE => texts(self.content).map(Response::References),
            _ => Err(MalformedMessage("an operation that was not asked for")),
        }
    }

    /// Reads a response that ends an operation, of whichever type, without its controls.
    pub fn result(&self) -> Result<LdapResult, MalformedMessage> {
        let mut fields = Reader::new(self.content);
        // One byte for every assigned code, two for the private range, and no longer than it must be
        // (X.690, section 8.3.2): another encoding of 0 would read as success.
        let code = match fields.expect(tag::ENUMERATED)? {
            [code @ 0..=0x7f] => u32::from(*code),
            [high @ 1..=0x7f, low] => u32::from(*high) << 8 | u32::from(*low),
            [0, low @ 0x80..=0xff] => u32::from(*low),
            _ => return Err(MalformedMessage("a result code of an odd length")),
        };
        let _matched_dn = fields.expect(tag::OCTET_STRING)?;
        let text = fields.text()?.into_owned();
        let mut result = LdapResult { code, text, ..LdapResult::default() };
        while let Some((field, content)) = fields.read()? {
            match field {
                tag::REFERRAL => result.referrals = texts(content)?,
                SERVER_SASL_CREDENTIALS => {
                    result.sasl_credentials.get_or_insert_with(|| content.to_vec());
                }
                RESPONSE_NAME | RESPONSE_VALUE => {}
                // The same part in another form.
                _ if matches!(field & 0x1f, 3 | 7 | 10 | 11) => {
                    return Err(MalformedMessage("a part of a result of an odd form"));
                }
                // What later versions may add is to be ignored (section 4).
                _ => {}
            }
        }
        Ok(result)
    }
}

fn texts(content: &[u8]) -> Result<Vec<String>, MalformedMessage> {
    let (mut list, mut texts) = (Reader::new(content), Vec::new());
    while !list.is_at_end() {
        texts.push(list.text()?.into_owned());
    }
    Ok(texts)
}

fn read_controls(content: &[u8]) -> Result<Vec<ResponseControl>, MalformedMessage> {
    let mut list = Reader::new(content);
    let mut controls = Vec::new();
    while !list.is_at_end() {
        let mut control = Reader::new(list.expect(tag::SEQUENCE)?);
        let oid = control.text()?.into_owned();
        let mut next = control.read()?;
        if let Some((tag::BOOLEAN, content)) = next {
            if content.len() != 1 {
                return Err(MalformedMessage("a BOOLEAN of an odd length"));
            }
            next = control.read()?;
        }
        let value = match next {
            None => None,
            Some((tag::OCTET_STRING, value)) if control.is_at_end() => Some(value.to_vec()),
            Some(_) => return Err(MalformedMessage("a control with unknown parts")),
        };
        controls.push(ResponseControl { oid, value });
    }
    Ok(controls)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::message::ber::Writer;

    fn read(message: &[u8]) -> Result<Response, MalformedMessage> {
        Envelope::open(message)?.response()
    }

    const BIND_OK: &[u8] = b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00";

    #[test]
    fn words_that_repeat_a_secret_are_not_told() {
        let answer = |text: &str| LdapResult { text: text.to_owned(), ..LdapResult::default() };
        let plain = answer("no\n\0").to_secret("tops3cret");
        assert_eq!((plain.words(), &*plain.text), ("no", "no\n\0"));
        let repeated = answer("data 52e, 'tops3cret'").to_secret("tops3cret");
        assert_eq!((repeated.words(), &*repeated.text), (LEFT_OUT, "data 52e, 'tops3cret'"));
    }

    #[test]
    fn a_bind_response_is_read() {
        let envelope = Envelope::open(BIND_OK).unwrap();
        assert!(envelope.answers(tag::BIND_REQUEST) && !envelope.answers(tag::SEARCH_REQUEST));
        assert_eq!((envelope.id, envelope.result().map(|result| result.code)), (1, Ok(0)));
        assert!(matches!(read(BIND_OK), Ok(Response::End(LdapResult { code: 0, .. }))));
    }

    #[test]
    fn a_token_is_read() {
        let message = b"\x30\x10\x02\x01\x01\x61\x0b\x0a\x01\x0e\x04\x00\x04\x00\x87\x02\x01\x02";
        let result = Envelope::open(message).unwrap().result().unwrap();
        assert_eq!((result.code, &*result.text), (14, ""));
        assert_eq!(result.sasl_credentials.as_deref(), Some(&b"\x01\x02"[..]));
    }

    #[test]
    fn an_entry_with_an_attribute_is_read() {
        let entry = b"\x30\x1a\x02\x01\x02\x64\x15\x04\x04dc=x\x30\x0d\x30\x0b\x04\x03uid\x31\x04\x04\x02\xff\xfe";
        let Ok(Response::Entry(entry)) = read(entry) else { panic!() };
        assert_eq!(entry.dn, "dc=x");
        assert_eq!(entry.values("uid").collect::<Vec<_>>(), [b"\xff\xfe"]);
    }

    #[test]
    fn controls_are_read() {
        let message = b"\x30\x1a\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00\xa0\x0c\x30\x0a\x04\x031.2\x01\x01\x00\x04\x00";
        let Ok(Response::End(answer)) = read(message) else { panic!() };
        assert_eq!(
            answer.controls,
            [ResponseControl { oid: "1.2".to_owned(), value: Some(Vec::new()) }]
        );
    }

    #[test]
    fn what_is_in_parts_that_nobody_knows_does_not_count() {
        let message = b"\x30\x10\x02\x01\x01\x61\x0b\x0a\x01\x31\x04\x00\x04\x00\xb0\x02\xc7\xc7";
        let envelope = Envelope::open(message).unwrap();
        assert_eq!(envelope.result().map(|result| result.code), Ok(49));
        assert!(matches!(read(message), Ok(Response::End(LdapResult { code: 49, .. }))));
    }

    #[test]
    fn bytes_that_are_not_utf8_decide_nothing() {
        for (what, message, code) in [
            ("words", &b"\x30\x0e\x02\x01\x01\x61\x09\x0a\x01\x31\x04\x00\x04\x02\xdcx"[..], 49),
            ("matched DN", b"\x30\x0d\x02\x01\x01\x61\x08\x0a\x01\x20\x04\x01\xff\x04\x00", 32),
            (
                "referral",
                b"\x30\x11\x02\x01\x01\x65\x0c\x0a\x01\x0a\x04\x00\x04\x00\xa3\x03\x04\x01\xff",
                10,
            ),
            (
                "response name",
                b"\x30\x0f\x02\x01\x01\x78\x0a\x0a\x01\x00\x04\x00\x04\x00\x8a\x01\xff",
                0,
            ),
        ] {
            let Ok(Response::End(answer)) = read(message) else { panic!("{what}") };
            assert_eq!(answer.code, code, "{what}");
        }
        let entry =
            b"\x30\x15\x02\x01\x02\x64\x10\x04\x04dc=x\x30\x08\x30\x06\x04\x01\xff\x31\x01\x04";
        assert!(read(entry).is_err(), "its set is cut off");
        let entry =
            b"\x30\x15\x02\x01\x02\x64\x10\x04\x04dc=x\x30\x08\x30\x06\x04\x02\xff\xfe\x31\x00";
        assert!(matches!(read(entry), Ok(Response::Entry(_))));
        let nameless = b"\x30\x0a\x02\x01\x02\x64\x05\x04\x01\xff\x30\x00";
        assert!(matches!(read(nameless), Ok(Response::NamelessEntry)));
        assert!(read(b"\x30\x0b\x02\x01\x02\x64\x06\x04\x01\xff\x30\x01\x30").is_err());
    }

    #[test]
    fn active_directorys_goodbye_is_read() {
        let goodbye = b"\x30\x14\x02\x01\x00\x78\x0a\x0a\x01\x34\x04\x00\x04\x03bye\x8a\x031.3";
        let envelope = Envelope::open(goodbye).unwrap();
        assert_eq!((envelope.id, &*envelope.result().unwrap().text), (0, "bye"));
    }

    #[test]
    fn hostile_messages_are_refused() {
        for end in 2..BIND_OK.len() {
            assert!(read(&BIND_OK[..end]).is_err(), "{end}");
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
            (
                "a result code of two bytes for one",
                b"\x30\x0d\x02\x01\x01\x61\x08\x0a\x02\x00\x00\x04\x00\x04\x00",
            ),
            ("an empty result code", b"\x30\x0b\x02\x01\x01\x61\x06\x0a\x00\x04\x00\x04\x00"),
            (
                "a referral that holds no elements",
                b"\x30\x0e\x02\x01\x01\x65\x09\x0a\x01\x00\x04\x00\x04\x00\x83\x00",
            ),
            (
                "credentials that hold elements",
                b"\x30\x0e\x02\x01\x01\x61\x09\x0a\x01\x00\x04\x00\x04\x00\xa7\x00",
            ),
            ("no diagnostic", b"\x30\x0a\x02\x01\x01\x61\x05\x0a\x01\x00\x04\x00"),
            ("an empty message ID", b"\x30\x0b\x02\x00\x61\x07\x0a\x01\x00\x04\x00\x04\x00"),
            (
                "a name behind the response to a request",
                b"\x30\x0e\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00\x8a\x00",
            ),
            (
                "bytes behind an attribute",
                b"\x30\x16\x02\x01\x02\x64\x11\x04\x00\x30\x0d\x30\x0b\x04\x03uid\x31\x00\x04\x02ab",
            ),
            ("an unknown operation", b"\x30\x05\x02\x01\x01\x66\x00"),
            ("bytes behind", b"\x30\x0d\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00\x05"),
        ] {
            assert!(read(message).is_err(), "{what}");
        }
    }

    #[test]
    fn deep_nesting_is_no_danger() {
        let mut nested = Vec::new();
        for _ in 0..8000 {
            let length = u32::try_from(nested.len()).unwrap().to_be_bytes();
            nested = [&[0x30, 0x84][..], &length, &nested].concat();
        }
        let mut writer = Writer::default();
        writer.constructed(tag::SEQUENCE, |message| {
            message.number(tag::INTEGER, 1);
            message.primitive(tag::BIND_RESPONSE, &nested);
        });
        assert!(read(&writer.into_bytes()).is_err());
    }
}
