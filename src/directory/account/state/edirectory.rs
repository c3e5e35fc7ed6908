//! The state of an account in eDirectory.

use std::time::SystemTime;

use super::fault::StateFault;
use crate::directory::message::entry::Entry;
use crate::directory::names::time::{Shown, generalized_time};
use crate::verdict::Denial;

pub(super) const ATTRIBUTES: &[&str] =
    &["loginDisabled", "loginExpirationTime", "lockedByIntruder", "passwordExpirationTime"];

pub(super) fn faults(entry: &Entry, now: SystemTime) -> Vec<StateFault> {
    let past = |name| entry.text(name).and_then(generalized_time).filter(|time| *time <= now);
    let mut faults = Vec::new();
    faults.extend(
        entry
            .has("loginDisabled", "TRUE")
            .then(|| StateFault::certain(Denial::AccountDisabled, "loginDisabled says disabled")),
    );
    faults.extend(past("loginExpirationTime").map(|time| {
        let text = format!("loginExpirationTime was {}", Shown(time));
        StateFault::certain(Denial::AccountExpired, text)
    }));
    faults.extend(entry.has("lockedByIntruder", "TRUE").then(|| {
        let text = "lockedByIntruder is set, unless the time for that is over";
        StateFault::possible(Denial::AccountLocked, text)
    }));
    faults.extend(past("passwordExpirationTime").map(|time| {
        let text = format!("the password expired {}, unless grace logins are left", Shown(time));
        StateFault::possible(Denial::PasswordExpired, text)
    }));
    faults
}
