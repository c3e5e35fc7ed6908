//! The steps that the directory tells of while a command does its work.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;
use tracing::field::{Field, Visit};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::Registry;

use crate::observe::{STEP, UNANSWERED, milliseconds};
use crate::printable::printable;
use crate::verdict::{Outage, Outcome, Verdict};

/// One step of an authentication, as the directory told of it.
#[derive(Debug, Default)]
pub(super) struct Step {
    pub(super) step: String,
    pub(super) server: String,
    result: String,
    pub(super) took: Duration,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = milliseconds(self.took);
        let [server, result] = [&self.server, &self.result].map(|text| printable(text));
        write!(f, "{ms:>9.1} ms  {:<17} {server}  {result}", self.step)
    }
}

impl Step {
    /// Whether its end was waited for in vain.
    pub(super) fn is_unanswered(&self) -> bool {
        self.result == UNANSWERED
    }

    pub(super) fn to_json(&self) -> serde_json::Value {
        json!({ "step": self.step, "server": self.server, "result": self.result, "ms": milliseconds(self.took) })
    }
}

impl Visit for Step {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "us" {
            self.took = Duration::from_micros(value);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "step" => self.step = value.to_owned(),
            "result" => self.result = value.to_owned(),
            _ => {}
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "server" {
            self.server = format!("{value:?}");
        }
    }
}

/// The outcome, which tells of the step that was waited for in vain, if it is about that.
pub(super) fn naming_silence(outcome: Outcome, steps: &[Step]) -> Outcome {
    let Verdict::Unavailable(
        Outage::DeadlinePassed | Outage::LostConnection | Outage::BindUnanswered,
    ) = outcome.verdict
    else {
        return outcome;
    };
    let is_meant =
        |step: &&Step| outcome.server.as_deref().is_none_or(|server| server == step.server);
    let unanswered = steps.iter().filter(|step| step.is_unanswered()).filter(is_meant);
    // Others may have been begun in the last moment.
    let Some(step) = unanswered.max_by_key(|step| step.took) else { return outcome };
    let how = outcome.detail.as_deref().unwrap_or(UNANSWERED);
    let text = format!("{} on {}: {how}", step.step, step.server);
    outcome.from_server(&step.server.as_str().into()).with_detail(&text)
}

/// Collects the steps that the directory tells of.
#[derive(Clone, Debug, Default)]
pub(super) struct Steps(Arc<Mutex<Vec<Step>>>);

impl Steps {
    /// Collects from now on, instead of a log.
    pub(super) fn collect() -> Self {
        let steps = Self::default();
        let _ = tracing::subscriber::set_global_default(Registry::default().with(steps.clone()));
        steps
    }

    /// The steps since the last call.
    pub(super) fn take(&self) -> Vec<Step> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S: tracing::Subscriber> Layer<S> for Steps {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == STEP {
            let mut step = Step::default();
            event.record(&mut step);
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(step);
        }
    }
}
