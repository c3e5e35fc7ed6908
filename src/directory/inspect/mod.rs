//! What an administrator asks: why a user can or cannot sign in, and what a server is.

mod catalog;
pub mod explain;
mod groups;
mod lockout;
mod passwords;
pub mod probe;
mod product;
pub mod report;
mod users;
mod view;
