//! The state of an account in authentik, as its LDAP outpost shows it.

use std::time::SystemTime;

use super::fault::StateFault;
use crate::directory::message::entry::Entry;
use crate::verdict::Denial;

pub(super) const ATTRIBUTES: &[&str] = &["ak-active"];

pub(super) fn faults(entry: &Entry, _: SystemTime) -> Vec<StateFault> {
    let is_inactive = entry.has("ak-active", "FALSE");
    is_inactive
        .then(|| StateFault::certain(Denial::AccountDisabled, "ak-active is FALSE"))
        .into_iter()
        .collect()
}
