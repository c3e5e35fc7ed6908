//! What result codes mean by themselves (RFC 4511, appendix A.2).

use super::meaning::{Meaning, MeaningTable, YES, cannot_tell, no};
use crate::result_code::{
    BUSY, CONSTRAINT_VIOLATION, INAPPROPRIATE_AUTHENTICATION, INSUFFICIENT_ACCESS_RIGHTS,
    INVALID_CREDENTIALS, INVALID_DN_SYNTAX, NO_SUCH_OBJECT, PROTOCOL_ERROR, REFERRAL, SUCCESS,
    UNAVAILABLE, UNWILLING_TO_PERFORM,
};
use crate::verdict::Denial::*;
use crate::verdict::Outage;

const BUSY_NOW: Meaning = cannot_tell(Outage::Directory, "the server is busy");
const NOT_THERE: Meaning =
    cannot_tell(Outage::Directory, "the server is shutting down, or is not there yet");

#[rustfmt::skip]
pub(super) static BIND: &MeaningTable<()> = &[
    (SUCCESS, (), YES),
    (REFERRAL, (), cannot_tell(Outage::Referral, "")),
    (NO_SUCH_OBJECT, (), no(UnknownUser, "no such entry")),
    (INVALID_DN_SYNTAX, (), cannot_tell(Outage::Misconfigured, "the server takes no such name in a bind: write user_dn as a DN, or let base find the users")),
    (INAPPROPRIATE_AUTHENTICATION, (), no(WrongPassword, "the entry has no password")),
    (INVALID_CREDENTIALS, (), no(WrongPassword, "")),
    (INSUFFICIENT_ACCESS_RIGHTS, (), no(LogonRestricted, "the directory does not let this user in")),
    (BUSY, (), BUSY_NOW),
    (UNAVAILABLE, (), NOT_THERE),
];

#[rustfmt::skip]
pub(super) static PASSWORD_CHANGE: &MeaningTable<()> = &[
    (SUCCESS, (), YES),
    (PROTOCOL_ERROR, (), cannot_tell(Outage::NoPasswordOperation, "the server does not know this operation")),
    (REFERRAL, (), cannot_tell(Outage::ReadOnly, "the server refers to another one for changes")),
    (CONSTRAINT_VIOLATION, (), no(PasswordRefused, "")),
    (NO_SUCH_OBJECT, (), no(UnknownUser, "no such entry")),
    (BUSY, (), BUSY_NOW),
    (UNAVAILABLE, (), NOT_THERE),
    (UNWILLING_TO_PERFORM, (), no(PasswordRefused, "")),
];
