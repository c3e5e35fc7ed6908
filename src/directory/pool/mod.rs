//! Sessions that are kept, and how often work on them is tried.

pub(in crate::directory) mod attempts;
pub mod identity;
pub mod limits;
pub mod refused_logins;
pub mod search;
pub mod service;
mod service_account;
mod user_bind;
pub mod users;
mod watch;

pub(in crate::directory) use self::watch::Watcher;
