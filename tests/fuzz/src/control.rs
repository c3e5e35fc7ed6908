//! Controls of the password policy: any bytes can be read, and what is read of them can be written
//! down and read again.

use std::time::Duration;

use xmpp_ldap_auth::directory::message::oid::PASSWORD_POLICY;
use xmpp_ldap_auth::directory::message::password_policy::{PasswordPolicy, PolicyError};
use xmpp_ldap_auth::directory::message::{LdapResult, ResponseControl};

use crate::answer;

/// The errors in the order of their numbers.
const ERRORS: [PolicyError; 10] = [
    PolicyError::PasswordExpired,
    PolicyError::AccountLocked,
    PolicyError::ChangeAfterReset,
    PolicyError::PasswordModNotAllowed,
    PolicyError::MustSupplyOldPassword,
    PolicyError::InsufficientPasswordQuality,
    PolicyError::PasswordTooShort,
    PolicyError::PasswordTooYoung,
    PolicyError::PasswordInHistory,
    PolicyError::PasswordTooLong,
];

/// The input is the value of one control, and also several; see [`answer::controls`].
pub fn check(input: &[u8]) {
    let one = ResponseControl { oid: PASSWORD_POLICY.to_owned(), value: Some(input.to_vec()) };
    let policy = policy(vec![one]);
    assert!(!policy.netscape_expired);
    if policy != PasswordPolicy::default() {
        assert_eq!(input.first(), Some(&0x30), "{policy:?}");
    }
    check_again(policy);
    check_again(self::policy(answer::controls(input)));
}

fn policy(controls: Vec<ResponseControl>) -> PasswordPolicy {
    PasswordPolicy::of(&LdapResult { controls, ..LdapResult::default() })
}

fn check_again(policy: PasswordPolicy) {
    let control = |oid: &str, value| ResponseControl { oid: oid.to_owned(), value };
    let mut controls = vec![control(PASSWORD_POLICY, Some(written(policy)))];
    if policy.netscape_expired {
        controls.push(control("2.16.840.1.113730.3.4.4", None));
    }
    if let Some(left) = policy.expires_in {
        let seconds = left.as_secs().to_string().into_bytes();
        controls.push(control("2.16.840.1.113730.3.4.5", Some(seconds)));
    }
    assert_eq!(self::policy(controls), policy);
}

/// The value of a control that says this (draft-behera-ldap-password-policy-11, section 6.2).
fn written(policy: PasswordPolicy) -> Vec<u8> {
    let element = |tag: u8, content: &[u8]| {
        [&[tag, u8::try_from(content.len()).expect("it is short")], content].concat()
    };
    let integer = |tag, number: u32| {
        let digits = number.to_be_bytes();
        // The first bit is the sign.
        let start = digits.iter().position(|digit| *digit != 0).unwrap_or(3);
        let sign: &[u8] = if digits[start] > 0x7f { &[0] } else { &[] };
        element(tag, &[sign, &digits[start..]].concat())
    };
    // A longer time can only have come by the other control.
    let seconds = policy.expires_in.map(|left: Duration| left.as_secs());
    let seconds = seconds.and_then(|seconds| i32::try_from(seconds).ok()).map(i32::cast_unsigned);
    let expires = seconds.map(|seconds| element(0xa0, &integer(0x80, seconds)));
    let grace = policy.grace_logins.map(|left| element(0xa0, &integer(0x81, left)));
    let number = policy.error.and_then(|error| ERRORS.iter().position(|known| *known == error));
    let error = number.map(|number| element(0x81, &[u8::try_from(number).expect("it is small")]));
    element(0x30, &[expires, grace, error].into_iter().flatten().flatten().collect::<Vec<_>>())
}
