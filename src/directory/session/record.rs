//! What is remembered of a server, for all sessions with it.

use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use crate::directory::session::peculiarities::Peculiarities;
use crate::directory::session::tally::Tally;

/// What is remembered of a server.
#[derive(Debug, Default)]
pub struct ServerRecord {
    /// What it turned out not to take.
    pub peculiarities: Peculiarities,
    /// How operations on it ended.
    pub tally: Tally,
    certificate_expires: Mutex<Option<SystemTime>>,
}

impl ServerRecord {
    /// The certificate that it showed last expires then.
    pub fn set_certificate_expiry(&self, at: Option<SystemTime>) {
        *self.certificate_expires.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }

    /// When the certificate expires that it showed last, if it showed one.
    pub fn certificate_expiry(&self) -> Option<SystemTime> {
        *self.certificate_expires.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
