//! Signing in to a server by SASL (RFC 4513, section 5.2).

#[cfg_attr(not(feature = "gssapi"), path = "gssapi/absent.rs")]
pub mod gssapi;
pub mod refusal;
