//! What eDirectory says in its messages, with error numbers of NDS. Which result code comes with them
//! differs from version to version.

use super::meaning::{Meaning, Words, by_words_of_refusal, no};
use crate::directory::message::LdapResult;
use crate::verdict::Denial::*;

#[rustfmt::skip]
pub(super) static BIND: &Words = &[
    ("(-197)", no(AccountLocked, "too many wrong passwords")),
    ("(-217)", no(LogonRestricted, "signed in too often at once")),
    ("(-218)", no(LogonHours, "not at this time of day")),
    ("(-220)", no(AccountDisabled, "the account is disabled or expired")),
    ("(-221)", no(LogonRestricted, "not from this address")),
    ("(-222)", no(PasswordExpired, "the password has expired, and no grace logins are left")),
];

pub(super) fn of_bind(answer: &LdapResult) -> Option<&'static Meaning> {
    by_words_of_refusal(BIND, answer)
}
