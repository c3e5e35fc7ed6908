//! Whether a user is in the groups that may sign in, also through groups within groups.
//!
//! `rule` chooses among the methods: `member_of` reads the user's entry, `walk` asks which groups name
//! the user, `in_chain` lets Active Directory do so, and `sids` reads what only it keeps.

mod group;
mod in_chain;
mod kind;
mod member_of;
mod membership;
mod method;
mod rule;
mod sids;
mod walk;

pub use self::group::{Group, GroupEntry};
pub use self::membership::{Belonging, Membership, Memberships};
pub use self::method::GroupMethod;
pub use self::rule::{GroupRule, Searchers};
