//! Lists.

use serde_json::{Value, json};
use toml::de::DeValue;

use super::kind::ValueKind;
use super::text::Text;
use crate::config::keys::ValueForm;

/// A list, with an example of an item.
#[derive(Debug)]
pub struct List<K>(pub K, pub &'static str);

impl<K: ValueKind> ValueKind for List<K> {
    type Parsed = Vec<K::Parsed>;

    fn form(&self) -> ValueForm {
        ValueForm::List(ValueKind::form(&self.0).into())
    }

    fn read(&self, value: &DeValue<'_>) -> Result<Vec<K::Parsed>, String> {
        let items = value
            .as_array()
            .ok_or_else(|| format!("write a list of strings, such as [{:?}]", self.1))?;
        items.iter().map(|item| self.0.read(item.get_ref())).collect()
    }

    fn show(&self, value: &Vec<K::Parsed>) -> Value {
        value.iter().map(|item| self.0.show(item)).collect()
    }
}

/// A string, or a list of them, with a word for what each is.
#[derive(Debug)]
pub struct OneOrMore(pub &'static str);

impl ValueKind for OneOrMore {
    type Parsed = Vec<String>;

    fn form(&self) -> ValueForm {
        ValueForm::OneOrMore(ValueForm::Text(self.0).into())
    }

    fn read(&self, value: &DeValue<'_>) -> Result<Vec<String>, String> {
        let items = one_or_more(value);
        if !items.iter().all(|item| item.is_str()) {
            return Err("write a string in double quotes, or a list of them".to_owned());
        }
        items.into_iter().map(|item| Text(self.0).read(item)).collect()
    }

    fn show(&self, value: &Vec<String>) -> Value {
        json!(value)
    }
}

pub(super) fn one_or_more<'a>(value: &'a DeValue<'a>) -> Vec<&'a DeValue<'a>> {
    match value.as_array() {
        Some(items) => items.iter().map(|item| item.get_ref()).collect(),
        None => vec![value],
    }
}
