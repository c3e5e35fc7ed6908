//! What a result code means (RFC 4511, appendix A), for each operation that asks for a verdict.
//!
//! The default is always "cannot tell": of a code that is not listed nobody knows that the user was
//! judged.

use super::connection::Answer;
use crate::verdict::{Denial, Outage, Outcome, Verdict};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MustChange {
    Deny,
    Allow,
}
impl MustChange {
    pub const ALL: [(&'static str, Self); 2] = [("deny", Self::Deny), ("allow", Self::Allow)];
}
impl std::fmt::Display for MustChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("deny")
    }
}
pub struct Judgement {
    pub verdict: Verdict,
    pub remark: Option<String>,
}
impl Judgement {
    pub fn outcome(self) -> Outcome {
        Outcome::from(self.verdict)
    }
}
pub fn of_bind(answer: &Answer, _: MustChange) -> Judgement {
    Judgement { verdict: of_bind_code(answer.code), remark: None }
}

/// The verdict of a bind as the user.
pub fn of_bind_code(code: u32) -> Verdict {
    match code {
        0 => Verdict::Granted,
        // invalidCredentials: for a wrong password and, so as not to tell them apart, for no entry.
        49 => Verdict::Denied(Denial::WrongPassword),
        // noSuchObject: some servers do tell them apart.
        32 => Verdict::Denied(Denial::UnknownUser),
        // inappropriateAuthentication: the entry has no password to compare with.
        48 => Verdict::Denied(Denial::WrongPassword),
        other => unjudged(other),
    }
}

/// The verdict of setting a password as the service account (RFC 3062).
pub fn of_password_change(a: &Answer) -> Judgement {
    Judgement { verdict: of_password_change_code(a.code), remark: None }
}
pub fn of_password_change_code(code: u32) -> Verdict {
    match code {
        0 => Verdict::Granted,
        // constraintViolation: the password policy; unwillingToPerform: the server's own rules.
        19 | 53 => Verdict::Denied(Denial::PasswordRefused),
        32 => Verdict::Denied(Denial::UnknownUser),
        other => unjudged(other),
    }
}

/// The outage behind a search that ended with anything but success.
pub fn of_search(code: u32) -> Outage {
    match code {
        10 => Outage::Referral,
        other => Outage::Refused { code: other },
    }
}

fn unjudged(code: u32) -> Verdict {
    Verdict::Unavailable(of_search(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_zero_is_a_yes() {
        for code in 1..=5000 {
            assert_ne!(of_bind(code), Verdict::Granted, "{code}");
            assert_ne!(of_password_change(code), Verdict::Granted, "{code}");
        }
        assert_eq!(of_bind(0), Verdict::Granted);
        assert_eq!(of_password_change(0), Verdict::Granted);
    }

    #[test]
    fn an_outage_is_never_a_denial() {
        for code in [1, 2, 3, 7, 8, 10, 11, 13, 50, 51, 52, 53, 80, 123, 4096, u32::MAX] {
            assert!(matches!(of_bind(code), Verdict::Unavailable(_)), "{code}");
        }
        for code in [1, 2, 3, 8, 10, 13, 49, 50, 51, 52, 80, u32::MAX] {
            assert!(matches!(of_password_change(code), Verdict::Unavailable(_)), "{code}");
        }
    }

    #[test]
    fn a_refused_password_is_a_denial() {
        assert_eq!(of_bind(49), Verdict::Denied(Denial::WrongPassword));
        assert_eq!(of_bind(32), Verdict::Denied(Denial::UnknownUser));
        assert_eq!(of_password_change(19), Verdict::Denied(Denial::PasswordRefused));
    }
}
