//! What the answer to setting a password as the service account means.

use super::meaning::{Judged, Judgement, Meaning, by_sign, by_words, cannot_tell};
use super::{active_directory, bare_code, ds389, openldap, password_policy};
use crate::directory::message::LdapResult;
use crate::directory::message::password_policy::PasswordPolicy;
use crate::result_code::UNWILLING_TO_PERFORM;
use crate::verdict::{Outage, Verdict};

/// What a domain controller says where it misses encryption, on an encrypted connection.
const NOT_TAKEN: Meaning = cannot_tell(
    Outage::Refused { code: Some(UNWILLING_TO_PERFORM) },
    "the domain controller did not take the change, though the connection is encrypted; is it encrypted up to the controller, with 128 bits or more?",
);

/// The judgement of setting a password as the service account.
///
/// The password policy's control goes first, because it says best what is wrong with the password,
/// and the bare result code comes last. `is_private` says whether nobody on the way could read the
/// connection. A server that takes no changes has judged nothing; whatever else it says may not be
/// asked of another one, because nobody knows that nothing was changed.
pub fn of_password_change(answer: &LdapResult, is_private: bool) -> Judgement {
    let listed = || {
        active_directory::of_password_change(answer)
            .or_else(|| by_words(ds389::PASSWORD_CHANGE, answer))
            .or_else(|| by_words(openldap::PASSWORD_CHANGE, answer))
            .or_else(|| by_sign(bare_code::PASSWORD_CHANGE, answer.code, &()))
            .copied()
    };
    let meaning = password_policy::of_password_change(answer.code, PasswordPolicy::of(answer))
        .or_else(listed)
        .unwrap_or_else(|| Meaning::unlisted(answer.code));
    let meaning = match meaning.verdict {
        Verdict::Unavailable(Outage::ClearText) if is_private => NOT_TAKEN,
        _ => meaning,
    };
    let judged = match meaning.verdict {
        Verdict::Unavailable(Outage::ReadOnly) => Judged::NotHere,
        _ => Judged::Everywhere,
    };
    let judgement = meaning.judgement(answer, "password change", judged);
    match meaning.verdict {
        Verdict::Granted => Judgement { remark: None, ..judgement },
        _ => judgement,
    }
}
