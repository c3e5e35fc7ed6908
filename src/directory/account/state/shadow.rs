//! The state of an account with shadow passwords of Unix (RFC 2307).

use std::time::SystemTime;

use super::fault::StateFault;
use crate::directory::message::entry::Entry;
use crate::directory::names::time::{Shown, unix_day};
use crate::verdict::Denial;

pub(super) const ATTRIBUTES: &[&str] = &["shadowExpire"];

/// The day of `shadowExpire` is the first on which the account cannot be used; a negative number
/// means never (shadow(5)).
pub(super) fn faults(entry: &Entry, now: SystemTime) -> Vec<StateFault> {
    let day = entry.text("shadowExpire").and_then(|days| unix_day(days.parse().ok()?));
    let expired = day.filter(|day| *day <= now).map(|day| {
        StateFault::certain(Denial::AccountExpired, format!("shadowExpire was {}", Shown(day)))
    });
    expired.into_iter().collect()
}
