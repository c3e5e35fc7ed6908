//! The effective values of a table, in the order of the catalogue's keys.

use toml::de::{DeTable, DeValue};

use super::file::Table;
use super::keys::{AnyKey, Form, TableSpec, users};

/// Keys, with the tables that they stand in, and values, for people.
pub type Lines = Vec<(String, String)>;

/// The values of a table and of the tables below it. What is `known` is what was made of a value, or
/// stands in for one; otherwise it is what is written, or the default.
///
/// How users are found is another matter in each domain, and not among them.
pub(super) fn of(table: &Table<'_>, known: &[(&'static str, String)]) -> Lines {
    let mut lines = Vec::new();
    add(table.spec(), table.written(), "", known, &mut lines);
    lines
}

fn add(
    spec: &TableSpec,
    table: Option<&DeTable<'_>>,
    place: &str,
    known: &[(&'static str, String)],
    lines: &mut Lines,
) {
    for key in spec.keys().filter(|key| !is_one_of(users::KEYS, key)) {
        let name = format!("{place}{}", key.name);
        let written = table.and_then(|table| table.get(key.name)).map(|value| value.get_ref());
        match key.kind().form() {
            // Where a table says again what is said above it, it says nothing unless it is written.
            Form::Table(below) if written.is_some() || !repeats(below, spec) => {
                let written = written.and_then(DeValue::as_table);
                add(below, written, &format!("{name}."), known, lines);
            }
            Form::Table(_) | Form::Tables(_) => {}
            _ => {
                let known = known.iter().find(|(known, _)| *known == name);
                let value = known.map(|(_, value)| value.clone());
                let value = value.or_else(|| written.map(show));
                let default = || match key.kind().default()? {
                    serde_json::Value::String(text) => Some(text),
                    value => Some(value.to_string()),
                };
                lines.extend(value.or_else(default).map(|value| (name, value)));
            }
        }
    }
}

fn is_one_of(keys: &[&AnyKey], key: &AnyKey) -> bool {
    keys.iter().any(|known| std::ptr::addr_eq(*known, key))
}

fn repeats(below: &TableSpec, above: &TableSpec) -> bool {
    above.groups.iter().any(|group| below.keys().any(|key| is_one_of(group, key)))
}

fn show(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Array(items) => {
            items.iter().map(|item| show(item.get_ref())).collect::<Vec<_>>().join(", ")
        }
        DeValue::Integer(number) => number.to_string(),
        DeValue::Boolean(flag) => flag.to_string(),
        // No key has one.
        DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Table(_) => String::new(),
    }
}
