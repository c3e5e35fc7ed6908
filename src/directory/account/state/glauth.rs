//! The state of an account in GLAuth, some versions of which sign disabled users in.

use std::time::SystemTime;

use super::fault::StateFault;
use crate::directory::message::entry::Entry;
use crate::verdict::Denial;

pub(super) const ATTRIBUTES: &[&str] = &["accountStatus"];

pub(super) fn faults(entry: &Entry, _: SystemTime) -> Vec<StateFault> {
    let is_inactive = entry.has("accountStatus", "inactive");
    is_inactive
        .then(|| StateFault::certain(Denial::AccountDisabled, "accountStatus is inactive"))
        .into_iter()
        .collect()
}
