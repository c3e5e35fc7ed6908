//! What the answer to a bind as the user means.

use super::meaning::{Judged, Judgement, Meaning, by_sign, by_words, by_words_of_refusal};
use super::{active_directory, bare_code, ds389, edirectory, others, password_policy, samba};
use crate::directory::message::LdapResult;
use crate::directory::message::password_policy::PasswordPolicy;
use crate::named::named;
use crate::result_code::{SUCCESS, judges_nobody};
use crate::verdict::{Denial, Outage, Verdict};

named! {
    /// What becomes of a right password that must be changed before it is used.
    pub enum MustChange {
        /// It does not sign in.
        Deny = "deny",
        /// It signs in: XMPP clients could not change it otherwise.
        Allow = "allow",
    }
}

/// The judgement of a bind as the user.
///
/// What a product says in its own words goes before the password policy's control, which is coarser:
/// 389 Directory Server sends the same error for an account that is locked and for one that was
/// made inactive. The bare result code comes last.
pub fn of_bind(answer: &LdapResult, must_change: MustChange) -> Judgement {
    let policy = PasswordPolicy::of(answer);
    let meaning = active_directory::of_bind(answer)
        .or_else(|| samba::of_bind(answer))
        .or_else(|| by_words(ds389::BIND, answer))
        .or_else(|| edirectory::of_bind(answer))
        .or_else(|| password_policy::of_bind(answer.code, policy))
        .or_else(|| by_words_of_refusal(others::BIND, answer))
        .or_else(|| by_sign(bare_code::BIND, answer.code, &()))
        .copied()
        .unwrap_or_else(|| Meaning::unlisted(answer.code));
    let judged = match meaning.verdict {
        Verdict::Unavailable(Outage::Directory) => Judged::here(answer.code),
        Verdict::Unavailable(Outage::Refused { code: Some(code) }) if judges_nobody(code) => {
            Judged::here(code)
        }
        _ => Judged::Everywhere,
    };
    let judgement = meaning.judgement(answer, "bind", judged);
    match (meaning.verdict, must_change) {
        (Verdict::Denied(Denial::MustChangePassword), MustChange::Allow)
            if answer.code == SUCCESS || active_directory::wants_change(answer) =>
        {
            let remark = Some(meaning.words.to_owned());
            Judgement { verdict: Verdict::Granted, remark, ..judgement }
        }
        (Verdict::Granted, _) => {
            Judgement { remark: password_policy::warning(policy), ..judgement }
        }
        _ => judgement,
    }
}
