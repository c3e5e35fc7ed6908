//! The head of a request: its first line and its fields.

use std::fmt;

use super::MalformedHttp;
use crate::protocol::receive_buffer::ReceiveBuffer;

/// The longest head in bytes.
pub const LONGEST_HEAD: usize = 256 * 1024;

/// The most fields that a head may have.
const MOST_FIELDS: usize = 64;

/// What is to be done, as far as anything is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// To answer a question.
    Get,
    /// To change something.
    Post,
    /// Nothing that is served here.
    Other,
}

/// How long a body is (RFC 9112, section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// So many bytes.
    Exact(usize),
    /// As long as its chunks.
    Chunked,
}

/// The head of a request. `Debug` shows neither the query nor the credentials.
pub struct Head {
    /// What is to be done.
    pub method: Method,
    /// The path of the target, as it was written.
    pub path: String,
    /// What stands behind the `?` of the target.
    pub query: Vec<u8>,
    /// The field `Authorization`.
    pub authorization: Option<Vec<u8>>,
    /// The fields `Accept`, one behind the other.
    pub accept: Vec<u8>,
    /// How long the body is.
    pub length: Length,
    /// Whether the body comes only when it is asked for (RFC 9110, section 10.1.1).
    pub expects_continue: bool,
    /// Whether this is the last request on its connection.
    pub closes: bool,
}

impl Head {
    /// Whether the next head follows at once.
    pub fn has_no_body(&self) -> bool {
        self.length == Length::Exact(0)
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Head")
            .field("method", &self.method)
            .field("length", &self.length)
            .field("closes", &self.closes)
            .finish_non_exhaustive()
    }
}

/// Finds the end of a head without looking at a byte twice, however it arrives.
#[derive(Debug, Default)]
pub struct HeadReader {
    /// Where the line begins whose end is looked for.
    line: usize,
    /// As far as there is no end of it.
    searched: usize,
}

impl HeadReader {
    /// Cuts the next head off, once it is whole. Empty lines before it do not count (RFC 9112,
    /// section 2.2).
    pub fn next(&mut self, received: &mut ReceiveBuffer) -> Result<Option<Head>, MalformedHttp> {
        let length = loop {
            let bytes = received.bytes();
            let unsearched = bytes.get(self.searched..).unwrap_or_default();
            let Some(end) = unsearched.iter().position(|byte| *byte == b'\n') else {
                self.searched = bytes.len();
                let is_short = bytes.len() <= LONGEST_HEAD;
                return if is_short { Ok(None) } else { Err(MalformedHttp) };
            };
            let end = self.searched + end;
            let line = bytes.get(self.line..end).unwrap_or_default();
            let is_empty = line.strip_suffix(b"\r").ok_or(MalformedHttp)?.is_empty();
            match (is_empty, self.line) {
                (true, 0) => {
                    received.take(end + 1);
                    *self = Self::default();
                }
                (true, _) => break end + 1,
                (false, _) => (self.line, self.searched) = (end + 1, end + 1),
            }
        };
        *self = Self::default();
        if length > LONGEST_HEAD {
            Err(MalformedHttp)
        } else {
            parse(&received.take(length)).map(Some)
        }
    }
}

fn parse(bytes: &[u8]) -> Result<Head, MalformedHttp> {
    let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    let parsed = request.parse(bytes).map_err(|_| MalformedHttp)?;
    if parsed != httparse::Status::Complete(bytes.len()) || request.version != Some(1) {
        return Err(MalformedHttp);
    }
    let method = match request.method {
        Some("GET") => Method::Get,
        Some("POST") => Method::Post,
        _ => Method::Other,
    };
    let (path, query) = split_target(request.path.unwrap_or_default())?;
    let fields = Fields(request.headers);
    fields.only("host")?;
    let connection = fields.all("connection");
    let expectation = fields.only("expect")?;
    if expectation.is_some_and(|value| !value.eq_ignore_ascii_case(b"100-continue")) {
        return Err(MalformedHttp);
    }
    Ok(Head {
        method,
        path: path.to_owned(),
        query: query.as_bytes().to_vec(),
        authorization: fields.only("authorization")?.map(<[u8]>::to_vec),
        accept: fields.all("accept"),
        length: fields.length()?,
        expects_continue: expectation.is_some(),
        closes: connection
            .split(|byte| *byte == b',')
            .any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close")),
    })
}

