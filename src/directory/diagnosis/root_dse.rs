//! What it means that a server showed nothing of its root DSE.

use super::meaning::{Judged, Judgement, cannot_tell};
use super::search::meaning_of_code;
use crate::directory::message::LdapResult;
use crate::result_code::{INSUFFICIENT_ACCESS_RIGHTS, NO_SUCH_OBJECT, SUCCESS};
use crate::verdict::Outage;

/// The judgement of a request that needs a root DSE of which this answer showed nothing. It is made
/// where the root DSE is there, and hidden from the service account.
pub fn of_root_dse(answer: &LdapResult) -> Judgement {
    if matches!(answer.code, SUCCESS | NO_SUCH_OBJECT | INSUFFICIENT_ACCESS_RIGHTS) {
        let hidden = cannot_tell(
            Outage::Misconfigured,
            "the service account may not read the root DSE, in which the server says what it is",
        );
        return hidden.judgement(answer, "search", Judged::Everywhere);
    }
    let judged = Judged::here(answer.code);
    meaning_of_code(answer.code).judgement(answer, "search", judged)
}
