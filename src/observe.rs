//! What the program says about itself: the events of a request, the alarm of a directory, and where
//! the log goes.

pub mod events;
pub mod logger;
pub mod metrics;

mod disk;
mod place;
mod record;
mod sink;
pub mod target;
pub mod trouble;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::Level;

use self::trouble::Trouble;
use crate::request::{Verb, Whom};
use crate::result_code;
use crate::verdict::{Outcome, Verdict};

/// The tracing target of the steps of a request.
pub const STEP: &str = "xmpp_ldap_auth::step";

/// The result of a step that was waited for in vain.
pub const UNANSWERED: &str = "no answer came";

/// A step on the way to a verdict, which is told of when it ends, or when nobody waits for its end any
/// more; shown by `login` and at level debug. At level trace, it is told of when it begins as well.
#[derive(Debug)]
#[must_use]
pub struct StepUnderWay<'a> {
    step: &'static str,
    server: &'a Arc<str>,
    started: Instant,
    has_ended: bool,
}

impl<'a> StepUnderWay<'a> {
    /// A step that begins at a server.
    pub fn begin(step: &'static str, server: &'a Arc<str>) -> Self {
        tracing::trace!(target: STEP, step, %server, "begins");
        Self { step, server, started: Instant::now(), has_ended: false }
    }

    /// It ends so, which is put into words only where somebody reads them.
    pub fn ends(mut self, result: impl FnOnce() -> String) {
        self.tell(result);
        self.has_ended = true;
    }

    fn tell(&self, result: impl FnOnce() -> String) {
        if !tracing::enabled!(target: STEP, Level::DEBUG) {
            return;
        }
        let Self { step, server, started, .. } = self;
        let us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        tracing::debug!(target: STEP, step, %server, us, result = result());
    }
}

impl Drop for StepUnderWay<'_> {
    fn drop(&mut self) {
        if !self.has_ended {
            self.tell(|| UNANSWERED.to_owned());
        }
    }
}

/// What is logged of a request that was answered.
#[derive(Clone, Copy, Debug)]
pub struct Audit<'a> {
    /// What was asked.
    pub verb: Verb,
    /// Whom it was about, as far as that could be read.
    pub whom: &'a Whom,
    /// The listener of a daemon that it came through.
    pub listener: Option<&'a str>,
    /// What became of it.
    pub outcome: &'a Outcome,
    /// Whether the caller was told so.
    pub is_told: bool,
    /// From its last byte to the reply.
    pub took: Duration,
    /// How much of that it waited for its work to begin.
    pub queued: Duration,
}

/// The level of an event is part of its kind, so that there are two kinds.
macro_rules! request_event {
    ($level:ident, $audit:expr) => {
        tracing::$level!(
            verb = $audit.verb.name(),
            user = $audit.whom.localpart(),
            domain = $audit.whom.domainpart(),
            listener = $audit.listener,
            verdict = $audit.outcome.verdict.name(),
            reason = $audit.outcome.verdict.reason(),
            operation = $audit.ended_by().map(|(operation, _)| operation),
            code = $audit.ended_by().map(|(_, code)| result_code::described(code)),
            advice = $audit.advice(),
            told = (!$audit.is_told).then_some(false),
            server = $audit.outcome.server.as_deref(),
            detail = $audit.outcome.detail.as_deref(),
            ms = milliseconds($audit.took),
            queue_ms = milliseconds($audit.queued),
            "request"
        )
    };
}

impl Audit<'_> {
    /// The operation that said no, or nothing; of a yes the verdict says it all.
    fn ended_by(&self) -> Option<(&'static str, u32)> {
        self.outcome.operation.filter(|_| self.outcome.verdict != Verdict::Granted)
    }

    /// What to do about an outage for which no [`Alarm`] rings.
    fn advice(&self) -> Option<&'static str> {
        match self.outcome.verdict {
            Verdict::Unavailable(outage) if !outage.concerns_everybody() => Some(outage.advice()),
            _ => None,
        }
    }
}

/// Logs the one event of a request.
pub fn audit(audit: &Audit<'_>) {
    match audit.outcome.verdict {
        Verdict::Granted | Verdict::Denied(_) => request_event!(info, audit),
        Verdict::Unavailable(_) => request_event!(warn, audit),
    }
}

/// What an operator does next, and which command shows more, if it is not this one.
pub fn advice(verdict: Verdict, here: &str) -> String {
    match verdict.command().filter(|command| *command != here) {
        Some(command) => format!("{}; `xmpp-ldap-auth {command}` shows more", verdict.advice()),
        None => verdict.advice().to_owned(),
    }
}

/// In milliseconds, to the tenth; a finer number would only look exact.
pub fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e4).round() / 1e1
}

/// Says loudly that a directory cannot answer, and when it can again. Each request has its audit event
/// all the same, and an outage of one account is in that alone.
#[derive(Debug)]
pub struct Alarm {
    directory: String,
    trouble: Trouble,
}

impl Alarm {
    /// An alarm for the directory of that name.
    pub fn new(directory: String) -> Self {
        Self { directory, trouble: Trouble::default() }
    }

    /// Takes notice of an outcome.
    pub fn record(&self, outcome: &Outcome) {
        let Verdict::Unavailable(outage) = outcome.verdict else {
            // A denial without a server came from this program.
            if outcome.server.is_some() && self.trouble.ends() {
                tracing::info!(directory = self.directory, "the directory answers again");
            }
            return;
        };
        if !outage.concerns_everybody() {
            return;
        }
        let Some(unlogged) = self.trouble.comes() else { return };
        tracing::error!(
            directory = self.directory,
            server = outcome.server.as_deref(),
            problem = outcome.to_string(),
            advice = advice(outcome.verdict, ""),
            more_since_last_line = unlogged,
            "the directory cannot answer"
        );
    }
}
