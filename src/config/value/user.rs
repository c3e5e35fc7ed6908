//! Users of this machine.

use serde_json::{Value, json};
use toml::de::DeValue;

use super::kind::ValueKind;
use super::list::one_or_more;
use super::text::Text;
use crate::config::keys::ValueForm;

/// Users of this machine, each by name or number.
#[derive(Debug)]
pub struct Users;

/// A user of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserName {
    /// By name.
    Name(String),
    /// By number.
    Number(u32),
}

impl ValueKind for Users {
    type Parsed = Vec<UserName>;

    fn form(&self) -> ValueForm {
        ValueForm::OneOrMore(ValueForm::Text("user").into())
    }

    fn read(&self, value: &DeValue<'_>) -> Result<Vec<UserName>, String> {
        let user = |item: &DeValue<'_>| match item.as_integer() {
            Some(number) => u32::from_str_radix(number.as_str(), number.radix())
                .map(UserName::Number)
                .map_err(|_| "write the number of a user".to_owned()),
            None => Text("user").read(item).map(|name| match name.parse() {
                Ok(number) => UserName::Number(number),
                Err(_) => UserName::Name(name),
            }),
        };
        one_or_more(value).into_iter().map(user).collect()
    }

    fn show(&self, users: &Vec<UserName>) -> Value {
        let user = |user: &UserName| match user {
            UserName::Name(name) => json!(name),
            UserName::Number(number) => json!(number),
        };
        users.iter().map(user).collect()
    }
}
