//! The state of an account in FreeIPA.

use std::time::SystemTime;

use super::ds389::inactivated;
use super::fault::StateFault;
use crate::directory::message::entry::Entry;
use crate::directory::names::time::{Shown, generalized_time};
use crate::verdict::Denial;

pub(super) const ATTRIBUTES: &[&str] =
    &["nsAccountLock", "krbPrincipalExpiration", "krbPasswordExpiration"];

pub(super) fn faults(entry: &Entry, now: SystemTime) -> Vec<StateFault> {
    let past = |name| entry.text(name).and_then(generalized_time).filter(|time| *time <= now);
    let mut faults = Vec::new();
    faults.extend(inactivated(entry));
    faults.extend(past("krbPrincipalExpiration").map(|expired| {
        let text = format!("krbPrincipalExpiration was {}", Shown(expired));
        StateFault::certain(Denial::AccountExpired, text)
    }));
    faults.extend(past("krbPasswordExpiration").map(|expired| {
        let text = format!(
            "krbPasswordExpiration was {}; binds go on unless the server forbids them",
            Shown(expired)
        );
        StateFault::possible(Denial::PasswordExpired, text)
    }));
    faults
}
