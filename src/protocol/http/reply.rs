//! What is sent back.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The statuses that are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 200
    Ok,
    /// 204
    NoContent,
    /// 400
    BadRequest,
    /// 401
    Unauthorized,
    /// 403
    Forbidden,
    /// 404
    NotFound,
    /// 503
    ServiceUnavailable,
}

impl Status {
    fn line(self) -> &'static str {
        match self {
            Self::Ok => "200 OK",
            Self::NoContent => "204 No Content",
            Self::BadRequest => "400 Bad Request",
            Self::Unauthorized => "401 Unauthorized",
            Self::Forbidden => "403 Forbidden",
            Self::NotFound => "404 Not Found",
            Self::ServiceUnavailable => "503 Service Unavailable",
        }
    }
}

/// A reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Its status.
    pub status: Status,
    /// What kind of text the body is.
    pub content_type: &'static str,
    /// The body; there is none with 204.
    pub body: Cow<'static, str>,
}

impl Reply {
    /// A reply with a line of plain text.
    pub fn text(status: Status, body: impl Into<Cow<'static, str>>) -> Self {
        Self { status, content_type: "text/plain; charset=utf-8", body: body.into() }
    }

    /// Its bytes; `closes` says that it is the last one on its connection. Nobody may keep it (RFC
    /// 9111, section 5.2.2.5), and its length is given even where there can be no body, because
    /// MongooseIM's client waits for the field.
    pub fn bytes(&self, closes: bool) -> Vec<u8> {
        let Self { status, content_type, body } = self;
        let mut bytes = format!("HTTP/1.1 {}\r\nContent-Length: {}\r\n", status.line(), body.len());
        if !body.is_empty() {
            let _ = write!(bytes, "Content-Type: {content_type}\r\n");
        }
        bytes.push_str("Cache-Control: no-store\r\n");
        if *status == Status::Unauthorized {
            bytes.push_str(
                "WWW-Authenticate: Basic realm=\"xmpp-ldap-auth\", charset=\"UTF-8\"\r\n",
            );
        }
        if closes {
            bytes.push_str("Connection: close\r\n");
        }
        bytes.push_str("\r\n");
        bytes.push_str(body);
        bytes.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_always_has_its_length() {
        let bytes = |reply: Reply, closes| String::from_utf8(reply.bytes(closes)).unwrap();
        assert_eq!(
            bytes(Reply::text(Status::Ok, "true"), false),
            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\n\r\ntrue"
        );
        assert_eq!(
            bytes(Reply::text(Status::NoContent, ""), true),
            "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
        );
        let unauthorized = bytes(Reply::text(Status::Unauthorized, ""), false);
        assert!(unauthorized.contains("\r\nWWW-Authenticate: Basic realm="), "{unauthorized}");
    }
}