/// The path and the query of a target in origin form or in absolute form (RFC 9112, section 3.2).
fn split_target(target: &str) -> Result<(&str, &str), MalformedHttp> {
    if target.contains('#') {
        return Err(MalformedHttp);
    }
    let local = if target.starts_with('/') {
        target
    } else {
        let (scheme, rest) = target.split_once("://").ok_or(MalformedHttp)?;
        if !scheme.eq_ignore_ascii_case("http") {
            return Err(MalformedHttp);
        }
        rest.find(['/', '?']).and_then(|path| rest.get(path..)).unwrap_or_default()
    };
    let (path, query) = local.split_once('?').unwrap_or((local, ""));
    // Other characters are written as hex (RFC 3986, section 2); clients leave them in queries only.
    if path.is_ascii() { Ok((path, query)) } else { Err(MalformedHttp) }
}

/// The fields of a head.
struct Fields<'a>(&'a [httparse::Header<'a>]);

impl Fields<'_> {
    fn named(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let is_named = move |field: &&httparse::Header<'_>| field.name.eq_ignore_ascii_case(name);
        self.0.iter().filter(is_named).map(|field| field.value)
    }

    /// The value of a field that may be there once.
    fn only(&self, name: &str) -> Result<Option<&[u8]>, MalformedHttp> {
        let mut values = self.named(name);
        let value = values.next();
        if values.next().is_some() { Err(MalformedHttp) } else { Ok(value) }
    }

    /// The values of a field that is a list.
    fn all(&self, name: &str) -> Vec<u8> {
        self.named(name).collect::<Vec<_>>().join(&b","[..])
    }

    fn length(&self) -> Result<Length, MalformedHttp> {
        match (self.only("transfer-encoding")?, self.only("content-length")?) {
            (None, None) => Ok(Length::Exact(0)),
            (Some(coding), None) if coding.eq_ignore_ascii_case(b"chunked") => Ok(Length::Chunked),
            (None, Some(digits)) if digits.iter().all(u8::is_ascii_digit) => {
                let length = str::from_utf8(digits).map_err(|_| MalformedHttp)?.parse();
                length.map(Length::Exact).map_err(|_| MalformedHttp)
            }
            _ => Err(MalformedHttp),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> Result<Option<Head>, MalformedHttp> {
        let mut received = ReceiveBuffer::default();
        received.room().extend_from_slice(bytes);
        HeadReader::default().next(&mut received)
    }

    fn head(fields: &str) -> Result<Option<Head>, MalformedHttp> {
        read(format!("GET /a?b=c HTTP/1.1\r\nHost: h\r\n{fields}\r\n").as_bytes())
    }

    #[test]
    fn targets_are_read_in_both_forms() {
        for (target, path, query) in [
            ("/check_password?user=a&pass=%20", "/check_password", "user=a&pass=%20"),
            ("/a", "/a", ""),
            ("/a??", "/a", "?"),
            ("//a", "//a", ""),
            ("http://h:1/a?b", "/a", "b"),
            ("HTTP://user@h/a", "/a", ""),
            ("http://h?b", "", "b"),
            ("http://h", "", ""),
        ] {
            let text = format!("GET {target} HTTP/1.1\r\n\r\n");
            let head = read(text.as_bytes()).unwrap().unwrap();
            assert_eq!((&*head.path, &*head.query), (path, query.as_bytes()), "{target}");
        }
        for target in [
            "/\u{97}",
            "http://h#b/a",
            "http://h#b",
            "*",
            "a",
            "h:80",
            "https://h/",
            "/a#b",
            "/a?b#c",
            "",
            "/a b",
            "/a\u{7f}",
        ] {
            let text = format!("OPTIONS {target} HTTP/1.1\r\n\r\n");
            assert!(read(text.as_bytes()).is_err(), "{target}");
        }
    }

    #[test]
    fn what_two_readers_could_take_for_different_messages_is_refused() {
        for fields in [
            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n",
            "Content-Length: 1\r\nContent-Length: 2\r\n",
            "Content-Length: 1\r\ncontent-length: 1\r\n",
            "Content-Length: 1, 1\r\n",
            "Content-Length: +1\r\n",
            "Content-Length: -1\r\n",
            "Content-Length: 0x1\r\n",
            "Content-Length: 1 1\r\n",
            "Content-Length:\r\n",
            "Content-Length: 99999999999999999999999\r\n",
            "Content-Length : 1\r\n",
            "Content-Length\t: 1\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: chunked, identity\r\n",
            "Transfer-Encoding: identity\r\n",
            "Transfer-Encoding: xchunked\r\n",
            "Transfer-Encoding: \x0bchunked\r\n",
            "A: b\r\n c\r\n",
            "A: b\r\n\tc\r\n",
            " A: b\r\n",
            "A: b\n",
            "A: b\rC: d\r\n",
            "A: b\r\r\n",
            "A\r: b\r\n",
            "A: b\0\r\n",
            "A b\r\n",
            ": b\r\n",
            "Host: other\r\n",
            "Authorization: Basic YTpi\r\nAuthorization: Basic YTpj\r\n",
            "Expect: 200-ok\r\n",
            "\n",
        ] {
            assert!(head(fields).is_err(), "{fields:?}");
        }
        for text in [
            "GET /a HTTP/1.0\r\n\r\n",
            "GET /a HTTP/1.2\r\n\r\n",
            "GET /a HTTP/2.0\r\n\r\n",
            "GET /a\r\n\r\n",
            "GET  /a HTTP/1.1\r\n\r\n",
            "GET /a  HTTP/1.1\r\n\r\n",
            "GET\t/a HTTP/1.1\r\n\r\n",
            "GET /a HTTP/1.1 \r\n\r\n",
            " GET /a HTTP/1.1\r\n\r\n",
            "GET /a HTTP/1.1\n\n",
            "GET /a HTTP/1.1\r\n\n",
            "\nGET /a HTTP/1.1\r\n\r\n",
            "G\0T /a HTTP/1.1\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\n",
        ] {
            assert!(read(text.as_bytes()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn fields_say_how_long_the_body_is_and_what_comes_behind() {
        for (fields, length, closes, expects_continue) in [
            ("", Length::Exact(0), false, false),
            ("content-length:7\r\n", Length::Exact(7), false, false),
            ("TRANSFER-ENCODING: Chunked \r\n", Length::Chunked, false, false),
            ("Connection: keep-alive, Close\r\n", Length::Exact(0), true, false),
            ("Connection: a\r\nConnection: close\r\n", Length::Exact(0), true, false),
            ("Connection: closed\r\n", Length::Exact(0), false, false),
            ("Expect: 100-Continue\r\n", Length::Exact(0), false, true),
        ] {
            let head = head(fields).unwrap().unwrap();
            let read = (head.length, head.closes, head.expects_continue);
            assert_eq!(read, (length, closes, expects_continue), "{fields}");
        }
    }

    #[test]
    fn a_head_is_as_long_as_the_longest_password_needs_and_no_longer() {
        let of_length = |length: usize| {
            let frame = "GET /? HTTP/1.1\r\n\r\n".len();
            read(format!("GET /?{} HTTP/1.1\r\n\r\n", "x".repeat(length - frame)).as_bytes())
        };
        assert!(of_length(LONGEST_HEAD).unwrap().is_some());
        assert!(of_length(LONGEST_HEAD + 1).is_err());
        assert!(read(&vec![b'x'; LONGEST_HEAD]).unwrap().is_none());
        assert!(read(&vec![b'x'; LONGEST_HEAD + 1]).is_err());
        assert!(head(&"A: b\r\n".repeat(MOST_FIELDS)).is_err());
    }

    #[test]
    fn debug_output_hides_what_is_asked() {
        let head = read(b"GET /a?pass=s3cret HTTP/1.1\r\nAuthorization: s3cret\r\n\r\n");
        let shown = format!("{head:?}");
        assert!(shown.contains("Get") && !shown.contains("s3cret"), "{shown}");
    }

    proptest! {
        #[test]
        fn however_they_are_cut_two_heads_are_two(cuts in proptest::collection::vec(1_usize..40, 1..9)) {
            let bytes = b"\r\nGET /a?b HTTP/1.1\r\nHost: h\r\n\r\n\r\n\r\nPOST /c HTTP/1.1\r\nA:\r\n\r\n";
            let (mut received, mut reader) = (ReceiveBuffer::default(), HeadReader::default());
            let (mut heads, mut rest, mut cuts) = (Vec::new(), &bytes[..], cuts.iter().cycle());
            while !rest.is_empty() {
                let (part, after) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
                received.room().extend_from_slice(part);
                rest = after;
                while let Some(head) = reader.next(&mut received).unwrap() {
                    heads.push((head.method, head.path));
                }
            }
            let expected = [(Method::Get, "/a".to_owned()), (Method::Post, "/c".to_owned())];
            prop_assert_eq!(heads, expected);
            prop_assert!(received.bytes().is_empty());
        }

        #[test]
        fn any_bytes_are_a_head_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&bytes);
            let _ = read(&[b"GET /a HTTP/1.1\r\n", &bytes[..], b"\r\n\r\n"].concat());
        }
    }
}
