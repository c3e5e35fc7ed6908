//! What a configuration comes to: each value is recorded where it is read, and where it comes from.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

/// What a value is said of, in the order in which people are shown them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A directory, by its name in the file.
    Directory(String),
    /// An XMPP domain, or an alias of one, in lower case.
    Domain(String),
    /// The process.
    Process,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The command line, or the name by which the program was called.
    CommandLine,
    /// The configuration file.
    File,
    /// The product that a directory is said to be.
    Preset,
    /// Nobody said anything.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::CommandLine => "command line",
            Self::File => "file",
            Self::Preset => "preset",
            Self::Default => "default",
        })
    }
}

/// One value.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct EffectiveValue {
    /// Its key, with the tables that it stands in below that of its subject.
    pub key: String,
    /// The value as it would be written; null where none stands for it.
    pub value: Value,
    /// The value for people.
    pub text: String,
    /// Where it comes from.
    #[serde(rename = "from")]
    pub origin: Origin,
}

impl EffectiveValue {
    /// A value, or the words that stand in where there is none.
    pub(super) fn new(key: String, value: Result<Value, String>, origin: Origin) -> Self {
        let (value, text) = match value {
            Ok(value) => (value.clone(), text_of(&value)),
            Err(words) => (Value::Null, words),
        };
        Self { key, value, text, origin }
    }
}

/// Every value that was read, in the order of reading.
#[derive(Debug, Default)]
pub struct Effective(BTreeMap<Subject, Vec<EffectiveValue>>);

impl Effective {
    /// Each subject with its values.
    pub fn iter(&self) -> impl Iterator<Item = (&Subject, &[EffectiveValue])> {
        self.0.iter().map(|(subject, values)| (subject, values.as_slice()))
    }

    /// The values of a subject.
    pub fn values(&self, subject: &Subject) -> &[EffectiveValue] {
        self.0.get(subject).map(Vec::as_slice).unwrap_or_default()
    }

    /// Records a value, in place of what was recorded of that key before.
    pub(super) fn record(&mut self, subject: &Subject, value: EffectiveValue) {
        let values = self.0.entry(subject.clone()).or_default();
        match values.iter_mut().find(|known| known.key == value.key) {
            Some(known) => *known = value,
            None => values.push(value),
        }
    }

    /// Shows nothing of this key.
    pub fn forget(&mut self, subject: &Subject, key: &str) {
        self.0.entry(subject.clone()).or_default().retain(|value| value.key != key);
    }

    /// Records of one subject what is recorded of another, but for this key.
    pub(super) fn copy(&mut self, from: &Subject, to: &Subject, but: &str) {
        let values = self.0.get(from).into_iter().flatten().filter(|value| value.key != but);
        let values: Vec<_> = values.cloned().collect();
        self.0.entry(to.clone()).or_default().extend(values);
    }
}

/// A value for people; of lists within a list, each shares what is done.
fn text_of(value: &Value) -> String {
    let joined =
        |items: &[Value], between| items.iter().map(text_of).collect::<Vec<_>>().join(between);
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items) => {
            let items = items.iter().map(|item| match item {
                Value::Array(group) => joined(group, " or "),
                item => text_of(item),
            });
            items.collect::<Vec<_>>().join("; ")
        }
        value => value.to_string(),
    }
}
