//! What is remembered of a server, for all sessions with it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use tokio::time::Instant;

use crate::directory::session::peculiarities::Peculiarities;
use crate::directory::session::tally::Tally;
use crate::policy::guard::Judge;

/// What is remembered of a server.
#[derive(Debug, Default)]
pub struct ServerRecord {
    /// What it turned out not to take.
    pub peculiarities: Peculiarities,
    /// What it has to say of binds that it did not answer.
    pub judge: Arc<Judge>,
    /// How operations on it ended.
    pub tally: Tally,
    certificate_expires: Mutex<Option<SystemTime>>,
}

impl Drop for ServerRecord {
    fn drop(&mut self) {
        // Where another configuration is in use, nobody here will see it go on.
        self.judge.answered(Instant::now());
    }
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
