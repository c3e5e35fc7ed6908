//! What eDirectory says in its messages, with error numbers of NDS.

use super::meaning::{Meaning, Table, by_words, no};
use crate::directory::message::Answer;
use crate::result_code::UNWILLING_TO_PERFORM;
use crate::verdict::Denial::*;

#[rustfmt::skip]
pub(super) static BIND: &Table<&str> = &[
    (UNWILLING_TO_PERFORM, "(-197)", no(AccountLocked, "too many wrong passwords")),
    (UNWILLING_TO_PERFORM, "(-218)", no(LogonHours, "not at this time of day")),
    (UNWILLING_TO_PERFORM, "(-220)", no(AccountDisabled, "the account is disabled or expired")),
    (UNWILLING_TO_PERFORM, "(-222)", no(PasswordExpired, "the password has expired")),
];

pub(super) fn of_bind(answer: &Answer) -> Option<&'static Meaning> {
    by_words(BIND, answer)
}
