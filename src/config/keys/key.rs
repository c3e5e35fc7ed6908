//! What a key is: its name, its meaning, and what its value looks like.

use std::fmt::Debug;

use serde_json::Value;

/// A key, what is read from it, and what it means.
#[derive(Debug)]
pub struct Key<K: ?Sized> {
    /// Its name.
    pub name: &'static str,
    /// What it means, in Markdown.
    pub text: &'static str,
    /// What stands in where it is not written, in Markdown, if that is not always the same value.
    pub otherwise: Option<&'static str>,
    pub(in crate::config::keys) kind: K,
}

/// A key of any kind.
pub type AnyKey = Key<dyn Describe>;

impl<K: ?Sized> Key<K> {
    /// What kind of value it has.
    pub fn kind(&self) -> &K {
        &self.kind
    }
}

/// The keys that a table of the file can have.
#[derive(Debug)]
pub struct TableSpec {
    /// How the table is written, without its brackets.
    pub name: &'static str,
    /// The keys. Some tables have groups of them in common.
    pub groups: &'static [&'static [&'static AnyKey]],
    /// What is often written and never right, each with what to say about it.
    pub mistakes: &'static [(&'static str, &'static str)],
}

impl TableSpec {
    /// Every key of this table.
    pub fn keys(&self) -> impl Iterator<Item = &'static AnyKey> {
        self.groups.iter().flat_map(|group| group.iter().copied())
    }

    /// The key of this name.
    pub fn key(&self, name: &str) -> Option<&'static AnyKey> {
        self.keys().find(|key| key.name == name)
    }
}

/// Whether a key is so like another that it may be meant.
pub fn is_like(known: &str, written: &str) -> bool {
    strsim::jaro_winkler(known, written) > 0.85
}

/// What a value looks like, whatever is made of it.
pub trait Describe: Debug + Sync + 'static {
    /// What can be written.
    fn form(&self) -> ValueForm;

    /// What stands in where nothing is written, as it would be written, if that is always the same.
    fn default(&self) -> Option<Value> {
        None
    }
}

/// What a value looks like.
#[derive(Debug)]
pub enum ValueForm {
    /// `true` or `false`.
    Flag,
    /// A whole number from the first to the second.
    Count(usize, usize),
    /// One of these numbers.
    Number(Vec<u16>),
    /// A duration such as `"4s"`.
    Span,
    /// A string, with a word for what it is.
    Text(&'static str),
    /// One of these strings.
    Word(Vec<&'static str>),
    /// A list of such values.
    List(Box<Self>),
    /// Such a value, or a list of them.
    OneOrMore(Box<Self>),
    /// A table with these keys.
    Table(&'static TableSpec),
    /// A table of tables with these keys, whose names the administrator chooses.
    Tables(&'static TableSpec),
}
