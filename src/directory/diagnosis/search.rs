//! What the answer to a search means that did not succeed.

use super::meaning::{Judged, Judgement, Meaning, MeaningTable, by_sign, cannot_tell};
use super::windows_error::{NOT_AUTHENTICATED, WindowsCode};
use crate::directory::message::LdapResult;
use crate::result_code::{OPERATIONS_ERROR, REFERRAL, UNWILLING_TO_PERFORM, judges_nobody};
use crate::verdict::{Outage, Verdict};

static SEARCH: &MeaningTable<()> = &[(REFERRAL, (), cannot_tell(Outage::Referral, ""))];

/// What proxies and servers say of a session that has lost its bind.
const LOST_BIND: [&str; 2] = ["without authentication", "successful bind must be completed"];

pub(super) fn meaning_of_code(code: u32) -> Meaning {
    by_sign(SEARCH, code, &()).copied().unwrap_or_else(|| Meaning::unlisted(code))
}

/// The judgement of a search that was answered so; `is_anonymous` says whether nobody in particular
/// searched.
pub fn of_search(answer: &LdapResult, is_anonymous: bool) -> Judgement {
    let referrals = answer.referrals.join(", ");
    let words = [&answer.text, &referrals].map(|words| words.trim_matches('\0')).join(" ");
    let words = words.trim();
    let colon = if words.is_empty() { "" } else { ": " };
    let remark = format!("the search was refused{colon}{words}");
    let verdict = if is_anonymous && has_lost_its_bind(answer) {
        Verdict::Unavailable(Outage::Unanswerable)
    } else {
        meaning_of_code(answer.code).verdict
    };
    let judged = if judges_nobody(answer.code) || answer.code == UNWILLING_TO_PERFORM {
        Judged::here(answer.code)
    } else {
        Judged::Everywhere
    };
    Judgement { verdict, remark: Some(remark), judged, ended_by: ("search", answer.code) }
}

/// Whether a server says that nobody is bound on the session: what domain controllers say of an
/// anonymous one, and others of one that has lost its bind.
pub fn has_lost_its_bind(answer: &LdapResult) -> bool {
    let status = WindowsCode::status(&answer.text);
    answer.code == OPERATIONS_ERROR
        && (status == Some(WindowsCode::Status(NOT_AUTHENTICATED))
            || LOST_BIND.iter().any(|words| answer.text.contains(words)))
}
