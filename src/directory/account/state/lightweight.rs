//! The state of an account in Active Directory Lightweight Directory Services (MS-ADTS, section
//! 3.1.1.4.5).

use std::time::SystemTime;

use super::fault::StateFault;
use crate::directory::message::entry::Entry;
use crate::verdict::Denial;

pub(super) const ATTRIBUTES: &[&str] =
    &["msDS-UserAccountDisabled", "ms-DS-UserAccountAutoLocked", "msDS-UserPasswordExpired"];

pub(super) fn faults(entry: &Entry, _: SystemTime) -> Vec<StateFault> {
    let states = [
        ("msDS-UserAccountDisabled", Denial::AccountDisabled),
        ("ms-DS-UserAccountAutoLocked", Denial::AccountLocked),
        ("msDS-UserPasswordExpired", Denial::PasswordExpired),
    ];
    let set = states.into_iter().filter(|(attribute, _)| entry.has(attribute, "TRUE"));
    set.map(|(attribute, denial)| StateFault::certain(denial, format!("{attribute} is TRUE")))
        .collect()
}
