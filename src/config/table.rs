//! A table of the file: look-ups of the catalogue's keys.
//!
//! A look-up never fails: a value of the wrong kind is a problem at its place, and the look-up
//! answers as if the key were not there. So one pass finds every mistake. What a look-up finds is
//! recorded as [`Effective`], and so is what the caller lets stand in for it.

use std::path::{Path, PathBuf};

use serde_json::Value;
use toml::de::{DeTable, DeValue};

use super::effective::{Effective, EffectiveValue, Origin, Subject};
use super::excerpt;
use super::keys::domain::ALIASES;
use super::keys::foreign;
use super::keys::top::TOP;
use super::keys::{AnyKey, Key, TableSpec, is_like};
use super::source::Source;
use super::value::{FilePath, Or, Subtable, Subtables, Text, ValueKind};

/// A table of the file.
#[derive(Clone, Debug)]
pub(super) struct Table<'a> {
    source: &'a Source<'a>,
    spec: &'static TableSpec,
    path: String,
    offset: usize,
    /// `None` for a table that is not written.
    table: Option<&'a DeTable<'a>>,
    /// What its values are said of.
    subject: Subject,
    /// The tables that it stands in below that of its subject, and itself, each with a dot.
    place_of_values: String,
}

impl<'a> Table<'a> {
    /// The top of the file.
    pub(super) fn top(source: &'a Source<'a>, table: &'a DeTable<'a>) -> Self {
        let top = Self {
            source,
            spec: &TOP,
            path: String::new(),
            offset: 0,
            table: Some(table),
            subject: Subject::Process,
            place_of_values: String::new(),
        };
        top.check_keys();
        top
    }

    /// The same table, whose values say something of this.
    pub(super) fn about(&self, subject: &Subject) -> Self {
        Self { subject: subject.clone(), place_of_values: String::new(), ..self.clone() }
    }

    /// What its values are said of.
    pub(super) fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Everything that was recorded.
    pub(super) fn effective(&self) -> Effective {
        self.source.effective.take()
    }

    /// Whether no mistake was found in it, as far as it was read.
    pub(super) fn is_right(&self) -> bool {
        !self.source.has_problem_in(&self.path)
    }

    /// Whether a mistake was found in the value of a key.
    pub(super) fn is_mistaken(&self, key: &AnyKey) -> bool {
        self.source.has_problem_in(&self.full_key(key.name))
    }

    /// Whether the key is there, of whatever kind its value is.
    pub(super) fn has(&self, key: &AnyKey) -> bool {
        self.raw(key).is_some()
    }

    /// Whether the key is there, or one that looks like it and was told of already.
    pub(super) fn seems_to_have(&self, key: &AnyKey) -> bool {
        let mut written = self.table.into_iter().flatten().map(|(written, _)| written.get_ref());
        written.any(|written| {
            let is_meant = || match self.meant(written) {
                Some(meant) => meant == key.name,
                None => is_like(key.name, written),
            };
            written == key.name || self.spec.key(written).is_none() && is_meant()
        })
    }

