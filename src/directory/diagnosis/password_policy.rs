//! What the controls of a password policy mean, of whatever product.

use super::meaning::{Meaning, MeaningTable, by_sign, no};
use crate::directory::message::password_policy::{PasswordPolicy, PolicyError};
use crate::result_code::{
    CONSTRAINT_VIOLATION, INSUFFICIENT_ACCESS_RIGHTS, INVALID_CREDENTIALS, SUCCESS,
    UNWILLING_TO_PERFORM,
};
use crate::verdict::Denial::*;

/// By the error of the password policy control.
#[rustfmt::skip]
pub(super) static BIND: &MeaningTable<PolicyError> = &[
    (SUCCESS, PolicyError::ChangeAfterReset, no(MustChangePassword, "the password must be changed")),
    (CONSTRAINT_VIOLATION, PolicyError::AccountLocked, no(AccountLocked, "the account is locked")),
    (INVALID_CREDENTIALS, PolicyError::AccountLocked, no(AccountLocked, "the account is locked")),
    (INVALID_CREDENTIALS, PolicyError::ChangeAfterReset, no(MustChangePassword, "the password must be changed")),
    (INVALID_CREDENTIALS, PolicyError::PasswordExpired, no(PasswordExpired, "the password has expired")),
    (UNWILLING_TO_PERFORM, PolicyError::AccountLocked, no(AccountLocked, "the account is locked")),
];

/// By Netscape's control, which says the same of a password that has expired and of one that must be
/// changed.
pub(super) static NETSCAPE_BIND: &MeaningTable<()> = &[
    (SUCCESS, (), no(MustChangePassword, "the password must be changed")),
    (INVALID_CREDENTIALS, (), no(PasswordExpired, "the password has expired")),
];

pub(super) fn of_bind(code: u32, policy: PasswordPolicy) -> Option<&'static Meaning> {
    let by_error = policy.error.and_then(|error| by_sign(BIND, code, &error));
    // 389 Directory Server sends Netscape's control while grace logins are left as well.
    let has_expired = policy.netscape_expired && policy.grace_logins.is_none();
    by_error.or_else(|| by_sign(NETSCAPE_BIND, code, &()).filter(|_| has_expired))
}

/// Only the refusal of a change is explained by what the policy finds wrong with a new password.
pub(super) fn of_password_change(code: u32, policy: PasswordPolicy) -> Option<Meaning> {
    let error = policy.error.filter(|error| error.is_about_new_password())?;
    matches!(code, CONSTRAINT_VIOLATION | INSUFFICIENT_ACCESS_RIGHTS | UNWILLING_TO_PERFORM)
        .then(|| no(PasswordRefused, error.words()))
}

/// What the policy has to say about a password that was accepted.
pub(super) fn warning(policy: PasswordPolicy) -> Option<String> {
    let grace = policy.grace_logins.map(|left| format!("grace logins left: {left}"));
    grace.or_else(|| {
        let left = humantime::format_duration(policy.expires_in?);
        Some(format!("the password expires in {left}"))
    })
}
