//! Requests of HTTP: however a stream is cut, the same ones come out of it, which a reader that knows
//! nothing but RFC 9112 cuts out as well; and a form says the same when it is written anew.

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use xmpp_ldap_auth::protocol::http::MalformedHttp;
use xmpp_ldap_auth::protocol::http::body::{BodyReader, LONGEST_BODY};
use xmpp_ldap_auth::protocol::http::form::FormFields;
use xmpp_ldap_auth::protocol::http::head::{Head, HeadReader, Length, Method};
use xmpp_ldap_auth::protocol::receive_buffer::ReceiveBuffer;

mod strict;

/// What a request says.
#[derive(Clone, Debug, PartialEq)]
struct Facts {
    method: Method,
    path: String,
    query: Vec<u8>,
    authorization: Option<Vec<u8>>,
    accept: Vec<u8>,
    expects_continue: bool,
    closes: bool,
    body: Vec<u8>,
}

/// Cuts requests out of what it is given.
#[derive(Default)]
struct Reader {
    received: ReceiveBuffer,
    heads: HeadReader,
    /// The request whose body is being read.
    begun: Option<(Head, BodyReader)>,
    requests: Vec<Facts>,
}

impl Reader {
    fn push(&mut self, bytes: &[u8]) -> Result<(), MalformedHttp> {
        self.received.room().extend_from_slice(bytes);
        loop {
            let (head, mut body) = match self.begun.take() {
                Some(begun) => begun,
                None => match self.heads.next(&mut self.received)? {
                    Some(head) => {
                        let body = BodyReader::new(head.length)?;
                        (head, body)
                    }
                    None => return Ok(()),
                },
            };
            let Some(whole) = body.next(&mut self.received)? else {
                self.begun = Some((head, body));
                return Ok(());
            };
            assert!(whole.len() <= LONGEST_BODY);
            assert!(head.length == Length::Chunked || head.length == Length::Exact(whole.len()));
            let Head { method, path, query, authorization, accept, .. } = head;
            let Head { expects_continue, closes, .. } = head;
            let body = whole;
            let facts = Facts {
                method,
                path,
                query,
                authorization,
                accept,
                expects_continue,
                closes,
                body,
            };
            self.requests.push(facts);
        }
    }
}

/// The requests of a stream in these pieces, and whether what is behind them is none.
fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Facts>, bool) {
    let mut reader = Reader::default();
    let is_malformed = pieces.into_iter().any(|piece| reader.push(piece).is_err());
    (reader.requests, is_malformed)
}

/// The input is the length of the pieces, a byte, and the stream.
pub fn check(input: &[u8]) {
    let Some((length, stream)) = input.split_first() else { return };
    let (requests, is_malformed) = read([stream]);
    for length in [1, usize::from(*length).max(1)] {
        assert_eq!(read(stream.chunks(length)), (requests.clone(), is_malformed));
    }
    let mut rest = stream;
    for request in &requests {
        let strict = strict::request(&mut rest);
        assert_eq!(strict.as_ref(), Some(request), "a strict reader takes it for another");
    }
    for Facts { path, query, body, .. } in requests {
        assert!(!path.contains(['?', '#']) && !path.chars().any(char::is_control));
        check_form(&query);
        check_form(&body);
    }
    check_form(stream);
}

fn check_form(source: &[u8]) {
    let Ok(form) = FormFields::parse(source) else { return };
    let fields = [("user", &form.user), ("server", &form.server), ("pass", &form.pass)];
    let written = fields.map(|(name, value)| match value {
        Some(value) => format!("{name}={}", percent_encode(value.as_bytes(), NON_ALPHANUMERIC)),
        // Neither is it there, nor can it be read.
        None => format!("{name}=%"),
    });
    assert_eq!(FormFields::parse(written.join("&").as_bytes()), Ok(form));
}
