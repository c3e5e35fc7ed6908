//! Why a configuration is not activated, and when it is tried again.

use std::fmt;

use crate::config::problem::Problems;
use crate::directory::diagnosis::is_account_refused;
use crate::verdict::Outcome;

/// Why a configuration is not activated.
#[derive(Debug)]
pub(in crate::commands) struct ActivationError {
    problems: Vec<String>,
    /// When it is tried again.
    pub(super) retry: Retry,
}

/// When a configuration that was refused is tried again, besides when it changes; the strictest last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Retry {
    /// After a pause, because a directory could not be asked.
    AfterPause,
    /// After a pause, when what is in use of these directories, which refused the service account,
    /// does not work any more either. A refused service password that is tried again and again locks
    /// the account. It is right if it was written before the directory learned it, but then the old
    /// one is wrong.
    WhenActiveFails {
        /// The names of the directories.
        refused: Vec<String>,
    },
    /// Not before, because it is wrong.
    WhenChanged,
}

impl Retry {
    /// The stricter of both.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::WhenActiveFails { mut refused }, Self::WhenActiveFails { refused: more }) => {
                refused.extend(more);
                Self::WhenActiveFails { refused }
            }
            (one, other) => one.max(other),
        }
    }

    /// What an administrator is to know of it.
    pub(super) fn consequence(&self) -> &'static str {
        match self {
            Self::AfterPause => {
                "the new configuration does not work; nothing has changed, and it will be tried again"
            }
            Self::WhenActiveFails { .. } => {
                "the new configuration is refused; nothing has changed, and it will be tried again when the old one does not work either"
            }
            Self::WhenChanged => "the new configuration is wrong; nothing has changed",
        }
    }
}

impl ActivationError {
    /// The configuration is wrong.
    pub(super) fn wrong(problem: &str) -> Self {
        Self { problems: vec![problem.to_owned()], retry: Retry::WhenChanged }
    }

    /// A directory cannot be asked, or refuses the service account.
    pub(super) fn by_directory(name: &str, outcome: &Outcome) -> Self {
        let retry = if is_account_refused(outcome.verdict) {
            Retry::WhenActiveFails { refused: vec![name.to_owned()] }
        } else {
            Retry::AfterPause
        };
        Self { problems: vec![format!("[directory.{name}]: {outcome}")], retry }
    }

    /// Both; the stricter says when to try again.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.problems.extend(other.problems);
        Self { problems: self.problems, retry: self.retry.and(other.retry) }
    }

    /// What is wrong.
    pub(in crate::commands) fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Logs each problem.
    pub(super) fn report(&self) {
        for problem in &self.problems {
            tracing::error!(problem, "configuration");
        }
    }
}

impl fmt::Display for ActivationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problems.join("; "))
    }
}

impl From<Problems> for ActivationError {
    fn from(problems: Problems) -> Self {
        let problems = problems.iter().map(ToString::to_string).collect();
        Self { problems, retry: Retry::WhenChanged }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Outage;

    #[test]
    fn of_several_refusals_the_strictest_decides() {
        let unreachable = || ActivationError::by_directory("a", &Outage::NoServer.into());
        let refused =
            || ActivationError::by_directory("b", &Outage::ServiceBind { code: Some(49) }.into());
        let [first, last] = [unreachable().and(refused()), refused().and(unreachable())];
        for both in [first, last] {
            assert_eq!(both.retry, Retry::WhenActiveFails { refused: vec!["b".to_owned()] });
            assert_eq!(both.problems.len(), 2);
        }
        assert_eq!(unreachable().and(unreachable()).retry, Retry::AfterPause);
        let other =
            ActivationError::by_directory("c", &Outage::ServiceBind { code: Some(49) }.into());
        let Retry::WhenActiveFails { refused: both } = refused().and(other).retry else { panic!() };
        assert_eq!(both, ["b", "c"]);
        assert_eq!(refused().and(ActivationError::wrong("no")).retry, Retry::WhenChanged);
    }
}
