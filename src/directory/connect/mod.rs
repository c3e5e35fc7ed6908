//! From a server to a session with it.

pub mod connector;
pub mod tcp;
