//! Strings.

use std::fmt::Debug;
use std::path::PathBuf;

use serde_json::{Value, json};
use toml::de::DeValue;

use super::kind::ValueKind;
use crate::config::keys::ValueForm;

/// A string, with a word for what it is.
#[derive(Debug)]
pub struct Text(pub &'static str);

impl ValueKind for Text {
    type Parsed = String;

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
    type Parsed = PathBuf;

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
    type Parsed = T;

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
