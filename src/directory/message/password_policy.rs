//! What a directory's password policy says in the controls of a response.
//!
//! A control that cannot be read says nothing.

use std::time::Duration;

use crate::directory::message::ber::{Reader, tag};
use crate::directory::message::oid;
use crate::directory::message::response::LdapResult;

/// The error of a password policy response (draft-behera-ldap-password-policy-11, section 6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyError {
    /// 0
    PasswordExpired,
    /// 1
    AccountLocked,
    /// 2
    ChangeAfterReset,
    /// 3
    PasswordModNotAllowed,
    /// 4
    MustSupplyOldPassword,
    /// 5
    InsufficientPasswordQuality,
    /// 6
    PasswordTooShort,
    /// 7
    PasswordTooYoung,
    /// 8
    PasswordInHistory,
    /// 9, OpenLDAP's
    PasswordTooLong,
}

impl PolicyError {
    fn read(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::PasswordExpired,
            1 => Self::AccountLocked,
            2 => Self::ChangeAfterReset,
            3 => Self::PasswordModNotAllowed,
            4 => Self::MustSupplyOldPassword,
            5 => Self::InsufficientPasswordQuality,
            6 => Self::PasswordTooShort,
            7 => Self::PasswordTooYoung,
            8 => Self::PasswordInHistory,
            9 => Self::PasswordTooLong,
            _ => return None,
        })
    }

    /// Whether it is about a password that was to be set, and not about who set it.
    pub fn is_about_new_password(self) -> bool {
        !matches!(self, Self::PasswordExpired | Self::AccountLocked | Self::ChangeAfterReset)
    }

    /// The error in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::PasswordExpired => "the password has expired",
            Self::AccountLocked => "the account is locked",
            Self::ChangeAfterReset => "the password must be changed after its reset",
            Self::PasswordModNotAllowed => "the user may not change the password",
            Self::MustSupplyOldPassword => "the old password must be given too",
            Self::InsufficientPasswordQuality => "the password is too simple",
            Self::PasswordTooShort => "the password is too short",
            Self::PasswordTooYoung => "the last password was set too recently",
            Self::PasswordInHistory => "the password was used before",
            Self::PasswordTooLong => "the password is too long",
        }
    }
}

/// What the controls of a response say together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PasswordPolicy {
    /// What is wrong.
    pub error: Option<PolicyError>,
    /// How soon the password expires.
    pub expires_in: Option<Duration>,
    /// How often an expired password still signs in.
    pub grace_logins: Option<u32>,
    /// Netscape's control that the password has expired, or must be changed.
    pub netscape_expired: bool,
}

impl PasswordPolicy {
    /// What an answer says of it.
    pub fn of(answer: &LdapResult) -> Self {
        let mut policy = Self::default();
        for control in &answer.controls {
            let value = control.value.as_deref().unwrap_or_default();
            match control.oid.as_str() {
                oid::PASSWORD_POLICY => {
                    let read = Self::read(value).unwrap_or_default();
                    policy = Self {
                        netscape_expired: policy.netscape_expired,
                        expires_in: read.expires_in.or(policy.expires_in),
                        ..read
                    };
                }
                oid::NETSCAPE_PASSWORD_EXPIRED => policy.netscape_expired = true,
                oid::NETSCAPE_PASSWORD_EXPIRING => {
                    let seconds =
                        std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                    policy.expires_in = policy.expires_in.or(seconds.map(Duration::from_secs));
                }
                _ => {}
            }
        }
        policy
    }

    /// `SEQUENCE { warning [0] CHOICE { timeBeforeExpiration [0] INTEGER, graceAuthNsRemaining [1]
    /// INTEGER } OPTIONAL, error [1] ENUMERATED OPTIONAL }`
    fn read(value: &[u8]) -> Option<Self> {
        const CONSTRUCTED_0: u8 = 0xa0;
        const PRIMITIVE_0: u8 = 0x80;
        const PRIMITIVE_1: u8 = 0x81;
        let mut policy = Self::default();
        let mut outer = Reader::new(value);
        let mut fields = Reader::new(outer.expect(tag::SEQUENCE).ok()?);
        while let Some((field, content)) = fields.read().ok()? {
            match field {
                CONSTRUCTED_0 => match Reader::new(content).read().ok()?? {
                    (PRIMITIVE_0, seconds) => {
                        policy.expires_in = Some(Duration::from_secs(number(seconds)?.into()));
                    }
                    (PRIMITIVE_1, grace) => policy.grace_logins = Some(number(grace)?),
                    _ => return None,
                },
                PRIMITIVE_1 => match content {
                    [error] => policy.error = PolicyError::read(*error),
                    _ => return None,
                },
                _ => return None,
            }
        }
        Some(policy)
    }
}

fn number(digits: &[u8]) -> Option<u32> {
    match digits {
        [] | [0x80..=0xff, ..] | [_, _, _, _, _, ..] => None,
        digits => Some(digits.iter().fold(0, |number, digit| number << 8 | u32::from(*digit))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::directory::message::response::ResponseControl;

    fn policy(value: &[u8]) -> PasswordPolicy {
        let oid = oid::PASSWORD_POLICY.to_owned();
        let controls = vec![ResponseControl { oid, value: Some(value.to_vec()) }];
        PasswordPolicy::of(&LdapResult { controls, ..LdapResult::default() })
    }

    #[test]
    fn password_policy_responses_are_read() {
        assert_eq!(policy(b"\x30\x00"), PasswordPolicy::default());
        assert_eq!(policy(b"\x30\x03\x81\x01\x02").error, Some(PolicyError::ChangeAfterReset));
        assert_eq!(policy(b"\x30\x05\xa0\x03\x81\x01\x03").grace_logins, Some(3));
        let both = policy(b"\x30\x09\xa0\x04\x80\x02\x0e\x10\x81\x01\x01");
        assert_eq!(both.expires_in, Some(Duration::from_secs(3600)));
        assert_eq!(both.error, Some(PolicyError::AccountLocked));
    }

    #[test]
    fn netscapes_controls_are_read() {
        let controls =
            [(oid::NETSCAPE_PASSWORD_EXPIRED, "0"), (oid::NETSCAPE_PASSWORD_EXPIRING, "86400")];
        let controls = controls.map(|(oid, value)| ResponseControl {
            oid: oid.to_owned(),
            value: Some(value.as_bytes().to_vec()),
        });
        let answer = LdapResult { controls: controls.to_vec(), ..LdapResult::default() };
        let policy = PasswordPolicy::of(&answer);
        assert!(policy.netscape_expired);
        assert_eq!(policy.expires_in, Some(Duration::from_secs(86_400)));
    }

    #[test]
    fn what_cannot_be_read_says_nothing() {
        for value in [
            &b""[..],
            b"\x30",
            b"\x31\x00",
            b"\x30\x03\x81\x01",
            b"\x30\x04\x81\x02\x00\x01",
            b"\x30\x02\xa0\x00",
            b"\x30\x05\xa0\x03\x81\x01\x80",
            b"\x30\x03\x82\x01\x01",
            b"\x30\x03\x81\x01\x63",
        ] {
            assert_eq!(policy(value), PasswordPolicy::default(), "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_can_hurt(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = policy(&bytes);
        }
    }
}
