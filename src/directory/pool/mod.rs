//! Sessions that are kept, and how often work on them is tried.

pub(in crate::directory) mod attempts;
pub mod identity;
pub mod limits;
pub mod search;
pub mod service;
pub mod service_account;
pub mod users;
mod watch;

pub(in crate::directory) use self::watch::Watcher;
