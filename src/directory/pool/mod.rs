//! Sessions that are kept, and how often work on them is tried.
//!
//! `service` has those for searches and `users` those for binds as users; `search` and `user_bind` do
//! the work, of which a `sent_bind` goes on alone; `non_user` says who is no user, `attempts` how often
//! work is tried, and `watch` probes the servers that failed at it.

pub(in crate::directory) mod attempts;
pub mod identity;
pub mod limits;
pub(in crate::directory) mod non_user;
pub mod refused_logins;
pub mod search;
pub mod sent_bind;
pub mod service;
mod service_account;
pub(in crate::directory) mod user_bind;
pub mod users;
mod watch;

pub(in crate::directory) use self::watch::Watcher;
