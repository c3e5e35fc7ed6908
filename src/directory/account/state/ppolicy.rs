//! The state of an account under OpenLDAP's overlay ppolicy (draft-behera-ldap-password-policy-11,
//! section 5.3).

use std::time::SystemTime;

use super::fault::StateFault;
use crate::directory::message::entry::Entry;
use crate::directory::names::time::{Shown, generalized_time};
use crate::verdict::Denial;

pub(super) const ATTRIBUTES: &[&str] =
    &["pwdAccountLockedTime", "pwdReset", "pwdStartTime", "pwdEndTime"];

/// `pwdAccountLockedTime` of an account that stays locked until an administrator unlocks it.
const FOR_GOOD: &str = "000001010000Z";

pub(super) fn faults(entry: &Entry, now: SystemTime) -> Vec<StateFault> {
    let time = |name| entry.text(name).and_then(generalized_time);
    let mut faults = Vec::new();
    faults.extend(locked(entry, now));
    faults.extend(entry.has("pwdReset", "TRUE").then(|| {
        StateFault::certain(Denial::MustChangePassword, "pwdReset says it must be changed")
    }));
    faults.extend(time("pwdStartTime").filter(|start| *start > now).map(|start| {
        let text = format!("not before {} (pwdStartTime)", Shown(start));
        StateFault::certain(Denial::AccountExpired, text)
    }));
    faults.extend(time("pwdEndTime").filter(|end| *end <= now).map(|end| {
        let text = format!("until {} (pwdEndTime)", Shown(end));
        StateFault::certain(Denial::AccountExpired, text)
    }));
    faults
}

/// How long a lock lasts stands in the policy, which cannot be seen from here. A time to come is the
/// start of a lock that is not there yet.
fn locked(entry: &Entry, now: SystemTime) -> Option<StateFault> {
    let since = entry.text("pwdAccountLockedTime")?;
    if since == FOR_GOOD {
        let text = "pwdAccountLockedTime says locked for good";
        return Some(StateFault::certain(Denial::AccountLocked, text));
    }
    if generalized_time(since).is_some_and(|since| since > now) {
        return None;
    }
    let text = format!("locked since {since}, unless the policy's pwdLockoutDuration is over");
    Some(StateFault::possible(Denial::AccountLocked, text))
}
