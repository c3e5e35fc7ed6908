//! The one entry of a user.

use std::sync::Arc;

use crate::directory::groups::Belonging;
use crate::directory::message::entry::Entry;
use crate::verdict::{Denial, Outcome};

/// The one entry of a user.
#[derive(Debug)]
pub(in crate::directory) struct Located {
    pub(in crate::directory) entry: Entry,
    pub(in crate::directory) server: Arc<str>,
}

impl Located {
    /// Whether the user is let in who belongs so to the groups of a rule.
    pub(in crate::directory) fn admitted(&self, belonging: Belonging) -> Result<(), Outcome> {
        match belonging {
            Belonging::In => Ok(()),
            Belonging::NotIn(why) => {
                Err(Outcome::from(Denial::NotInGroup).from_server(&self.server).with_detail(&why))
            }
        }
    }
}
