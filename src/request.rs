//! The text of a request, parsed: `verb:user:host[:password]`.
//!
//! Parsing is total: whatever the bytes are, they are exactly one [`Request`] or one [`Refused`],
//! because whatever the bytes are, the caller waits for exactly one reply.

use std::sync::Arc;

use secrecy::SecretString;

use crate::jid::Account;
use crate::verdict::{Denial, Verdict};

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

/// What is to be carried out. `Debug` never shows the password.
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
}

/// What is not to be carried out, whatever the directory would say.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", Verdict::Denied(*.denial))]
pub struct Refused {
    /// The verb as far as it could be read.
    pub verb: Verb,
    /// Whom it is about, where that could be read.
    pub account: Option<Arc<Account>>,
    /// Why it is refused.
    pub denial: Denial,
}

impl Request {
    /// Reads one request without its framing.
    ///
    /// The fields end at the first three colons; the rest is the password, colons and spaces
    /// included. `isuser` has exactly two fields after the verb.
    pub fn parse(text: &[u8]) -> Result<Self, Refused> {
        let mut fields = text.splitn(4, |byte| *byte == b':');
        let verb = Verb::parse(fields.next().unwrap_or_default());
        if verb == Verb::Other {
            // What stands behind an unknown word may be a piece of a password, so that it is not
            // taken for a name, which would be logged.
            return Err(Refused { verb, account: None, denial: Denial::Unsupported });
        }
        let account = read_account(fields.next(), fields.next()).map(Arc::new);
        let request = match (verb, account.clone(), fields.next()) {
            (Verb::Auth, Some(account), Some(password)) => {
                legible(password).map(|password| Self::Auth { account, password })
            }
            (Verb::IsUser, Some(account), None) => Some(Self::IsUser { account }),
            (Verb::SetPass, Some(account), Some(password)) => {
                legible(password).map(|password| Self::SetPass { account, password })
            }
            _ => None,
        };
        request.ok_or(Refused { verb, account, denial: Denial::Malformed })
    }

    /// What is asked.
    pub fn verb(&self) -> Verb {
        match self {
            Self::Auth { .. } => Verb::Auth,
            Self::IsUser { .. } => Verb::IsUser,
            Self::SetPass { .. } => Verb::SetPass,
        }
    }

    /// Whom it is about.
    pub fn account(&self) -> &Arc<Account> {
        match self {
            Self::Auth { account, .. }
            | Self::IsUser { account }
            | Self::SetPass { account, .. } => account,
        }
    }
}

impl Refused {
    /// A request that could not be read as a whole.
    pub fn unreadable() -> Self {
        Self { verb: Verb::Other, account: None, denial: Denial::Malformed }
    }
}

fn read_account(localpart: Option<&[u8]>, domainpart: Option<&[u8]>) -> Option<Account> {
    Account::new(str::from_utf8(localpart?).ok()?, str::from_utf8(domainpart?).ok()?)
}

/// A password without control characters: RFC 8265 forbids them (section 4.2.2, base class
/// FreeformClass), and one in a line can only be an attempt to forge a request.
fn legible(password: &[u8]) -> Option<SecretString> {
    let password = str::from_utf8(password).ok()?;
    (!password.chars().any(char::is_control)).then(|| SecretString::from(password))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn auth(text: &str) -> (String, String, String) {
        match Request::parse(text.as_bytes()) {
            Ok(Request::Auth { account, password }) => (
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
    fn what_is_not_a_request_is_refused_with_what_could_be_read() {
        let long = format!("isuser:{}:h", "a".repeat(1024));
        for (text, verb, account) in [
            (&b""[..], Verb::Other, None),
            (b"auth", Verb::Auth, None),
            (b"auth:", Verb::Auth, None),
            (b"auth:alice", Verb::Auth, None),
            (b"auth:alice:h", Verb::Auth, Some("alice@h")),
            (b"auth::h:p", Verb::Auth, None),
            (b"auth:alice::p", Verb::Auth, None),
            (b"auth:alice:h:p\r", Verb::Auth, Some("alice@h")),
            (b"auth:alice:h:p\x00", Verb::Auth, Some("alice@h")),
            (b"auth:al\tice:h:p", Verb::Auth, None),
            (b"auth:Alice:h:p", Verb::Auth, None),
            (b"auth:alice:h:\xff", Verb::Auth, Some("alice@h")),
            (b"auth:al\xff:h:p", Verb::Auth, None),
            (b"auth:alice:h:\xc2\x85", Verb::Auth, Some("alice@h")),
            (b"AUTH:alice:h:p", Verb::Other, None),
            (b" auth:alice:h:p", Verb::Other, None),
            (b"isuser:alice", Verb::IsUser, None),
            (b"isuser:alice:h:", Verb::IsUser, Some("alice@h")),
            (b"isuser:alice:h:x", Verb::IsUser, Some("alice@h")),
            (b"setpass:alice:h", Verb::SetPass, Some("alice@h")),
            (b"setpass:alice:h:a\nb", Verb::SetPass, Some("alice@h")),
            (b"tryregister:alice:h:p", Verb::Other, None),
            (b"removeuser:alice:h", Verb::Other, None),
            (b"the:rest:of:a password", Verb::Other, None),
            (b"\xff\xfe", Verb::Other, None),
            (long.as_bytes(), Verb::IsUser, None),
        ] {
            let refused = Request::parse(text).unwrap_err();
            assert_eq!(refused.verb, verb, "{text:?}");
            let read = refused.account.map(|account| account.to_string());
            assert_eq!(read.as_deref(), account, "{text:?}");
        }
    }

    #[test]
    fn debug_output_hides_the_password() {
        let shown = format!("{:?}", Request::parse(b"setpass:alice:h:tops3cret"));
        assert!(!shown.contains("tops3cret"), "{shown}");
        assert!(shown.contains("alice"), "{shown}");
    }
}
