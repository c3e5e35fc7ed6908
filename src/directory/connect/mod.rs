//! From a server to a session with it.

pub mod connector;
mod race;
pub mod tcp;
