//! What domain controllers of Active Directory say, Microsoft's and Samba's, with codes of Windows
//! (MS-ERREF, section 2.2).

use super::meaning::{Meaning, MeaningTable, by_sign, cannot_tell, no};
use super::windows_error::WindowsCode::{self, Data, Status};
use super::windows_error::{BAD_BINDINGS, MUST_CHANGE, PASSWORD_RESTRICTION};
use crate::directory::message::LdapResult;
use crate::result_code::{CONSTRAINT_VIOLATION, INVALID_CREDENTIALS, UNWILLING_TO_PERFORM};
use crate::verdict::Denial::*;
use crate::verdict::Outage;

/// Behind a bind that was refused stands a code of Windows, which may say anything.
static UNLISTED: Meaning = cannot_tell(
    Outage::Refused { code: Some(INVALID_CREDENTIALS) },
    "a code of Windows that is not known to be about the password",
);

/// The refusal of a bind is told by its data, that of a change by its status.
#[rustfmt::skip]
pub(super) static TABLE: &MeaningTable<WindowsCode> = &[
    (INVALID_CREDENTIALS, Data(0x56), no(WrongPassword, "a wrong password")),
    (INVALID_CREDENTIALS, Data(0x4f1), cannot_tell(Outage::Directory, "the domain controller reached no other")),
    (INVALID_CREDENTIALS, Data(0x51f), cannot_tell(Outage::Directory, "the domain controller found no logon server")),
    (INVALID_CREDENTIALS, Data(0x525), no(UnknownUser, "no such user")),
    (INVALID_CREDENTIALS, Data(0x52e), no(WrongPassword, "no such user, or a wrong password")),
    (INVALID_CREDENTIALS, Data(0x52f), no(LogonRestricted, "an account restriction")),
    (INVALID_CREDENTIALS, Data(0x530), no(LogonHours, "not at this time of day")),
    (INVALID_CREDENTIALS, Data(0x531), no(LogonRestricted, "not from this workstation")),
    (INVALID_CREDENTIALS, Data(0x532), no(PasswordExpired, "the password has expired")),
    (INVALID_CREDENTIALS, Data(0x533), no(AccountDisabled, "the account is disabled")),
    (INVALID_CREDENTIALS, Data(0x534), no(LogonRestricted, "not granted this type of logon")),
    (INVALID_CREDENTIALS, Data(0x568), cannot_tell(Outage::Refused { code: Some(INVALID_CREDENTIALS) }, "the user is in too many groups for a token")),
    (INVALID_CREDENTIALS, Data(0x569), no(LogonRestricted, "not granted this type of logon")),
    (INVALID_CREDENTIALS, Data(0x6ba), cannot_tell(Outage::Directory, "the domain controller could not call another")),
    (INVALID_CREDENTIALS, Data(0x6fb), cannot_tell(Outage::Directory, "the trust between domains is broken")),
    (INVALID_CREDENTIALS, Data(0x6fd), cannot_tell(Outage::Directory, "the trust between domains is broken")),
    (INVALID_CREDENTIALS, Data(0x701), no(AccountExpired, "the account has expired")),
    (INVALID_CREDENTIALS, Data(MUST_CHANGE), no(MustChangePassword, "the password must be changed")),
    (INVALID_CREDENTIALS, Data(0x775), no(AccountLocked, "the account is locked")),
    (INVALID_CREDENTIALS, Data(0x2030), no(UnknownUser, "no such object")),
    (INVALID_CREDENTIALS, Data(BAD_BINDINGS), cannot_tell(Outage::Directory, "the domain controller wants TLS channel bindings")),
    (UNWILLING_TO_PERFORM, Status(0x1f), cannot_tell(Outage::ClearText, "domain controllers set passwords over TLS alone")),
    (CONSTRAINT_VIOLATION, Status(0x56), no(PasswordRefused, "the old password does not match")),
    (CONSTRAINT_VIOLATION, Status(PASSWORD_RESTRICTION), no(PasswordRefused, "the password policy: length, complexity, history or age")),
    (UNWILLING_TO_PERFORM, Status(0x2035), cannot_tell(Outage::ReadOnly, "a global catalog takes no changes")),
    (UNWILLING_TO_PERFORM, Status(PASSWORD_RESTRICTION), no(PasswordRefused, "the password policy: length, complexity, history or age")),
];

pub(super) fn of_bind(answer: &LdapResult) -> Option<&'static Meaning> {
    if answer.code != INVALID_CREDENTIALS || !is_of_windows(&answer.text) {
        return None;
    }
    WindowsCode::data(&answer.text).and_then(|data| find(answer, data)).or(Some(&UNLISTED))
}

/// Whether a message is one of Windows: `80090308: LdapErr: DSID-0C0903A9, comment: …`.
fn is_of_windows(message: &str) -> bool {
    message.contains("LdapErr: ") || message.contains("AcceptSecurityContext error")
}

pub(super) fn of_password_change(answer: &LdapResult) -> Option<&'static Meaning> {
    find(answer, WindowsCode::status(&answer.text)?)
}

fn find(answer: &LdapResult, sign: WindowsCode) -> Option<&'static Meaning> {
    by_sign(TABLE, answer.code, &sign)
}

/// Whether a bind was refused although its password was right, because it must be changed.
pub(super) fn wants_change(answer: &LdapResult) -> bool {
    answer.code == INVALID_CREDENTIALS && WindowsCode::data(&answer.text) == Some(Data(MUST_CHANGE))
}
