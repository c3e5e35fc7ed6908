//! The text of a request, parsed: `verb:user:host[:password]`.
//!
//! Parsing is total: whatever the bytes are, they are exactly one [`Request`] or one [`Refused`],
//! because whatever the bytes are, the caller waits for exactly one reply.

use std::sync::Arc;

use secrecy::SecretString;

use crate::jid::{Account, has_controls};
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

/// Whom a request is about, for the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Whom {
    /// An account that there can be.
    Account(Arc<Account>),
    /// What stands where the two parts of an account stand, although there can be none of that name.
    Written(Box<str>, Box<str>),
    /// That cannot be read.
    #[default]
    Unreadable,
}

impl Whom {
    /// The part before the `@`.
    pub fn localpart(&self) -> Option<&str> {
        match self {
            Self::Account(account) => Some(account.localpart()),
            Self::Written(localpart, _) => Some(localpart),
            Self::Unreadable => None,
        }
    }

    /// The part after the `@`.
    pub fn domainpart(&self) -> Option<&str> {
        match self {
            Self::Account(account) => Some(account.domainpart()),
            Self::Written(_, domainpart) => Some(domainpart),
            Self::Unreadable => None,
        }
    }
}

/// What is not to be carried out, whatever the directory would say.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", Verdict::Denied(*.denial))]
pub struct Refused {
    /// The verb as far as it could be read.
    pub verb: Verb,
    /// Whom it is about, as far as that could be read.
    pub whom: Whom,
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
            return Self::made_of(verb, Whom::Unreadable, None);
        }
        let whom = match (fields.next(), fields.next()) {
            (Some(localpart), Some(domainpart)) => read_whom(localpart, domainpart),
            _ => Whom::Unreadable,
        };
        match (verb, fields.next()) {
            (Verb::IsUser, Some(_)) => Err(Refused { verb, whom, denial: Denial::Malformed }),
            (_, password) => Self::made_of(verb, whom, password.and_then(legible)),
        }
    }

    /// The request of these fields, each of which is `None` where it is missing or no text.
    pub fn of_fields(
        verb: &str,
        localpart: Option<&str>,
        domainpart: Option<&str>,
        password: Option<&str>,
    ) -> Result<Self, Refused> {
        let whom = match (localpart, domainpart) {
            (Some(localpart), Some(domainpart)) => {
                read_whom(localpart.as_bytes(), domainpart.as_bytes())
            }
            _ => Whom::Unreadable,
        };
        let password = password.and_then(|password| legible(password.as_bytes()));
        Self::made_of(Verb::parse(verb.as_bytes()), whom, password)
    }

    /// The request for what a verb needs: an account, and but to look a user up a password.
    fn made_of(verb: Verb, whom: Whom, password: Option<SecretString>) -> Result<Self, Refused> {
        let denial = match (verb, &whom, password) {
            (Verb::Other, ..) => Denial::Unsupported,
            (Verb::Auth, Whom::Account(account), Some(password)) => {
                return Ok(Self::Auth { account: Arc::clone(account), password });
            }
            (Verb::IsUser, Whom::Account(account), _) => {
                return Ok(Self::IsUser { account: Arc::clone(account) });
            }
            (Verb::SetPass, Whom::Account(account), Some(password)) => {
                return Ok(Self::SetPass { account: Arc::clone(account), password });
            }
            _ => Denial::Malformed,
        };
        Err(Refused { verb, whom, denial })
    }

    /// The request to sign in with a password that a person typed, by the rule for those that are
    /// parsed.
    pub fn typed(account: Account, password: &[u8]) -> Result<Self, Denial> {
        let account = Arc::new(account);
        let password = legible(password).ok_or(Denial::Malformed)?;
        Ok(Self::Auth { account, password })
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
        Self { verb: Verb::Other, whom: Whom::Unreadable, denial: Denial::Malformed }
    }
}

fn read_whom(localpart: &[u8], domainpart: &[u8]) -> Whom {
    let texts = str::from_utf8(localpart).ok().zip(str::from_utf8(domainpart).ok());
    match texts.and_then(|(localpart, domainpart)| Account::new(localpart, domainpart)) {
        Some(account) => Whom::Account(Arc::new(account)),
        None => {
            let [localpart, domainpart] = [localpart, domainpart].map(String::from_utf8_lossy);
            Whom::Written(localpart.into(), domainpart.into())
        }
    }
}

/// A password without control characters: RFC 8265 forbids them (section 4.2.2, base class
/// FreeformClass), and one in a line can only be an attempt to forge a request.
fn legible(password: &[u8]) -> Option<SecretString> {
    let password = str::from_utf8(password).ok()?;
    (!has_controls(password)).then(|| SecretString::from(password))
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
        let long_name = format!("{}@h", "a".repeat(1024));
        let long = format!("isuser:{}", long_name.replace('@', ":"));
        for (text, verb, whom) in [
            (&b""[..], Verb::Other, None),
            (b"auth", Verb::Auth, None),
            (b"auth:", Verb::Auth, None),
            (b"auth:alice", Verb::Auth, None),
            (b"auth:alice:h", Verb::Auth, Some("alice@h")),
            (b"auth::h:p", Verb::Auth, Some("@h")),
            (b"auth:alice::p", Verb::Auth, Some("alice@")),
            (b"auth:alice:h:p\r", Verb::Auth, Some("alice@h")),
            (b"auth:alice:h:p\x00", Verb::Auth, Some("alice@h")),
            (b"auth:al\tice:h:p", Verb::Auth, Some("al\tice@h")),
            (b"auth:Alice:h:p", Verb::Auth, Some("Alice@h")),
            (b"auth:alice:h:\xff", Verb::Auth, Some("alice@h")),
            (b"auth:al\xff:h:p", Verb::Auth, Some("al\u{fffd}@h")),
            (b"auth:alice:\xff:p", Verb::Auth, Some("alice@\u{fffd}")),
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
            (long.as_bytes(), Verb::IsUser, Some(&long_name)),
        ] {
            let refused = Request::parse(text).unwrap_err();
            assert_eq!(refused.verb, verb, "{text:?}");
            let parts = refused.whom.localpart().zip(refused.whom.domainpart());
            let read = parts.map(|(localpart, domainpart)| format!("{localpart}@{domainpart}"));
            assert_eq!(read.as_deref(), whom, "{text:?}");
        }
    }

    #[test]
    fn what_is_typed_is_judged_as_what_is_parsed() {
        let account = || Account::new("alice", "h").unwrap();
        for password in [&b"right"[..], b"", b"a:b", b"a\tb", b"a\r", b"\xff", "é".as_bytes()] {
            let parsed = Request::parse(&[b"auth:alice:h:", password].concat());
            let typed = Request::typed(account(), password);
            match (parsed, typed) {
                (
                    Ok(Request::Auth { password: one, .. }),
                    Ok(Request::Auth { password: other, .. }),
                ) => {
                    assert_eq!(one.expose_secret(), other.expose_secret());
                }
                (Err(refused), Err(denial)) => assert_eq!(refused.denial, denial),
                other => panic!("{password:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn debug_output_hides_the_password() {
        let shown = format!("{:?}", Request::parse(b"setpass:alice:h:tops3cret"));
        assert!(!shown.contains("tops3cret"), "{shown}");
        assert!(shown.contains("alice"), "{shown}");
    }
}
