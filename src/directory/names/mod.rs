//! Values with a syntax: names (RFC 4514), filters and names made of a user's, times (RFC 4517).

pub mod dn;
pub mod template;
pub(in crate::directory) mod time;
