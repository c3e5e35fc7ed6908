//! Whether a user is in the groups that may sign in, also through groups within groups.

mod group;
mod in_chain;
mod member_of;
mod membership;
mod rule;
mod token_groups;
mod walk;

pub use self::group::Group;
pub use self::rule::{GroupMethod, GroupRule};
