//! What Samba says that tells binds by names of Windows' NTSTATUS (MS-ERREF, section 2.3), as it did
//! before it wrote the codes that domain controllers of Microsoft write.

use super::meaning::{Meaning, Words, by_words_of_refusal, cannot_tell, no};
use crate::directory::message::LdapResult;
use crate::result_code::INVALID_CREDENTIALS;
use crate::verdict::Denial::*;
use crate::verdict::Outage;

#[rustfmt::skip]
pub(super) static BIND: &Words = &[
    ("NT_STATUS_ACCOUNT_DISABLED", no(AccountDisabled, "the account is disabled")),
    ("NT_STATUS_ACCOUNT_EXPIRED", no(AccountExpired, "the account has expired")),
    ("NT_STATUS_ACCOUNT_LOCKED_OUT", no(AccountLocked, "the account is locked")),
    ("NT_STATUS_ACCOUNT_RESTRICTION", no(LogonRestricted, "an account restriction")),
    ("NT_STATUS_INVALID_LOGON_HOURS", no(LogonHours, "not at this time of day")),
    ("NT_STATUS_INVALID_WORKSTATION", no(LogonRestricted, "not from this workstation")),
    ("NT_STATUS_LOGON_FAILURE", no(WrongPassword, "no such user, or a wrong password")),
    ("NT_STATUS_PASSWORD_EXPIRED", no(PasswordExpired, "the password has expired")),
    ("NT_STATUS_PASSWORD_MUST_CHANGE", no(MustChangePassword, "the password must be changed")),
];

static UNLISTED: Meaning = cannot_tell(
    Outage::Refused { code: Some(INVALID_CREDENTIALS) },
    "a status of Windows that is not known to be about the password",
);

pub(super) fn of_bind(answer: &LdapResult) -> Option<&'static Meaning> {
    let has_status = answer.code == INVALID_CREDENTIALS && answer.text.contains("NT_STATUS_");
    by_words_of_refusal(BIND, answer).or(has_status.then_some(&UNLISTED))
}
