//! What a server failed at, and what proves that it can do it again.

use std::sync::Arc;

use crate::directory::message::SampleQuery;

/// A kind of work that a server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// It can be reached, and answers.
    Answer,
    /// A bind as the service account.
    ServiceBind,
    /// A search.
    Search,
    /// A bind as a user.
    UserBind,
}

impl Work {
    /// Whether who does this work can do the other too.
    pub(super) fn proves(self, other: Self) -> bool {
        match self {
            _ if other == Self::Answer => true,
            Self::Search => other != Self::UserBind,
            Self::Answer | Self::ServiceBind | Self::UserBind => self == other,
        }
    }
}

/// What a server failed at, and has to do before it is up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trial {
    /// To be reached, and to answer.
    Answer,
    /// To let the service account bind.
    ServiceBind,
    /// To answer this search.
    Search(Arc<SampleQuery>),
    /// To judge a bind by this name, which nobody has.
    UserBind(Arc<str>),
}

impl Trial {
    pub(super) fn work(&self) -> Work {
        match self {
            Self::Answer => Work::Answer,
            Self::ServiceBind => Work::ServiceBind,
            Self::Search(_) => Work::Search,
            Self::UserBind(_) => Work::UserBind,
        }
    }
}
