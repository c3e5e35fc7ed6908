//! The answers: what each attack and each oddity sends.

use super::Step;
use super::ber::{self, Request, element, message, result, tag, text};

/// The one entry of this directory.
pub(super) const ALICE: &str = "uid=alice,ou=people,dc=example,dc=com";

/// The name of a Notice of Disconnection (RFC 4511, section 4.4.1).
const DISCONNECTION: &str = "1.3.6.1.4.1.1466.20036";

/// Deep enough to overflow the stack of a decoder that recurses.
const LEVELS: u32 = 8000;

const SUCCESS: &[u8] = &[0];
const SIZE_LIMIT_EXCEEDED: &[u8] = &[4];
const REFERRAL: &[u8] = &[10];
const INVALID_CREDENTIALS: &[u8] = &[49];
const BUSY: &[u8] = &[51];
const UNAVAILABLE: &[u8] = &[52];

/// An answer that no honest server gives. Where it holds a result, that says success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attack {
    /// Thousands of elements within each other.
    NestedElements,
    /// A message of 4 GiB, which is then sent for as long as anybody reads.
    GiantLength,
    /// An operation that is longer than its message, and bytes without end.
    InnerLongerThanOuter,
    /// A message without anything in it.
    EmptySequence,
    /// A SearchResultDone for a bind, a BindResponse for a search.
    WrongResponseType,
    /// An ExtendedResponse for a bind or a search.
    ExtendedResponse,
    /// A result code of five bytes, which is 2^32 or, to a sloppy reader, 0.
    LongResultCode,
    /// A result code without bytes.
    EmptyResultCode,
    /// A diagnostic message that is not UTF-8.
    TextNotUtf8,
    /// A result without its diagnostic message.
    Truncated,
    /// The server says goodbye and closes the connection.
    NoticeOfDisconnection,
    /// A response to a request that was never made.
    WrongMessageId,
    /// A DN that is not UTF-8: the entry's, or the matched DN of a bind.
    NameNotUtf8,
    /// Another protocol.
    Http,
    /// No answer at all.
    Silence,
    /// The end of the connection instead of an answer.
    CloseAtOnce,
    /// A refusal, or an empty result, with the success of a bind right behind it.
    UnaskedSuccess,
    /// The same, but the success bears the next message ID: the answer is there before the question.
    EarlySuccess,
}

impl Attack {
    /// Every attack.
    pub const ALL: [Self; 18] = [
        Self::NestedElements,
        Self::GiantLength,
        Self::InnerLongerThanOuter,
        Self::EmptySequence,
        Self::WrongResponseType,
        Self::ExtendedResponse,
        Self::LongResultCode,
        Self::EmptyResultCode,
        Self::TextNotUtf8,
        Self::Truncated,
        Self::NoticeOfDisconnection,
        Self::WrongMessageId,
        Self::NameNotUtf8,
        Self::Http,
        Self::Silence,
        Self::CloseAtOnce,
        Self::UnaskedSuccess,
        Self::EarlySuccess,
    ];

    pub(super) fn answer(self, step: Step, request: Request) -> Answer {
        let id = request.id;
        let own = step.response();
        // A search finds its entry first, so that only what follows makes the answer a wrong one.
        let after_entry = |id, operation, fields: &[u8]| {
            let entry = if step == Step::Search { alice(id) } else { Vec::new() };
            Answer::Bytes([entry, message(id, operation, fields)].concat())
        };
        let success = result(SUCCESS, b"", b"");
        match self {
            Self::NestedElements => Answer::Bytes(message(id, own, &nested())),
            Self::GiantLength => {
                let start = ber::header(tag::SEQUENCE, u32::MAX);
                Answer::Stream([&start[..], &ber::integer(id)].concat())
            }
            Self::InnerLongerThanOuter => {
                let inner = ber::header(own, u32::MAX >> 1);
                Answer::Stream(ber::sequence(&[&ber::integer(id)[..], &inner].concat()))
            }
            Self::EmptySequence => Answer::Bytes(vec![0x30, 0]),
            Self::WrongResponseType => after_entry(id, step.other().response(), &success),
            Self::ExtendedResponse => after_entry(id, tag::EXTENDED_RESPONSE, &success),
            Self::LongResultCode => after_entry(id, own, &result(&[1, 0, 0, 0, 0], b"", b"")),
            Self::EmptyResultCode => after_entry(id, own, &result(&[], b"", b"")),
            Self::TextNotUtf8 => after_entry(id, own, &result(SUCCESS, b"", b"\xff\xfe")),
            Self::Truncated => {
                after_entry(id, own, &[element(tag::ENUMERATED, SUCCESS), text("")].concat())
            }
            Self::NoticeOfDisconnection => {
                let name = element(tag::RESPONSE_NAME, DISCONNECTION.as_bytes());
                let fields = [result(UNAVAILABLE, b"", b"shutting down"), name].concat();
                Answer::LastBytes(message(0, tag::EXTENDED_RESPONSE, &fields))
            }
            Self::WrongMessageId => after_entry(id.wrapping_add(1000), own, &success),
            Self::NameNotUtf8 => Answer::Bytes(match step {
                Step::Bind => message(id, own, &result(SUCCESS, b"uid=\xff\xfe", b"")),
                Step::Search => {
                    let entry = ber::entry(b"uid=\xff\xfe,dc=example,dc=com", "alice");
                    [message(id, tag::SEARCH_ENTRY, &entry), message(id, own, &success)].concat()
                }
            }),
            Self::Http => Answer::LastBytes(
                b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                    .to_vec(),
            ),
            Self::Silence => Answer::Bytes(Vec::new()),
            Self::CloseAtOnce => Answer::LastBytes(Vec::new()),
            Self::UnaskedSuccess => Answer::Bytes(refusal_and_success(step, id, id)),
            Self::EarlySuccess => Answer::Bytes(refusal_and_success(step, id, id.wrapping_add(1))),
        }
    }
}

