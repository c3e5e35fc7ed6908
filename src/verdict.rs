//! What became of a request: three values, because "cannot tell" is neither a yes nor a no.
//!
//! A [`Verdict`] says what was decided and why; an [`Outcome`] adds what only the log wants to
//! know. Neither can hold a password.

mod denial;
mod outage;

use std::fmt;
use std::sync::Arc;

pub use self::denial::Denial;
pub use self::outage::Outage;
use crate::result_code;

/// The words of [`Verdict::word`].
pub const YES: &str = "yes";
/// See [`YES`].
pub const NO: &str = "no";
/// See [`YES`].
pub const UNKNOWN: &str = "unknown";

/// The decision about one request.
///
/// Only [`protocol::dialect`](crate::protocol::dialect) turns it into bytes, so "cannot tell" stays
/// apart from "no" until the last moment.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The directory said yes.
    Granted,
    /// Somebody who is entitled to judge said no.
    Denied(Denial),
    /// Nobody judged the request.
    Unavailable(Outage),
}

impl Verdict {
    /// `granted`, `denied` or `unavailable`, for the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Denied(_) => "denied",
            Self::Unavailable(_) => "unavailable",
        }
    }

    /// `yes`, `no` or `unknown`, for programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Granted => YES,
            Self::Denied(_) => NO,
            Self::Unavailable(_) => UNKNOWN,
        }
    }

    /// What an operator does next, in one line; nothing for a yes.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Granted => "",
            Self::Denied(denial) => denial.advice(),
            Self::Unavailable(outage) => outage.advice(),
        }
    }

    /// The command that shows more of it, if there is one.
    pub fn command(self) -> Option<&'static str> {
        match self {
            Self::Denied(Denial::NotInGroup | Denial::UnknownUser) => Some("explain"),
            Self::Unavailable(Outage::NoServer | Outage::DeadlinePassed) => Some("login"),
            _ => None,
        }
    }

    /// The reason in one word, for the log; `ok` for a yes.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Granted => "ok",
            Self::Denied(denial) => denial.name(),
            Self::Unavailable(outage) => outage.name(),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Granted => f.write_str("granted"),
            Self::Denied(_) => write!(f, "denied: {}", self.reason()),
            Self::Unavailable(outage) => {
                write!(f, "cannot tell: {}", self.reason())?;
                match outage {
                    Outage::Refused { code: Some(code) }
                    | Outage::ServiceBind { code: Some(code) } => {
                        write!(f, " ({})", result_code::described(*code))
                    }
                    _ => Ok(()),
                }
            }
        }
    }
}

/// A verdict with what the audit log adds to it.
#[must_use]
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The decision.
    pub verdict: Verdict,
    /// The server that gave the decisive answer, as it stands in the configuration.
    pub server: Option<Arc<str>>,
    /// The server's or the system's own words about a failure.
    pub detail: Option<Box<str>>,
    /// The operation that decided, as messages call it, and the result code that ended it.
    pub operation: Option<(&'static str, u32)>,
}

impl Outcome {
    /// Adds the operation that decided, and its result code.
    pub fn ended_by(mut self, operation: &'static str, code: u32) -> Self {
        self.operation = Some((operation, code));
        self
    }

    /// Adds the server that answered.
    pub fn from_server(mut self, server: &Arc<str>) -> Self {
        self.server = Some(Arc::clone(server));
        self
    }

    /// Adds the peer's words; nothing is kept of an empty text.
    pub fn with_detail(mut self, detail: &str) -> Self {
        self.detail = (!detail.is_empty()).then(|| detail.into());
        self
    }
}

/// The verdict, and why in the words of whoever is to blame, if there are any.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.detail {
            Some(detail) => write!(f, "{}: {detail}", self.verdict),
            None => self.verdict.fmt(f),
        }
    }
}

impl From<Verdict> for Outcome {
    fn from(verdict: Verdict) -> Self {
        Self { verdict, server: None, detail: None, operation: None }
    }
}

impl From<Denial> for Outcome {
    fn from(denial: Denial) -> Self {
        Verdict::Denied(denial).into()
    }
}

impl From<Outage> for Outcome {
    fn from(outage: Outage) -> Self {
        Verdict::Unavailable(outage).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_without_words_ends_with_its_verdict() {
        let outcome = Outcome::from(Denial::WrongPassword);
        assert_eq!(outcome.to_string(), "denied: wrong-password");
        assert_eq!(outcome.with_detail("why").to_string(), "denied: wrong-password: why");
    }

    #[test]
    fn each_reason_names_one_verdict() {
        for denial in Denial::ALL {
            assert_eq!(Denial::named(Verdict::Denied(*denial).reason()), *denial);
        }
        for outage in Outage::ALL {
            assert_eq!(Outage::named(Verdict::Unavailable(outage).reason()), outage);
        }
        let state = Outage::ServiceState(Denial::AccountLocked);
        assert_eq!(Outage::named(state.name()), Outage::ServiceBind { code: None });
        assert_eq!(
            Verdict::Unavailable(Outage::named("refused")).to_string(),
            "cannot tell: refused"
        );
        assert_eq!(Denial::named("of-tomorrow"), Denial::Unexplained);
        assert_eq!(Outage::named(""), Outage::Unexplained);
    }
}
