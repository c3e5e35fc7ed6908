//! What is remembered of a server, for all sessions with it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use tokio::time::Instant;

use crate::directory::session::peculiarities::Peculiarities;
use crate::directory::session::tally::Tally;
use crate::directory::tls::{self, Agreed};
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
    agreed: Mutex<Option<Agreed>>,
}

impl Drop for ServerRecord {
    fn drop(&mut self) {
        // Where another configuration is in use, nobody here will see it go on.
        self.judge.answered(Instant::now());
    }
}

impl ServerRecord {
    /// What was agreed on with it last.
    pub fn set_agreed(&self, agreed: Agreed) {
        *self.agreed.lock().unwrap_or_else(PoisonError::into_inner) = Some(agreed);
    }

    /// What was agreed on with it last, if it speaks TLS.
    pub fn agreed(&self) -> Option<Agreed> {
        self.agreed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// When the certificate expires that it showed last, if it showed one.
    pub fn certificate_expiry(&self) -> Option<SystemTime> {
        tls::certificate_expiry(&self.agreed()?.certificate?)
    }
}
