//! What OpenLDAP says in its messages. About binds, it says no more than its password policy does.

use super::meaning::{MeaningTable, cannot_tell};
use crate::result_code::UNWILLING_TO_PERFORM;
use crate::verdict::Outage;

#[rustfmt::skip]
pub(super) static PASSWORD_CHANGE: &MeaningTable<&str> = &[
    (UNWILLING_TO_PERFORM, "no update referral", cannot_tell(Outage::ReadOnly, "the server is a replica")),
    (UNWILLING_TO_PERFORM, "operation restricted", cannot_tell(Outage::ReadOnly, "the database is read-only")),
];
