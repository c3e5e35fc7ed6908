//! Result codes (RFC 4511, appendix A), and what a code says by itself.

use crate::verdict::Outage;

/// Result codes of RFC 4511, appendix A.2.
pub(in crate::directory) const SUCCESS: u32 = 0;
pub(in crate::directory) const PROTOCOL_ERROR: u32 = 2;
pub(in crate::directory) const REFERRAL: u32 = 10;
pub(in crate::directory) const CONSTRAINT_VIOLATION: u32 = 19;
pub(in crate::directory) const NO_SUCH_OBJECT: u32 = 32;
pub(in crate::directory) const INAPPROPRIATE_AUTHENTICATION: u32 = 48;
pub(in crate::directory) const INVALID_CREDENTIALS: u32 = 49;
pub(in crate::directory) const INSUFFICIENT_ACCESS_RIGHTS: u32 = 50;
pub(in crate::directory) const BUSY: u32 = 51;
pub(in crate::directory) const UNAVAILABLE: u32 = 52;
pub(in crate::directory) const UNWILLING_TO_PERFORM: u32 = 53;

/// Whether a server with this answer has judged nothing, and another one might.
pub(in crate::directory) fn is_elsewhere_better(code: u32) -> bool {
    matches!(code, BUSY | UNAVAILABLE)
}

/// Whether a bind with this code was judged by whom it names, so that the next one would come to the
/// same.
pub(in crate::directory) fn is_about_account(code: u32) -> bool {
    matches!(
        code,
        CONSTRAINT_VIOLATION
            | NO_SUCH_OBJECT
            | INAPPROPRIATE_AUTHENTICATION
            | INVALID_CREDENTIALS
            | INSUFFICIENT_ACCESS_RIGHTS
            | UNWILLING_TO_PERFORM
    )
}

/// The outage behind a search that ended with anything but success.
pub(in crate::directory) fn outage(code: u32) -> Outage {
    match code {
        REFERRAL => Outage::Referral,
        other => Outage::Refused { code: other },
    }
}
