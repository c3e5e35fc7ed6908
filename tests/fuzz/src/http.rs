//! Requests of HTTP: however a stream is cut, the same ones come out of it, and a form says the same
//! when it is written anew.

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use xmpp_ldap_auth::protocol::http::body::{BodyReader, LONGEST_BODY};
use xmpp_ldap_auth::protocol::http::form::FormFields;
use xmpp_ldap_auth::protocol::http::head::{Head, HeadReader, Length, Method};
use xmpp_ldap_auth::protocol::http::{MalformedHttp, ReceiveBuffer};

/// What a request says: its method, path, query, and body.
type Facts = (Method, String, Vec<u8>, Vec<u8>);

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
            self.requests.push((head.method, head.path, head.query, whole));
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
    for (_, path, query, body) in requests {
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
