//! A service account that was refused while it signed in by a mechanism.

/// The account was refused while connecting, and would be by the next server.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{text}")]
pub struct Refused {
    /// The result code (RFC 4511, section 4.1.9).
    pub code: u32,
    /// Who refused it, and why.
    pub text: String,
}
