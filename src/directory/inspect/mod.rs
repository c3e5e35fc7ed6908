//! What an administrator asks: why a user can or cannot sign in, and what a server is.

pub mod explain;
mod lockout;
pub mod probe;
