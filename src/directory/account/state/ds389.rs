//! The state of an account in 389 Directory Server.

use std::time::SystemTime;

use super::fault::StateFault;
use crate::directory::message::entry::Entry;
use crate::directory::names::time::{Shown, generalized_time};
use crate::verdict::Denial;

pub(super) const ATTRIBUTES: &[&str] =
    &["nsAccountLock", "accountUnlockTime", "passwordExpirationTime", TEMPORARY];

/// Whether the password is one that an administrator has set, for which there are rules of its own.
/// Every bind counts towards `passwordTPRMaxUse` among them, be its password right or wrong.
pub(super) const TEMPORARY: &str = "pwdTPRReset";

pub(super) fn faults(entry: &Entry, now: SystemTime) -> Vec<StateFault> {
    let mut faults = Vec::new();
    faults.extend(inactivated(entry));
    faults.extend(locked(entry, now));
    faults.extend(expired(entry, now));
    faults.extend(temporary(entry));
    faults
}

/// `nsAccountLock`, which FreeIPA has too.
pub(super) fn inactivated(entry: &Entry) -> Option<StateFault> {
    entry
        .has("nsAccountLock", "true")
        .then(|| StateFault::certain(Denial::AccountDisabled, "nsAccountLock says inactivated"))
}

/// An account that is unlocked in 1970 stays locked until an administrator resets it.
fn locked(entry: &Entry, now: SystemTime) -> Option<StateFault> {
    let until = entry.text("accountUnlockTime").and_then(generalized_time)?;
    let text = if until == SystemTime::UNIX_EPOCH {
        "accountUnlockTime says locked until it is reset".to_owned()
    } else if until > now {
        format!("locked until {}", Shown(until))
    } else {
        return None;
    };
    Some(StateFault::certain(Denial::AccountLocked, text))
}

/// An account whose password is temporary, so that a bind would use it up.
pub(super) fn temporary(entry: &Entry) -> Option<StateFault> {
    let text = "pwdTPRReset says that the password is temporary and must be changed";
    let is_temporary = entry.has(TEMPORARY, "TRUE");
    is_temporary.then(|| StateFault::certain(Denial::MustChangePassword, text))
}

/// A password that expired in 1970 is one that an administrator has set.
fn expired(entry: &Entry, now: SystemTime) -> Option<StateFault> {
    let expired = entry.text("passwordExpirationTime").and_then(generalized_time)?;
    if expired == SystemTime::UNIX_EPOCH {
        let text = "passwordExpirationTime says it must be changed";
        return Some(StateFault::certain(Denial::MustChangePassword, text));
    }
    (expired <= now).then(|| {
        let text = format!("the password expired {}, unless grace logins are left", Shown(expired));
        StateFault::possible(Denial::PasswordExpired, text)
    })
}
