//! What the refusal of a bind as the service account means.

use super::bind::{MustChange, of_bind};
use super::meaning::{Judged, Judgement};
use crate::directory::message::LdapResult;
use crate::result_code::{INVALID_CREDENTIALS, INVALID_DN_SYNTAX};
use crate::verdict::{Denial, Outage, Verdict};

/// The judgement of a request that needs the service account, whose bind was answered by this, which
/// is not success. The users' tables have the words for it.
pub fn of_service_bind(answer: &LdapResult) -> Judgement {
    let by_user_tables = of_bind(answer, MustChange::Deny);
    let by_code = Outage::ServiceBind { code: Some(answer.code) };
    let outage = match by_user_tables.verdict {
        Verdict::Denied(
            denial @ (Denial::AccountDisabled
            | Denial::AccountExpired
            | Denial::AccountLocked
            | Denial::LogonHours
            | Denial::MustChangePassword
            | Denial::PasswordExpired),
        ) => Outage::ServiceState(denial),
        Verdict::Denied(denial @ Denial::LogonRestricted) if answer.code == INVALID_CREDENTIALS => {
            Outage::ServiceState(denial)
        }
        // What proves nothing about the password is not held against the account.
        Verdict::Unavailable(outage) if answer.code == INVALID_CREDENTIALS => outage,
        _ => by_code,
    };
    let verdict = Verdict::Unavailable(outage);
    let judged =
        if is_account_refused(verdict) { Judged::Everywhere } else { Judged::here(answer.code) };
    let ended_by = ("service bind", answer.code);
    let remark = match answer.code {
        INVALID_DN_SYNTAX => {
            let words = "the server takes no such name in a bind: write bind_dn as a DN";
            let own = answer.words();
            Some(if own.is_empty() { words.to_owned() } else { format!("{words}: {own}") })
        }
        _ => by_user_tables.remark,
    };
    Judgement { verdict, remark, judged, ended_by }
}

/// Whether the service account was judged and is not let in: to try again the same would be counted
/// against it.
pub fn is_account_refused(verdict: Verdict) -> bool {
    match verdict {
        // Of a refusal by the KDC there is no result code; it is only told of if it judged the account.
        Verdict::Unavailable(Outage::ServiceBind { code }) => {
            code.is_none_or(|code| code == INVALID_CREDENTIALS)
        }
        Verdict::Unavailable(Outage::ServiceState(_)) => true,
        _ => false,
    }
}
