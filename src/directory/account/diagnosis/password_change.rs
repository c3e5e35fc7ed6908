//! What the answer to setting a password as the service account means.

use super::meaning::{Judgement, Meaning, cannot_tell};
use super::{active_directory, bare_code, ds389, openldap, password_policy};
use crate::directory::message::Answer;
use crate::directory::message::password_policy::PasswordPolicy;
use crate::result_code::UNWILLING_TO_PERFORM;
use crate::verdict::{Outage, Verdict};

/// What a domain controller says where it misses encryption, on an encrypted connection.
const NOT_TAKEN: Meaning = cannot_tell(
    Outage::Refused { code: UNWILLING_TO_PERFORM },
    "the domain controller did not take the change, though the connection is encrypted; is it encrypted up to the controller, with 128 bits or more?",
);

/// The judgement of setting a password as the service account.
///
/// The password policy's control goes first, because it says best what is wrong with the password,
/// and the bare result code comes last. `is_private` says whether nobody on the way could read the
/// connection.
pub fn of_password_change(answer: &Answer, is_private: bool) -> Judgement {
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
        Verdict::Unavailable(Outage::ClearText) if is_private => NOT_TAKEN.judgement(answer),
        Verdict::Granted => Judgement { verdict: Verdict::Granted, remark: None },
        _ => meaning.judgement(answer),
    }
}
