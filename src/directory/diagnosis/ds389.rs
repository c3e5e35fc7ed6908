//! What 389 Directory Server, FreeIPA and their relatives say in their messages.

use super::meaning::{MeaningTable, cannot_tell, no};
use crate::result_code::{CONSTRAINT_VIOLATION, INVALID_CREDENTIALS, UNWILLING_TO_PERFORM};
use crate::verdict::Denial::*;
use crate::verdict::Outage;

#[rustfmt::skip]
pub(super) static BIND: &MeaningTable<&str> = &[
    (CONSTRAINT_VIOLATION, "inactivity limit", no(AccountDisabled, "not used for too long")),
    (CONSTRAINT_VIOLATION, "TPR checking", no(PasswordExpired, "the temporary password is used up, has expired or is not valid yet")),
    (CONSTRAINT_VIOLATION, "password retry limit", no(AccountLocked, "too many wrong passwords")),
    (INVALID_CREDENTIALS, "password expired", no(PasswordExpired, "the password has expired")),
    (INVALID_CREDENTIALS, "password is expired", no(PasswordExpired, "the password has expired")),
    (UNWILLING_TO_PERFORM, "account inactivated", no(AccountDisabled, "the account is inactivated")),
    (UNWILLING_TO_PERFORM, "permanently locked", no(AccountLocked, "the account is locked")),
    (UNWILLING_TO_PERFORM, "principal) is expired", no(AccountExpired, "the account has expired")),
    (UNWILLING_TO_PERFORM, "too many failed logins", no(AccountLocked, "too many wrong passwords")),
];

#[rustfmt::skip]
pub(super) static PASSWORD_CHANGE: &MeaningTable<&str> = &[
    (UNWILLING_TO_PERFORM, "read only", cannot_tell(Outage::ReadOnly, "the database is read-only")),
    (UNWILLING_TO_PERFORM, "read-only", cannot_tell(Outage::ReadOnly, "the database is read-only")),
];
