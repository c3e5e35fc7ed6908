//! The steps that the directory tells of while a command does its work.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Serialize, Serializer};
use tracing::Event;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;

use super::progress;
use super::screen::Screen;
use crate::lock::locked;
use crate::observe::events::EachEvent;
use crate::observe::{STEP, UNANSWERED, milliseconds};
use crate::verdict::{Outage, Outcome, Verdict};

/// One step of an authentication, as the directory told of it.
#[derive(Debug, Default, Serialize)]
pub(super) struct Step {
    pub(super) step: String,
    pub(super) server: String,
    /// None of a step that has only begun.
    result: Option<String>,
    #[serde(rename = "ms", serialize_with = "as_milliseconds")]
    pub(super) took: Duration,
}

/// A time, for scripts.
pub(super) fn as_milliseconds<S: Serializer>(took: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(milliseconds(*took))
}

impl Step {
    /// What came of it at which server.
    pub(super) fn text(&self) -> String {
        format!("{}: {}", self.server, self.result.as_deref().unwrap_or_default())
    }

    /// Whether its end was waited for in vain.
    pub(super) fn is_unanswered(&self) -> bool {
        self.result.as_deref() == Some(UNANSWERED)
    }
}

/// Shows steps, each in a row.
pub(super) fn show(screen: &mut Screen, steps: &[Step]) {
    let column = steps.iter().map(|step| step.step.len()).max().unwrap_or_default();
    let mut before = None;
    for it in steps {
        // A server is named where it is another one.
        let text = match before.replace(&it.server) {
            Some(before) if *before == it.server => it.result.clone().unwrap_or_default(),
            _ => it.text(),
        };
        let text = format!("{:>7.1} ms  {text}", milliseconds(it.took));
        screen.row(column, &it.step, &text, "");
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
            "result" => self.result = Some(value.to_owned()),
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
        let taking = steps.clone();
        EachEvent::begin(LevelFilter::TRACE, move |event| taking.add(event));
        steps
    }

    /// The steps since the last call.
    pub(super) fn take(&self) -> Vec<Step> {
        progress::clear();
        std::mem::take(&mut *locked(&self.0))
    }

    fn add(&self, event: &Event<'_>) {
        if event.metadata().target() == STEP {
            let mut step = Step::default();
            event.record(&mut step);
            if step.result.is_none() {
                return progress::show(&format!("{} on {}", step.step, step.server));
            }
            // Not every question is a step.
            progress::show(&step.server);
            locked(&self.0).push(step);
        }
    }
}