    /// The key that is meant by one that there is not, if that is known and not only likely.
    fn meant(&self, written: &str) -> Option<&'static str> {
        let spelt = foreign::spelt_otherwise(written, self.spec);
        spelt.or_else(|| Some(foreign::meant(written, self.spec)?.key))
    }

    /// Whether any of these keys is there.
    pub(super) fn has_any(&self, keys: &[&AnyKey]) -> bool {
        keys.iter().any(|key| self.has(key))
    }

    /// The path of a file that is read: what is in it matters as if it stood here.
    pub(super) fn path(&self, key: &Key<FilePath>) -> Option<PathBuf> {
        let path = self.get(key)?;
        self.source.reads(&path);
        Some(path)
    }

    /// A file that is read although no key names it.
    pub(super) fn reads(&self, path: &Path) {
        self.source.reads(path);
    }

    /// Records a problem with a key, or with the table where the key is missing.
    pub(super) fn problem(&self, key: &AnyKey, text: impl Into<String>) {
        self.problem_named(key.name, text.into());
    }

    /// Records what is right about the table but deserves a second look.
    pub(super) fn remark_on_table(&self, text: &str) {
        // What is not as it was meant says nothing more.
        if !self.is_right() {
            return;
        }
        self.source.remark(self.offset, self.path.clone(), text.to_owned());
    }

    /// Records what is right about a key but deserves a second look.
    pub(super) fn remark(&self, key: &AnyKey, text: &str) {
        self.remark_named(key.name, text);
    }

    /// The same about the key of this name.
    pub(super) fn remark_named(&self, key: &str, text: &str) {
        let place = self.place(key).unwrap_or(self.offset);
        self.source.remark(place, self.full_key(key), text.to_owned());
    }

    /// The value of a key.
    pub(super) fn get<K: ValueKind>(&self, key: &Key<K>) -> Option<K::Parsed> {
        let Some(value) = self.raw(key) else {
            if let Some(words) = key.otherwise {
                self.record(key.name, Err(words.replace('`', "")), Origin::Default);
            }
            return None;
        };
        let value = key.kind().read(value).map_err(|text| self.problem(key, text)).ok()?;
        Some(self.stand_in(key, value, Origin::File))
    }

    /// The value of a key, or this one.
    pub(super) fn get_or<K: ValueKind>(&self, key: &Key<K>, default: K::Parsed) -> K::Parsed {
        self.get(key).unwrap_or_else(|| self.stand_in(key, default, Origin::Default))
    }

    /// The value of a key, or its default.
    pub(super) fn get_or_default<K: ValueKind<Parsed: Copy>>(&self, key: &Key<Or<K>>) -> K::Parsed {
        self.get_or(key, key.kind().1)
    }

    /// Lets a value stand in for what is not written, or for what is.
    pub(super) fn stand_in<K: ValueKind>(
        &self,
        key: &Key<K>,
        value: K::Parsed,
        origin: Origin,
    ) -> K::Parsed {
        self.record(key.name, Ok(key.kind().show(&value)), origin);
        value
    }

    /// Lets a value that was read count for nothing.
    pub(super) fn forget(&self, key: &AnyKey) {
        let key = format!("{}{}", self.place_of_values, key.name);
        self.source.effective.borrow_mut().forget(&self.subject, &key);
    }

    /// Records the values of a domain for one of its aliases as well.
    pub(super) fn alias(&self, alias: &str) {
        let Subject::Domain(domain) = &self.subject else { return };
        let alias = Subject::Domain(alias.to_owned());
        let mut effective = self.source.effective.borrow_mut();
        let value =
            EffectiveValue::new("alias_of".to_owned(), Ok(domain.clone().into()), Origin::File);
        effective.record(&alias, value);
        // Each of many aliases would hold the names of all.
        effective.copy(&self.subject, &alias, ALIASES.name);
    }

    /// Shows what was found where a key says.
    pub(super) fn show(&self, name: &str, value: Value) {
        self.record(name, Ok(value), Origin::File);
    }

    fn record(&self, key: &str, value: Result<Value, String>, origin: Origin) {
        let value = EffectiveValue::new(format!("{}{key}", self.place_of_values), value, origin);
        self.source.effective.borrow_mut().record(&self.subject, value);
    }

    /// A string that `parse` understands; its error says what to write instead.
    pub(super) fn parsed<T>(
        &self,
        key: &Key<Text>,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        parse(&self.get(key)?).map_err(|text| self.problem(key, text)).ok()
    }

    /// Strings, each of which `parse` understands.
    pub(super) fn all_parsed<T>(
        &self,
        key: &Key<impl ValueKind<Parsed = Vec<String>>>,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let parsed = self.get(key).into_iter().flatten().map(|item| parse(&item));
        parsed.filter_map(|item| item.map_err(|text| self.problem(key, text)).ok()).collect()
    }

    /// The table of that name; an empty one where it is missing.
    pub(super) fn table(&self, key: &Key<Subtable>) -> Table<'a> {
        let table = self.raw(key).and_then(|value| self.as_table(key.name, value));
        self.child(key.name, key.kind().0, table)
    }

    /// The tables below a table, with their names: `[directory.corp]` of `directory`. Where none is
    /// written, `advice` says what to write.
    pub(super) fn tables(&self, key: &Key<Subtables>, advice: &str) -> Vec<(&'a str, Table<'a>)> {
        let is_empty = |value: &DeValue<'_>| value.as_table().is_some_and(DeTable::is_empty);
        if self.raw(key).is_none_or(is_empty) {
            self.problem(key, advice);
        }
        self.tables_if_any(key)
    }

    /// The same where there need be none.
    pub(super) fn tables_if_any(&self, key: &Key<Subtables>) -> Vec<(&'a str, Table<'a>)> {
        let spec = key.kind().0;
        let value = self.raw(key);
        let table = value.and_then(DeValue::as_table);
        if value.is_some() && table.is_none() {
            self.problem_named(key.name, format!("write a table with a name: [{}]", spec.name));
        }
        let parent = Table {
            path: self.full_key(key.name),
            table,
            place_of_values: format!("{}{}.", self.place_of_values, key.name),
            ..self.clone()
        };
        // Its keys stand where names should.
        let mut entries = table.into_iter().flatten();
        let nameless = entries.find(|(name, value)| {
            value.get_ref().as_table().is_none() && spec.key(name.get_ref()).is_some()
        });
        if let Some((name, _)) = nameless {
            let text = format!("it stands in a table with a name: write [{}] above it", spec.name);
            parent.problem_named(name.get_ref(), text);
            return Vec::new();
        }
        let mut tables = Vec::new();
        for (name, value) in table.into_iter().flatten() {
            let name: &str = name.get_ref();
            let Some(table) = parent.as_table(name, value.get_ref()) else { continue };
            match unquoted(name, table, spec) {
                Some(whole) if !self.source.is_broken() => {
                    let text = format!("write the name in quotes: [{}.{whole:?}]", key.name);
                    parent.problem_named(name, text);
                }
                _ => tables.push((name, parent.child(name, spec, Some(table)))),
            }
        }
        tables
    }

    fn raw(&self, key: &AnyKey) -> Option<&'a DeValue<'a>> {
        debug_assert!(self.spec.key(key.name).is_some(), "{} is no key of {}", key.name, self.path);
        Some(self.table?.get(key.name)?.get_ref())
    }

    fn full_key(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Where the key is, if it is there.
    fn place(&self, key: &str) -> Option<usize> {
        Some(self.table?.get_key_value(key)?.0.span().start)
    }

    /// Records a problem with the key of this name.
    pub(super) fn problem_named(&self, key: &str, text: String) {
        let place = self.place(key);
        // What seems to be missing may stand where the parser lost its way, or be misspelt.
        let is_meant = self.spec.key(key).is_some_and(|key| self.seems_to_have(key));
        if place.is_some() || !self.source.is_broken() && !is_meant {
            self.source.record(place.unwrap_or(self.offset), self.full_key(key), text);
        }
    }

    fn as_table(&self, key: &str, value: &'a DeValue<'a>) -> Option<&'a DeTable<'a>> {
        let table = value.as_table();
        if table.is_none() {
            self.problem_named(key, format!("write a table: [{}]", self.full_key(key)));
        }
        table
    }

    fn child(
        &self,
        key: &str,
        spec: &'static TableSpec,
        table: Option<&'a DeTable<'a>>,
    ) -> Table<'a> {
        let child = Table {
            source: self.source,
            spec,
            path: self.full_key(key),
            offset: self.place(key).unwrap_or(self.offset),
            table,
            subject: self.subject.clone(),
            place_of_values: format!("{}{key}.", self.place_of_values),
        };
        child.check_keys();
        child
    }

    /// Tells of a key that the table cannot have, by its name if that may be shown.
    fn unknown_key(&self, key: &str) {
        let Some(place) = self.place(key) else { return };
        let name = if self.source.is_public(place) { key } else { excerpt::MASK };
        self.source.record(place, self.full_key(name), no_such_key(key, self.spec));
    }

    /// Every key that the table cannot have is a problem.
    fn check_keys(&self) {
        for (key, _) in self.table.into_iter().flatten() {
            let key: &str = key.get_ref();
            if let Some((_, text)) = self.spec.mistakes.iter().find(|(known, _)| *known == key) {
                self.problem_named(key, (*text).to_owned());
            } else if self.spec.key(key).is_none() && !self.source.is_broken() {
                // Where the file is broken, what looks like a key may be a secret that was written
                // without its quotes.
                self.unknown_key(key);
            }
        }
    }
}

