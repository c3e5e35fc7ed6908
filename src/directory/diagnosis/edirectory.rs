//! What eDirectory says in its messages, with error numbers of NDS. Which result code comes with them
//! differs from version to version.

use super::meaning::{Meaning, REFUSALS, Words, by_words_of_refusal, cannot_tell, no};
use crate::directory::message::LdapResult;
use crate::verdict::Denial::*;
use crate::verdict::Outage;

#[rustfmt::skip]
pub(super) static BIND: &Words = &[
    ("(-197)", no(AccountLocked, "too many wrong passwords")),
    ("(-217)", no(LogonRestricted, "signed in too often at once")),
    ("(-219)", no(LogonRestricted, "not from this address")),
    ("(-218)", no(LogonHours, "not at this time of day")),
    ("(-220)", no(AccountDisabled, "the account is disabled or expired")),
    ("(-221)", no(LogonRestricted, "not from this address")),
    ("(-222)", no(PasswordExpired, "the password has expired, and no grace logins are left")),
    ("(-601)", no(UnknownUser, "no such entry")),
    ("(-669)", no(WrongPassword, "")),
];

static UNLISTED: Meaning =
    cannot_tell(Outage::Directory, "an error of NDS that need not be about the password");

pub(super) fn of_bind(answer: &LdapResult) -> Option<&'static Meaning> {
    let is_of_nds = REFUSALS.contains(&answer.code) && answer.text.contains("NDS error");
    by_words_of_refusal(BIND, answer).or(is_of_nds.then_some(&UNLISTED))
}
