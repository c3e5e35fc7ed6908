//! What every kind of value has in common.

use std::fmt::Debug;

use serde_json::Value;
use toml::de::DeValue;

use crate::config::keys::{Describe, ValueForm};

/// A kind of value.
pub trait ValueKind: Debug + Sync + 'static {
    /// What is made of a value.
    type Parsed: Debug + Sync;

    /// What can be written.
    fn form(&self) -> ValueForm;

    /// Reads a value. The error says what to write instead, and never shows the value.
    fn read(&self, value: &DeValue<'_>) -> Result<Self::Parsed, String>;

    /// The value as it would be written.
    fn show(&self, value: &Self::Parsed) -> Value;

    /// What stands in where nothing is written, if that is always the same.
    fn default(&self) -> Option<&Self::Parsed> {
        None
    }
}

impl<K: ValueKind> Describe for K {
    fn form(&self) -> ValueForm {
        ValueKind::form(self)
    }

    fn default(&self) -> Option<Value> {
        ValueKind::default(self).map(|value| self.show(value))
    }
}

/// A kind with a default.
#[derive(Debug)]
pub struct Or<K: ValueKind>(pub K, pub K::Parsed);

impl<K: ValueKind> ValueKind for Or<K> {
    type Parsed = K::Parsed;

    fn form(&self) -> ValueForm {
        ValueKind::form(&self.0)
    }

    fn read(&self, value: &DeValue<'_>) -> Result<K::Parsed, String> {
        self.0.read(value)
    }

    fn show(&self, value: &K::Parsed) -> Value {
        self.0.show(value)
    }

    fn default(&self) -> Option<&K::Parsed> {
        Some(&self.1)
    }
}
