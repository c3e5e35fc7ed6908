//! The kinds of values: what each looks like, how it is read, and how it is shown.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use toml::de::DeValue;

use super::keys::{Describe, TableSpec, ValueForm};
use crate::policy::guard::LONGEST_WITHIN;

/// A kind of value.
pub trait ValueKind: Debug + Sync + 'static {
    /// What is made of a value.
    type Value: Debug + Sync;

    /// What can be written.
    fn form(&self) -> ValueForm;

    /// Reads a value. The error says what to write instead, and never shows the value.
    fn read(&self, value: &DeValue<'_>) -> Result<Self::Value, String>;

    /// The value as it would be written.
    fn show(&self, value: &Self::Value) -> Value;

    /// What stands in where nothing is written, if that is always the same.
    fn default(&self) -> Option<&Self::Value> {
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
pub struct Or<K: ValueKind>(pub K, pub K::Value);

impl<K: ValueKind> ValueKind for Or<K> {
    type Value = K::Value;

    fn form(&self) -> ValueForm {
        ValueKind::form(&self.0)
    }

    fn read(&self, value: &DeValue<'_>) -> Result<K::Value, String> {
        self.0.read(value)
    }

    fn show(&self, value: &K::Value) -> Value {
        self.0.show(value)
    }

    fn default(&self) -> Option<&K::Value> {
        Some(&self.1)
    }
}

/// `true` or `false`.
#[derive(Debug)]
pub struct Flag;

impl ValueKind for Flag {
    type Value = bool;

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

/// A whole number within a range.
#[derive(Debug)]
pub struct Count<T>(RangeInclusive<usize>, PhantomData<fn() -> T>);

impl<T> Count<T> {
    /// A number of this range, every one of which is a `T`.
    pub const fn within(range: RangeInclusive<usize>) -> Self {
        Self(range, PhantomData)
    }
}

impl<T: TryFrom<usize> + serde::Serialize + Debug + Sync + 'static> ValueKind for Count<T> {
    type Value = T;

    fn form(&self) -> ValueForm {
        ValueForm::Count(*self.0.start(), *self.0.end())
    }

    fn read(&self, value: &DeValue<'_>) -> Result<T, String> {
        let number = value.as_integer();
        let number = number
            .and_then(|number| usize::from_str_radix(number.as_str(), number.radix()).ok())
            .filter(|number| self.0.contains(number));
        number.and_then(|number| T::try_from(number).ok()).ok_or_else(|| {
            format!("write a whole number from {} to {}", self.0.start(), self.0.end())
        })
    }

    fn show(&self, value: &T) -> Value {
        json!(value)
    }
}

/// One of these numbers, each of which stands for something.
#[derive(Debug)]
pub struct Number<T: 'static>(pub &'static [(u16, T)]);

impl<T: Copy + PartialEq + Debug + Sync> ValueKind for Number<T> {
    type Value = T;

    fn form(&self) -> ValueForm {
        ValueForm::Number(self.0.iter().map(|(number, _)| *number).collect())
    }

    fn read(&self, value: &DeValue<'_>) -> Result<T, String> {
        let numbers = Count::<u16>::within(0..=usize::from(u16::MAX));
        let read = numbers.read(value).ok();
        let found = self.0.iter().find(|(number, _)| Some(*number) == read);
        found.map(|(_, value)| *value).ok_or_else(|| {
            let numbers = self.0.iter().map(|(number, _)| number.to_string());
            format!("write {}", numbers.collect::<Vec<_>>().join(" or "))
        })
    }

    fn show(&self, value: &T) -> Value {
        json!(self.0.iter().find(|(_, known)| known == value).map(|(number, _)| number))
    }
}

/// A duration such as `"4s"`, `"1500ms"` or `"30m"`, of at least 10 ms and at most a day.
#[derive(Debug)]
pub struct Span;

impl ValueKind for Span {
    type Value = Duration;

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

fn read_span(value: &DeValue<'_>, longest: Duration) -> Option<Duration> {
    let duration = humantime::parse_duration(value.as_str()?).ok()?;
    (Duration::from_millis(10)..=longest).contains(&duration).then_some(duration)
}

/// A duration that is measured by one of a directory, such as `"30m"` or `"7days"`.
#[derive(Debug)]
pub struct Within;

impl ValueKind for Within {
    type Value = Duration;

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

/// A string, with a word for what it is.
#[derive(Debug)]
pub struct Text(pub &'static str);

impl ValueKind for Text {
    type Value = String;

    fn form(&self) -> ValueForm {
        ValueForm::Text(self.0)
    }

    fn read(&self, value: &DeValue<'_>) -> Result<String, String> {
        let text = value.as_str().ok_or("write a string in double quotes")?;
        if text.contains(char::is_control) {
            return Err("it holds a control character: between double quotes, a backslash and a letter may be one; write single quotes, or two backslashes".to_owned());
        }
        Ok(text.to_owned())
    }

    fn show(&self, value: &String) -> Value {
        json!(value)
    }
}

/// The whole path of a file: the directory in which the XMPP server starts this program is nothing to
/// rely on.
#[derive(Debug)]
pub struct FilePath;

impl ValueKind for FilePath {
    type Value = PathBuf;

    fn form(&self) -> ValueForm {
        ValueForm::Text("path")
    }

    fn read(&self, value: &DeValue<'_>) -> Result<PathBuf, String> {
        let path = PathBuf::from(Text("path").read(value)?);
        let whole = path.is_absolute().then_some(path);
        whole.ok_or_else(|| "write the whole path of a file, from / on".to_owned())
    }

    fn show(&self, value: &PathBuf) -> Value {
        json!(value.display().to_string())
    }
}

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
    type Value = Vec<UserName>;

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

/// One of some words, each with what it stands for.
#[derive(Debug)]
pub struct Word<T: 'static> {
    words: &'static [(&'static str, T)],
    advice: Option<&'static str>,
}

impl<T> Word<T> {
    /// One of these.
    pub const fn of(words: &'static [(&'static str, T)]) -> Self {
        Self { words, advice: None }
    }

    /// One of these; `advice` is for whoever writes another.
    pub const fn advised(words: &'static [(&'static str, T)], advice: &'static str) -> Self {
        Self { words, advice: Some(advice) }
    }
}

