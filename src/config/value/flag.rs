//! Yes or no.

use serde_json::{Value, json};
use toml::de::DeValue;

use super::kind::ValueKind;
use crate::config::keys::ValueForm;

/// `true` or `false`.
#[derive(Debug)]
pub struct Flag;

impl ValueKind for Flag {
    type Parsed = bool;

    fn form(&self) -> ValueForm {
        ValueForm::Flag
    }

    fn read(&self, value: &DeValue<'_>) -> Result<bool, String> {
        value.as_bool().ok_or_else(|| "write true or false".to_owned())
    }

    fn show(&self, value: &bool) -> Value {
        json!(value)
    }
}
