//! What is remembered of a server, for all sessions with it.

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use tokio::time::Instant;

use crate::directory::session::peculiarities::Peculiarities;
use crate::directory::session::tally::Tally;
use crate::directory::tls::{self, NegotiatedTls};
use crate::lock::locked;
use crate::policy::guard::AnswerSignal;

/// What is remembered of a server.
#[derive(Debug, Default)]
pub struct ServerRecord {
    /// What it turned out not to take.
    pub peculiarities: Peculiarities,
    /// What it has to say of binds that it did not answer.
    pub answer_signal: Arc<AnswerSignal>,
    /// How operations on it ended.
    pub tally: Tally,
    negotiated: Mutex<Option<NegotiatedTls>>,
}

impl Drop for ServerRecord {
    fn drop(&mut self) {
        // Where another configuration is in use, nobody here will see it go on.
        self.answer_signal.answered(Instant::now());
    }
}

impl ServerRecord {
    /// What was negotiated with it last.
    pub fn set_negotiated(&self, negotiated: NegotiatedTls) {
        *locked(&self.negotiated) = Some(negotiated);
    }

    /// What was negotiated with it last, if it speaks TLS.
    pub fn negotiated(&self) -> Option<NegotiatedTls> {
        locked(&self.negotiated).clone()
    }

    /// When the certificate expires that it showed last, if it showed one.
    pub fn certificate_expiry(&self) -> Option<SystemTime> {
        tls::certificate_expiry(&self.negotiated()?.certificate?)
    }
}
