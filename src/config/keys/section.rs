//! The catalogue, as it is explained: in sections, of which each is about a table.

use super::key::{AnyKey, TableSpec, ValueForm};

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

impl TableSpec {
    /// How to explain this table and all tables below it: each once, although some stand in several
    /// places.
    pub fn sections(&'static self) -> Vec<Section> {
        let mut sections = Vec::new();
        self.add_sections("", &mut sections);
        sections
    }

    /// Whether a key of this name stands in it, or in any table below it.
    pub fn knows(&'static self, key: &str) -> bool {
        self.sections().iter().any(|section| section.table.key(key).is_some())
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
