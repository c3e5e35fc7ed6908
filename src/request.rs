//! The text of a request, parsed: `verb:user:host[:password]`.
//!
//! Parsing is total: whatever the bytes are, there is exactly one [`Request`] for them, because
//! whatever the bytes are, the caller waits for exactly one reply.

use std::sync::Arc;

use secrecy::SecretString;

use crate::jid::Account;
use crate::verdict::Denial;

/// What is asked. It decides how a refusal is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Is this the user's password?
    Auth,
    /// Does this user exist?
    IsUser,
    /// Set this user's password.
    SetPass,
    /// Anything else: `tryregister`, `removeuser`, `removeuser3`, `certauth`, or nonsense.
    Other,
}

impl Verb {
    fn parse(name: &[u8]) -> Self {
        match name {
            b"auth" => Self::Auth,
            b"isuser" => Self::IsUser,
            b"setpass" => Self::SetPass,
            _ => Self::Other,
        }
    }

    /// The verb as on the wire; `other` for what is not carried out.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::IsUser => "isuser",
            Self::SetPass => "setpass",
            Self::Other => "other",
        }
    }
}

/// One request. `Debug` never shows the password.
#[derive(Clone, Debug)]
pub enum Request {
    /// Check a password.
    Auth {
        /// Whose.
        account: Arc<Account>,
        /// The password, verbatim; it may be empty.
        password: SecretString,
    },
    /// Look a user up.
    IsUser {
        /// Whom.
        account: Arc<Account>,
    },
    /// Set a password.
    SetPass {
        /// Whose.
        account: Arc<Account>,
        /// The new password, verbatim; it may be empty.
        password: SecretString,
    },
    /// Not to be carried out, whatever the directory would say.
    Refused {
        /// The verb as far as it could be read.
        verb: Verb,
        /// Why it is refused.
        denial: Denial,
    },
}

impl Request {
    /// Reads one request without its framing.
    ///
    /// The fields end at the first three colons; the rest is the password, colons and spaces
    /// included. `isuser` has exactly two fields after the verb.
    pub fn parse(text: &[u8]) -> Self {
        let mut fields = text.splitn(2, |byte| *byte == b':');
        let verb = Verb::parse(fields.next().unwrap_or_default());
        let rest = fields.next().unwrap_or_default();
        if verb == Verb::Other {
            return Self::Refused { verb, denial: Denial::Unsupported };
        }
        Self::parse_fields(verb, rest).unwrap_or(Self::Refused { verb, denial: Denial::Malformed })
    }

    /// A request that could not be read as a whole.
    pub fn unreadable() -> Self {
        Self::Refused { verb: Verb::Other, denial: Denial::Malformed }
    }

    fn parse_fields(verb: Verb, rest: &[u8]) -> Option<Self> {
        let rest = std::str::from_utf8(rest).ok()?;
        let mut fields = rest.splitn(3, ':');
        let account = Arc::new(Account::new(fields.next()?, fields.next()?)?);
        match (verb, fields.next()) {
            (Verb::IsUser, None) => Some(Self::IsUser { account }),
            (Verb::Auth, Some(password)) => {
                Some(Self::Auth { account, password: legible(password)? })
            }
            (Verb::SetPass, Some(password)) => {
                Some(Self::SetPass { account, password: legible(password)? })
            }
            (Verb::Auth | Verb::IsUser | Verb::SetPass | Verb::Other, _) => None,
        }
    }

    /// What is asked.
    pub fn verb(&self) -> Verb {
        match self {
            Self::Auth { .. } => Verb::Auth,
            Self::IsUser { .. } => Verb::IsUser,
            Self::SetPass { .. } => Verb::SetPass,
            Self::Refused { verb, .. } => *verb,
        }
    }

    /// Whom it is about, where that could be read.
    pub fn account(&self) -> Option<&Arc<Account>> {
        match self {
            Self::Auth { account, .. }
            | Self::IsUser { account }
            | Self::SetPass { account, .. } => Some(account),
            Self::Refused { .. } => None,
        }
    }
}

/// A password without control characters: RFC 8265 forbids them (section 4.2.2, base class
/// FreeformClass), and one in a line can only be an attempt to forge a request.
fn legible(password: &str) -> Option<SecretString> {
    (!password.chars().any(char::is_control)).then(|| SecretString::from(password))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn auth(text: &str) -> (String, String, String) {
        match Request::parse(text.as_bytes()) {
            Request::Auth { account, password } => (
                account.localpart().to_owned(),
                account.domainpart().to_owned(),
                password.expose_secret().to_owned(),
            ),
            other => panic!("{text:?} gave {other:?}"),
        }
    }

    #[test]
    fn the_password_is_everything_after_the_third_colon() {
        for password in ["secret", "a:b::c", " both ends ", ":", "", "pä€😀"] {
            let (user, host, parsed) = auth(&format!("auth:alice:example.com:{password}"));
            assert_eq!((&*user, &*host, &*parsed), ("alice", "example.com", password));
        }
    }

    #[test]
    fn the_domain_is_compared_in_lower_case() {
        assert_eq!(auth("auth:alice:EXAMPLE.com:x").1, "example.com");
    }

    #[test]
    fn what_is_not_a_request_is_refused_with_its_verb() {
        let long = format!("isuser:{}:h", "a".repeat(1024));
        for (text, verb) in [
            (&b""[..], Verb::Other),
            (b"auth", Verb::Auth),
            (b"auth:", Verb::Auth),
            (b"auth:alice", Verb::Auth),
            (b"auth:alice:h", Verb::Auth),
            (b"auth::h:p", Verb::Auth),
            (b"auth:alice::p", Verb::Auth),
            (b"auth:alice:h:p\r", Verb::Auth),
            (b"auth:alice:h:p\x00", Verb::Auth),
            (b"auth:al\tice:h:p", Verb::Auth),
            (b"auth:Alice:h:p", Verb::Auth),
            (b"auth:alice:h:\xff", Verb::Auth),
            (b"auth:alice:h:\xc2\x85", Verb::Auth),
            (b"AUTH:alice:h:p", Verb::Other),
            (b" auth:alice:h:p", Verb::Other),
            (b"isuser:alice", Verb::IsUser),
            (b"isuser:alice:h:", Verb::IsUser),
            (b"isuser:alice:h:x", Verb::IsUser),
            (b"setpass:alice:h", Verb::SetPass),
            (b"setpass:alice:h:a\nb", Verb::SetPass),
            (b"tryregister:alice:h:p", Verb::Other),
            (b"removeuser:alice:h", Verb::Other),
            (b"\xff\xfe", Verb::Other),
            (long.as_bytes(), Verb::IsUser),
        ] {
            let request = Request::parse(text);
            assert!(matches!(request, Request::Refused { .. }), "{text:?} gave {request:?}");
            assert_eq!(request.verb(), verb, "{text:?}");
        }
    }

    #[test]
    fn debug_output_hides_the_password() {
        let shown = format!("{:?}", Request::parse(b"setpass:alice:h:tops3cret"));
        assert!(!shown.contains("tops3cret"), "{shown}");
        assert!(shown.contains("alice"), "{shown}");
    }
}