/// A well-formed answer to a search that is not the usual one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oddity {
    /// A reference to another server before the entry.
    Reference,
    /// Two entries.
    TwoEntries,
    /// An entry, and the news that there would be more.
    SizeLimit,
    /// A referral instead of entries.
    Referral,
    /// No entry, because the server is busy.
    Busy,
}

impl Oddity {
    /// Every oddity.
    pub const ALL: [Self; 5] =
        [Self::Reference, Self::TwoEntries, Self::SizeLimit, Self::Referral, Self::Busy];

    pub(super) fn answer(self, request: Request) -> Answer {
        let id = request.id;
        let elsewhere = text("ldap://elsewhere.example.com/dc=example,dc=com");
        let done = |code: &[u8]| message(id, tag::SEARCH_DONE, &result(code, b"", b""));
        Answer::Bytes(match self {
            Self::Reference => {
                [message(id, tag::SEARCH_REFERENCE, &elsewhere), alice(id), done(SUCCESS)].concat()
            }
            Self::TwoEntries => {
                let other = ber::entry(b"uid=alice,ou=contractors,dc=example,dc=com", "alice");
                [alice(id), message(id, tag::SEARCH_ENTRY, &other), done(SUCCESS)].concat()
            }
            Self::SizeLimit => [alice(id), done(SIZE_LIMIT_EXCEEDED)].concat(),
            Self::Referral => {
                let referral = element(tag::REFERRAL, &elsewhere);
                message(id, tag::SEARCH_DONE, &[result(REFERRAL, b"", b""), referral].concat())
            }
            Self::Busy => done(BUSY),
        })
    }
}

/// What happens to a connection.
#[derive(Debug)]
pub(super) enum Answer {
    /// These bytes are sent.
    Bytes(Vec<u8>),
    /// These bytes are sent, and the connection is closed.
    LastBytes(Vec<u8>),
    /// These bytes are sent, and more without end.
    Stream(Vec<u8>),
}

/// The answer of a good server.
pub(super) fn honest(request: Request) -> Answer {
    let success = result(SUCCESS, b"", b"");
    Answer::Bytes(match request.operation {
        tag::BIND_REQUEST => message(request.id, tag::BIND_RESPONSE, &success),
        tag::SEARCH_REQUEST => {
            [alice(request.id), message(request.id, tag::SEARCH_DONE, &success)].concat()
        }
        tag::ABANDON_REQUEST => Vec::new(),
        tag::UNBIND_REQUEST => return Answer::LastBytes(Vec::new()),
        _ => message(request.id, tag::EXTENDED_RESPONSE, &success),
    })
}

/// The answer of a good server to who has the wrong password.
pub(super) fn refused(request: Request) -> Answer {
    match request.operation {
        tag::BIND_REQUEST => Answer::Bytes(message(request.id, tag::BIND_RESPONSE, &refusal())),
        tag::EXTENDED_REQUEST => {
            Answer::Bytes(message(request.id, tag::EXTENDED_RESPONSE, &refusal()))
        }
        _ => honest(request),
    }
}

/// A well-formed response with this result code.
pub(super) fn only_result(step: Step, code: u8, request: Request) -> Answer {
    Answer::Bytes(message(request.id, step.response(), &result(&[code], b"", b"")))
}

pub(super) fn alice(id: i32) -> Vec<u8> {
    message(id, tag::SEARCH_ENTRY, &ber::entry(ALICE.as_bytes(), "alice"))
}

/// The fields of a refusal.
pub(super) fn refusal() -> Vec<u8> {
    result(INVALID_CREDENTIALS, b"", b"")
}

fn refusal_and_success(step: Step, id: i32, success_id: i32) -> Vec<u8> {
    let refusal = match step {
        Step::Bind => self::refusal(),
        Step::Search => result(SUCCESS, b"", b""),
    };
    let success = message(success_id, tag::BIND_RESPONSE, &result(SUCCESS, b"", b""));
    [message(id, step.response(), &refusal), success].concat()
}

fn nested() -> Vec<u8> {
    (0..LEVELS).rev().flat_map(|below| ber::header(tag::SEQUENCE, below * 6)).collect()
}
