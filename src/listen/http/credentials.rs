//! Who may ask over HTTP, where a loopback port says nothing about who is at its other end.

use std::fmt;
use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret;
use secrecy::SecretString;

use crate::policy::digest::{HashedId, ProcessKey};

/// The credentials (RFC 7617) of those who may ask; by default there are none. `Debug` shows only how
/// many they are.
#[derive(Clone, Default)]
pub struct Credentials(Option<(ProcessKey, Vec<HashedId>)>);

/// Why a text is no list of credentials.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// There are none.
    #[error("there are no credentials; write user:password, one a line")]
    Empty,
    /// What an editor wrote before the first.
    #[error("it begins with a byte order mark; save it as UTF-8 without one")]
    ByteOrderMark,
    /// A line holds something else.
    #[error("line {0} is no user:password")]
    Line(usize),
    /// No key could be made.
    #[error(transparent)]
    Random(#[from] io::Error),
}

impl Credentials {
    /// Reads one `user:password` a line.
    pub fn parse(text: &SecretString) -> Result<Self, CredentialsError> {
        if text.expose_secret().starts_with('\u{feff}') {
            return Err(CredentialsError::ByteOrderMark);
        }
        let key = ProcessKey::new()?;
        let mut known = Vec::new();
        for (number, line) in (1..).zip(text.expose_secret().lines()) {
            let has_both = line
                .split_once(':')
                .is_some_and(|(user, secret)| !user.is_empty() && !secret.is_empty());
            if !has_both || line.contains(char::is_control) {
                return Err(CredentialsError::Line(number));
            }
            known.push(key.id(line));
        }
        if known.is_empty() { Err(CredentialsError::Empty) } else { Ok(Self(Some((key, known)))) }
    }

    /// Whether the field `Authorization` holds any of them. How long that takes depends on nothing
    /// but the field: what is compared is keyed digests, of which nobody outside can foresee any, and
    /// each of them.
    pub fn admit(&self, authorization: Option<&[u8]>) -> bool {
        let Some((key, known)) = &self.0 else { return false };
        let Some(given) = authorization.and_then(user_and_password) else { return false };
        let given = key.id(given.expose_secret());
        known.iter().fold(false, |is_known, known| is_known | (*known == given))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.as_ref().map_or(0, |(_, known)| known.len());
        f.debug_struct("Credentials").field("count", &count).finish_non_exhaustive()
    }
}

fn user_and_password(authorization: &[u8]) -> Option<SecretString> {
    let (scheme, encoded) = authorization.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let decoded = STANDARD.decode(encoded.trim_ascii()).ok()?;
    String::from_utf8(decoded).ok().map(SecretString::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(text: &str) -> Result<Credentials, CredentialsError> {
        Credentials::parse(&SecretString::from(text))
    }

    fn basic(text: &str) -> Vec<u8> {
        format!("Basic {}", STANDARD.encode(text)).into_bytes()
    }

    #[test]
    fn each_line_admits_and_nothing_else_does() {
        let credentials = credentials("prosody:s3cret\nmongoose:a:ü \n").unwrap();
        for known in ["prosody:s3cret", "mongoose:a:ü "] {
            assert!(credentials.admit(Some(&basic(known))), "{known}");
        }
        for other in
            ["", ":", "prosody", "prosody:", "prosody:s3cre", "prosody:s3cret ", "mongoose:a"]
        {
            assert!(!credentials.admit(Some(&basic(other))), "{other}");
        }
        assert!(!credentials.admit(None));
        let encoded = STANDARD.encode("prosody:s3cret");
        for (field, is_admitted) in [
            (format!("basic   {encoded} "), true),
            (format!("BASIC {encoded}"), true),
            (format!("Basic{encoded}"), false),
            (format!("Bearer {encoded}"), false),
            (format!("Basic {encoded}x"), false),
            (format!("Basic \u{e4}{encoded}"), false),
            ("Basic".to_owned(), false),
            (String::new(), false),
        ] {
            assert_eq!(credentials.admit(Some(field.as_bytes())), is_admitted, "{field}");
        }
        assert!(!Credentials::default().admit(Some(&basic("prosody:s3cret"))));
        assert!(!Credentials::default().admit(Some(&basic(""))));
    }

    #[test]
    fn a_line_that_is_none_is_named_and_not_shown() {
        for text in [
            "",
            "s3cret",
            "a:b\ns3cret\n",
            ":s3cret",
            "s3:",
            "a:b\n\nc:d",
            "a:s3\tcret",
            "a:b\r\n\r\n",
        ] {
            let error = credentials(text).unwrap_err().to_string();
            assert!(error.contains("user:password") && !error.contains("s3"), "{error}");
        }
        let error = credentials("\u{feff}a:b").unwrap_err().to_string();
        assert!(error.contains("byte order mark"), "{error}");
        assert!(credentials("a:b\r\nc:d\r\n").unwrap().admit(Some(&basic("c:d"))));
        let shown = format!("{:?}", credentials("a:s3cret").unwrap());
        assert!(shown.contains('1') && !shown.contains("s3"), "{shown}");
    }
}
