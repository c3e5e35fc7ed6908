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

impl AnyKey {
    /// What stands in where it is not written, in Markdown; empty for nothing.
    pub fn default(&self) -> String {
        match (self.otherwise, self.kind.default()) {
            (Some(words), _) => words.to_owned(),
            (None, Some(value)) => format!("`{value}`"),
            (None, None) => String::new(),
        }
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

    /// How to explain this table and all tables below it: each once, although some stand in several
    /// places.
    pub fn sections(&'static self) -> Vec<Section> {
        let mut sections = Vec::new();
        self.add_sections("", &mut sections);
        sections
    }

    fn add_sections(&'static self, text: &'static str, sections: &mut Vec<Section>) {
        if sections.iter().any(|known| known.table.name == self.name) {
            return;
        }
        let mut keys = Vec::new();
        let mut shared: Vec<(&str, Vec<&str>)> = Vec::new();
        for key in self.keys() {
            let has = |known: &&Section| known.keys.iter().any(|own| std::ptr::addr_eq(*own, key));
            match sections.iter().find(has) {
                None => keys.push(key),
                Some(known) => match shared.last_mut() {
                    Some((table, names)) if *table == known.table.name => names.push(key.name),
                    _ => shared.push((known.table.name, vec![key.name])),
                },
            }
        }
        sections.push(Section { table: self, text, keys: keys.clone(), shared });
        for key in keys {
            if let ValueForm::Table(table) | ValueForm::Tables(table) = key.kind().form() {
                table.add_sections(key.text, sections);
            }
        }
    }
}

/// What there is to say about a table.
#[derive(Debug)]
pub struct Section {
    /// The table.
    pub table: &'static TableSpec,
    /// What it is for, in Markdown.
    pub text: &'static str,
    /// Its keys, but for the shared ones.
    pub keys: Vec<&'static AnyKey>,
    /// The names of the keys that were explained with another table, by the name of that.
    pub shared: Vec<(&'static str, Vec<&'static str>)>,
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

impl ValueForm {
    /// What can be written, in a few words of Markdown.
    pub fn words(&self) -> String {
        match self {
            Self::Flag => "`true`, `false`".to_owned(),
            Self::Count(least, most) => format!("{least} to {most}"),
            Self::Number(numbers) => {
                numbers.iter().map(|number| format!("`{number}`")).collect::<Vec<_>>().join(", ")
            }
            Self::Span => "duration".to_owned(),
            Self::Text(what) => (*what).to_owned(),
            Self::Word(words) => {
                words.iter().map(|word| format!("`{word:?}`")).collect::<Vec<_>>().join(", ")
            }
            Self::List(items) => match &**items {
                Self::OneOrMore(item) => format!("list of {}, or of lists of them", item.words()),
                items => format!("list of {}", items.words()),
            },
            Self::OneOrMore(item) => format!("{}, or list of them", item.words()),
            Self::Table(_) => "table".to_owned(),
            Self::Tables(_) => "tables".to_owned(),
        }
    }
}
