//! What the answer to setting a password as the service account means.

use super::meaning::{Judgement, Meaning};
use super::{active_directory, bare_code, ds389, openldap, password_policy};
use crate::directory::message::Answer;
use crate::directory::message::password_policy::PasswordPolicy;
use crate::verdict::Verdict;

/// The judgement of setting a password as the service account.
///
/// The password policy's control goes first, because it says best what is wrong with the password,
/// and the bare result code comes last.
pub fn of_password_change(answer: &Answer) -> Judgement {
    let listed = || {
        active_directory::of_password_change(answer)
            .or_else(|| ds389::of_password_change(answer))
            .or_else(|| openldap::of_password_change(answer))
            .or_else(|| bare_code::of_password_change(answer.code))
            .copied()
    };
    let meaning = password_policy::of_password_change(answer.code, PasswordPolicy::of(answer))
        .or_else(listed)
        .unwrap_or_else(|| Meaning::unlisted(answer.code));
    match meaning.verdict {
        Verdict::Granted => Judgement { verdict: Verdict::Granted, remark: None },
        _ => meaning.judgement(answer),
    }
}
