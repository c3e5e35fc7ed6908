//! As whom searches are done.

use std::sync::Arc;

use secrecy::SecretString;

use crate::directory::sasl::principal::Principal;

/// As whom searches are done.
#[derive(Clone, Debug)]
pub enum Identity {
    /// Nobody in particular; only where the configuration asks for it by name.
    Anonymous,
    /// Whom the TLS client certificate or the local socket says.
    External,
    /// A service account that signs in by Kerberos, while connecting.
    Gssapi(Arc<dyn Principal>),
    /// The service account.
    Simple {
        /// What is tried first.
        first: Credential,
        /// What is tried if the first is refused, while it is being replaced.
        second: Option<Credential>,
    },
}

/// A name and a password.
#[derive(Clone, Debug)]
pub struct Credential {
    /// A DN, or another name that the server takes in a bind.
    pub name: String,
    /// Its password.
    pub password: SecretString,
}

impl Identity {
    /// The account that signs in while connecting.
    pub fn principal(&self) -> Option<&dyn Principal> {
        match self {
            Self::Gssapi(principal) => Some(&**principal),
            Self::Anonymous | Self::External | Self::Simple { .. } => None,
        }
    }
}
