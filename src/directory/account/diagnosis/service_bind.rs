//! What the refusal of a bind as the service account means.

use super::bind::{MustChange, of_bind};
use super::meaning::Judgement;
use crate::directory::message::Answer;
use crate::result_code::INVALID_CREDENTIALS;
use crate::verdict::{Denial, Outage, Outcome, Verdict};

/// The outcome of a request that needs the service account, whose bind was answered by this, which is
/// not success. The users' tables have the words for it.
pub fn of_service_bind(answer: &Answer) -> Outcome {
    let Judgement { verdict, remark } = of_bind(answer, MustChange::Deny);
    let by_code = Outage::ServiceBind { code: Some(answer.code) };
    let outage = match verdict {
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
    Outcome::from(outage)
        .with_detail(&remark.unwrap_or_default())
        .ended_by("service bind", answer.code)
}
