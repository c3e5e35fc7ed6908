//! Values with a syntax: names (RFC 4514), those that are made of a user's, times (RFC 4517).

pub mod bind_name;
pub mod dn;
pub mod dn_template;
mod dn_value;
pub mod name_rule;
pub(in crate::directory) mod nobody;
pub mod placeholder;
pub(in crate::directory) mod time;
