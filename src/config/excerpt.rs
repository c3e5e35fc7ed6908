//! A line of the file, as people may be shown it: without what may be a secret, and without comments,
//! in which one may stand as well.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::top::TOP;
use super::keys::{TableSpec, ValueForm, is_like};

/// What stands in the place of a value that may be a secret.
pub(super) const MASK: &str = "…";

/// Where the values of a file stand, and the keys that may be values, and whether anybody may see them.
#[derive(Debug, Default)]
pub(super) struct PublicValues(Vec<(Range<usize>, bool)>);

impl PublicValues {
    /// Those of a file whose syntax is right.
    pub(super) fn of(text: &str, table: &DeTable<'_>) -> Self {
        let mut values = Self::default();
        values.add_table(text, table, Keys::Of(&TOP));
        values
    }

    fn add_table(&mut self, text: &str, table: &DeTable<'_>, keys: Keys) {
        for (key, value) in table {
            let name: &str = key.get_ref();
            // No key needs quotes: what stands in them and is like none may be a secret.
            let is_quoted = text.get(key.span()).is_some_and(|it| it.starts_with(['"', '\'']));
            if is_quoted && !keys.may_mean(name) {
                self.0.push((key.span(), false));
            }
            self.add(text, value, is_public(name), keys.below(name));
        }
    }

    fn add(&mut self, text: &str, value: &Spanned<DeValue<'_>>, is_public: bool, keys: Keys) {
        let place = value.span();
        match value.get_ref() {
            DeValue::Table(table) => self.add_table(text, table, keys),
            DeValue::Array(items) => {
                items.iter().for_each(|item| self.add(text, item, is_public, keys));
            }
            // There it may be the password of a user.
            DeValue::String(value)
                if !is_harmless(value) || (value.contains('@') && value.contains("://")) =>
            {
                self.0.push((place, false));
            }
            _ => self.0.push((place, is_public)),
        }
    }

    /// Whether what stands here may be shown.
    pub(super) fn has(&self, place: usize) -> bool {
        self.at(place).is_none_or(|(_, is_public)| *is_public)
    }

    fn at(&self, place: usize) -> Option<&(Range<usize>, bool)> {
        self.0.iter().find(|(span, _)| span.contains(&place))
    }
}

/// The keys that a table can have.
#[derive(Clone, Copy, Debug)]
enum Keys {
    /// Those of the catalogue.
    Of(&'static TableSpec),
    /// Names of tables, which the administrator chooses.
    Names(&'static TableSpec),
    /// None is known.
    Unknown,
}

impl Keys {
    /// Whether a key is one of them, or a slip of the pen.
    fn may_mean(self, written: &str) -> bool {
        match self {
            Self::Of(spec) => {
                let mistakes = spec.mistakes.iter().map(|(mistake, _)| *mistake);
                spec.keys().map(|key| key.name).chain(mistakes).any(|it| is_like(it, written))
            }
            Self::Names(_) => true,
            Self::Unknown => false,
        }
    }

    /// Those of the table that is the value of this key.
    fn below(self, key: &str) -> Self {
        match self {
            Self::Names(spec) => Self::Of(spec),
            Self::Of(spec) => match spec.key(key).map(|key| key.kind().form()) {
                Some(ValueForm::Table(spec)) => Self::Of(spec),
                Some(ValueForm::Tables(spec)) => Self::Names(spec),
                _ => Self::Unknown,
            },
            Self::Unknown => Self::Unknown,
        }
    }
}

/// The line that begins here, if there is anything to show of it.
pub(super) fn shown(text: &str, start: usize, public: Option<&PublicValues>) -> Option<String> {
    let line = text.get(start..)?.lines().next()?;
    let shown = match public {
        Some(public) => of_right_file(line, start, public),
        None if text.contains("\"\"\"") || text.contains("'''") => return None,
        None => of_broken_file(line)?,
    };
    let shown = shown.trim().to_owned();
    (!shown.is_empty()).then_some(shown)
}

fn of_right_file(line: &str, start: usize, public: &PublicValues) -> String {
    let mut shown = String::new();
    let mut masked = None;
    for (at, character) in line.char_indices() {
        match public.at(start + at) {
            None if character == '#' => break,
            None | Some((_, true)) => shown.push(character),
            Some((span, false)) => {
                if masked != Some(span) {
                    masked = Some(span);
                    shown.push_str(MASK);
                }
            }
        }
    }
    shown
}

/// Nobody knows where a value of a broken file ends: one is shown of a key that is known, if nothing in
/// its line looks like a second one.
fn of_broken_file(line: &str) -> Option<String> {
    let written = line.split('#').next().unwrap_or_default().trim();
    let first = |text: &str| TOP.key(text.split('.').next().unwrap_or_default()).is_some();
    if written.starts_with('[') {
        let is_table = first(written.trim_start_matches('[')) && !written.contains('=');
        return is_table.then(|| written.to_owned());
    }
    let (key, value) = written.split_once('=')?;
    let key = key.trim();
    if !is_known(key) {
        return None;
    }
    if !is_public(key) || !is_harmless(value) || value.contains('@') {
        return Some(format!("{key} = {MASK}"));
    }
    Some(match rest_of_string(value.trim_start()) {
        "" => written.to_owned(),
        rest => format!("{}{MASK}", written.strip_suffix(rest).unwrap_or_default()),
    })
}

/// What stands behind a string with which a text begins.
fn rest_of_string(text: &str) -> &str {
    let mut characters = text.chars();
    let Some(quote @ ('"' | '\'')) = characters.next() else { return "" };
    while let Some(character) = characters.next() {
        match character {
            '\\' if quote == '"' => drop(characters.next()),
            _ if character == quote => return characters.as_str(),
            _ => {}
        }
    }
    ""
}

/// What stands at a key that there is not may be anything, a password above all where one is usual.
fn is_public(key: &str) -> bool {
    TOP.knows(key) && is_harmless(key)
}

fn is_known(key: &str) -> bool {
    let is_mistake = |(mistaken, _): &(&str, &str)| *mistaken == key;
    TOP.knows(key) || TOP.sections().iter().any(|it| it.table.mistakes.iter().any(is_mistake))
}

/// Whether nothing in the text looks like the name of a secret.
pub(super) fn is_harmless(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let words = ["passw", "credential", "secret", "token", "key_file", "keytab", "-----begin"];
    !words.iter().any(|word| text.contains(word))
}
