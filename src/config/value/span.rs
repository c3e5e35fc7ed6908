//! Durations.

use std::time::Duration;

use serde_json::{Value, json};
use toml::de::DeValue;

use super::kind::ValueKind;
use crate::config::keys::ValueForm;
use crate::policy::guard::LONGEST_WITHIN;

/// A duration such as `"4s"`, `"1500ms"` or `"30m"`, of at least 10 ms and at most a day.
#[derive(Debug)]
pub struct Span;

impl ValueKind for Span {
    type Parsed = Duration;

    fn form(&self) -> ValueForm {
        ValueForm::Span
    }

    fn read(&self, value: &DeValue<'_>) -> Result<Duration, String> {
        read_span(value, Duration::from_secs(86_400)).ok_or_else(|| {
            "write a duration from \"10ms\" to \"24h\", such as \"4s\", \"1500ms\" or \"30m\""
                .to_owned()
        })
    }

    fn show(&self, value: &Duration) -> Value {
        json!(humantime::format_duration(*value).to_string())
    }
}

/// A duration that is measured by one of a directory, such as `"30m"` or `"7days"`.
#[derive(Debug)]
pub struct Within;

impl ValueKind for Within {
    type Parsed = Duration;

    fn form(&self) -> ValueForm {
        ValueForm::Span
    }

    fn read(&self, value: &DeValue<'_>) -> Result<Duration, String> {
        read_span(value, LONGEST_WITHIN).ok_or_else(|| {
            "write a duration from \"10ms\" to \"365days\", such as \"30m\", \"1h\" or \"7days\""
                .to_owned()
        })
    }

    fn show(&self, value: &Duration) -> Value {
        Span.show(value)
    }
}

fn read_span(value: &DeValue<'_>, longest: Duration) -> Option<Duration> {
    let duration = humantime::parse_duration(value.as_str()?).ok()?;
    (Duration::from_millis(10)..=longest).contains(&duration).then_some(duration)
}