fn no_such_key(key: &str, spec: &TableSpec) -> String {
    if let Some(spelt) = foreign::spelt_otherwise(key, spec) {
        return format!("there is no such key; did you mean {spelt}?");
    }
    if let Some(foreign) = foreign::meant(key, spec) {
        return foreign.advice(spec);
    }
    if let Some(place) = foreign::elsewhere(key, spec) {
        return format!("there is no such key here: it stands {place}");
    }
    let likeness = |known: &AnyKey| strsim::jaro_winkler(known.name, key);
    let likely = spec.keys().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    match likely {
        Some(likely) if is_like(likely.name, key) => {
            format!("there is no such key; did you mean {}?", likely.name)
        }
        _ => {
            let known: Vec<&str> = spec.keys().map(|key| key.name).collect();
            format!("there is no such key; the keys here are {}", known.join(", "))
        }
    }
}

/// The whole name, if this table is not one of that name but a part of one that has dots and was
/// written without quotes: in `[domain.example.com]`, `com` is a table of the table `example`.
fn unquoted(name: &str, table: &DeTable<'_>, spec: &TableSpec) -> Option<String> {
    let mut parts = table.iter().map(|(key, value)| {
        let key: &str = key.get_ref();
        let below = value.get_ref().as_table().filter(|_| spec.key(key).is_none())?;
        Some(format!("{name}.{}", unquoted(key, below, spec).unwrap_or_else(|| key.to_owned())))
    });
    let first = parts.next()??;
    parts.all(|part| part.is_some()).then_some(first)
}