impl<T: Copy + PartialEq + Debug + Sync> ValueKind for Word<T> {
    type Value = T;

    fn form(&self) -> ValueForm {
        ValueForm::Word(self.words.iter().map(|(word, _)| *word).collect())
    }

    fn read(&self, value: &DeValue<'_>) -> Result<T, String> {
        let text = Text("word").read(value)?;
        let found = self.words.iter().find(|(word, _)| *word == text);
        found.map(|(_, value)| *value).ok_or_else(|| match self.advice {
            Some(advice) => advice.to_owned(),
            None => {
                let words = self.words.iter().map(|(word, _)| format!("{word:?}"));
                format!("write one of {}", words.collect::<Vec<_>>().join(", "))
            }
        })
    }

    fn show(&self, value: &T) -> Value {
        json!(self.words.iter().find(|(_, known)| known == value).map(|(word, _)| word))
    }
}

/// A list, with an example of an item.
#[derive(Debug)]
pub struct List<K>(pub K, pub &'static str);

impl<K: ValueKind> ValueKind for List<K> {
    type Value = Vec<K::Value>;

    fn form(&self) -> ValueForm {
        ValueForm::List(ValueKind::form(&self.0).into())
    }

    fn read(&self, value: &DeValue<'_>) -> Result<Vec<K::Value>, String> {
        let items = value
            .as_array()
            .ok_or_else(|| format!("write a list of strings, such as [{:?}]", self.1))?;
        items.iter().map(|item| self.0.read(item.get_ref())).collect()
    }

    fn show(&self, value: &Vec<K::Value>) -> Value {
        value.iter().map(|item| self.0.show(item)).collect()
    }
}

/// A string, or a list of them, with a word for what each is.
#[derive(Debug)]
pub struct OneOrMore(pub &'static str);

impl ValueKind for OneOrMore {
    type Value = Vec<String>;

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

fn one_or_more<'a>(value: &'a DeValue<'a>) -> Vec<&'a DeValue<'a>> {
    match value.as_array() {
        Some(items) => items.iter().map(|item| item.get_ref()).collect(),
        None => vec![value],
    }
}

/// A table with these keys.
#[derive(Debug)]
pub struct Subtable(pub &'static TableSpec);

impl Describe for Subtable {
    fn form(&self) -> ValueForm {
        ValueForm::Table(self.0)
    }
}

/// A table of tables with these keys, whose names the administrator chooses.
#[derive(Debug)]
pub struct Subtables(pub &'static TableSpec);

impl Describe for Subtables {
    fn form(&self) -> ValueForm {
        ValueForm::Tables(self.0)
    }
}
