//! What a server failed at, and what proves that it can do it again.

use std::mem::discriminant;
use std::sync::Arc;

use crate::directory::message::{Query, SampleQuery};
use crate::directory::names::nobody::nobody_like;
use crate::directory::session::error::ConnectError;
use crate::result_code;

/// What a server is asked for.
#[derive(Clone, Copy, Debug)]
pub enum Work<'a> {
    /// To be there, and to answer.
    Answer,
    /// A bind as the service account.
    ServiceBind,
    /// A search.
    Search(&'a Query<'a>),
    /// A bind as a user, by this name.
    UserBind(&'a str),
}

impl Work<'_> {
    /// What a server has to do after it failed at this.
    pub(super) fn trial(self) -> Trial {
        match self {
            Self::Answer => Trial::Answer,
            Self::ServiceBind => Trial::ServiceBind,
            Self::Search(query) => Trial::Search(Arc::new([SampleQuery::of_entry(query.base)])),
            Self::UserBind(name) => nobody_like(name).map_or(Trial::Answer, Trial::UserBind),
        }
    }

    /// Whether a server that has done this has passed the trial.
    pub(super) fn passes(self, trial: &Trial) -> bool {
        match trial {
            Trial::Answer => true,
            Trial::ServiceBind => matches!(self, Self::ServiceBind | Self::Search(_)),
            Trial::Search(_) => matches!(self, Self::Search(_)),
            Trial::UserBind(_) => matches!(self, Self::UserBind(_)),
        }
    }
}

/// What a server has to do before it is up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trial {
    /// To be reached, and to answer.
    Answer,
    /// To let the service account bind.
    ServiceBind,
    /// To answer one of these searches.
    Search(Arc<[SampleQuery]>),
    /// To judge a bind by this name, which nobody has.
    UserBind(Arc<str>),
}

impl Trial {
    pub(super) fn is_of_kind(&self, other: &Self) -> bool {
        discriminant(self) == discriminant(other)
    }

    /// Whether a server that answers the trial with this code has passed it, whatever it decides.
    pub fn is_passed_with(&self, code: u32) -> bool {
        match self {
            Self::ServiceBind => !result_code::judges_nobody(code),
            Self::Answer | Self::Search(_) | Self::UserBind(_) => !result_code::says_not_now(code),
        }
    }

    /// The same, with what is wrong with a server that has not.
    pub fn pass(&self, code: u32) -> Result<(), ConnectError> {
        if self.is_passed_with(code) {
            return Ok(());
        }
        let text = format!("it answers {}", result_code::described(code));
        Err(ConnectError::Unreachable(text))
    }
}
