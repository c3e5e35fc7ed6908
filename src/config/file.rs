//! The file as written: typed look-ups that remember what they were asked for.
//!
//! A look-up never fails: a value of the wrong type is a [`Problem`] at its line, and the look-up
//! answers as if the key were not there. So one pass finds every mistake.

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Problem, Problems};
use crate::files::Watch;

/// The text of a configuration file and what was found to be wrong with it.
#[derive(Debug)]
pub struct Source<'a> {
    text: &'a str,
    is_broken: Cell<bool>,
    problems: RefCell<Vec<(usize, Problem)>>,
    remarks: RefCell<Vec<Problem>>,
    files: RefCell<Watch>,
}

impl<'a> Source<'a> {
    /// The source with this text.
    pub fn new(text: &'a str) -> Self {
        Self {
            text,
            is_broken: Cell::new(false),
            problems: RefCell::default(),
            remarks: RefCell::default(),
            files: RefCell::default(),
        }
    }

    /// The parsed document; syntax errors are recorded.
    pub fn parse(&self) -> DeTable<'a> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in errors {
            self.is_broken.set(true);
            // The parser's message can quote the line, and the line can hold a secret.
            let offset = error.span().map_or(0, |span| span.start);
            self.record(
                offset,
                String::new(),
                "this is not TOML; strings stand in double quotes, tables in brackets".to_owned(),
            );
        }
        table.into_inner()
    }

    /// The files that were read for it; see [`Table::reads`].
    pub fn files(&self) -> Watch {
        self.files.borrow().clone()
    }

    /// Every problem so far, in the order of the file.
    pub fn problems(&self) -> Problems {
        let mut problems = self.problems.take();
        problems.sort_by_key(|(offset, _)| *offset);
        problems.dedup_by(|a, b| a.1 == b.1);
        problems.into_iter().map(|(_, problem)| problem).collect::<Vec<_>>().into()
    }

    /// What is right but deserves a second look, each once.
    pub fn remarks(&self) -> Vec<Problem> {
        self.remarks.take()
    }

    fn record(&self, offset: usize, key: String, text: String) {
        let before = self.text.as_bytes().get(..offset).unwrap_or_default();
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        self.problems.borrow_mut().push((offset, Problem { key, line: Some(line), text }));
    }
}

/// A table of the file, and the keys that were asked for in it.
#[derive(Debug)]
pub struct Table<'a> {
    source: &'a Source<'a>,
    path: String,
    offset: usize,
    table: Option<&'a DeTable<'a>>,
    known: RefCell<Vec<&'static str>>,
}

impl<'a> Table<'a> {
    /// The top of the file.
    pub fn top(source: &'a Source<'a>, table: &'a DeTable<'a>) -> Self {
        Self {
            source,
            path: String::new(),
            offset: 0,
            table: Some(table),
            known: RefCell::default(),
        }
    }

    fn raw(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.known.borrow_mut().push(key);
        self.table?.get(key)
    }

    fn full_key(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Whether the key is there, of whatever type.
    pub fn has(&self, key: &'static str) -> bool {
        self.raw(key).is_some()
    }

    /// Records that what is in this file, which is read next, matters as if it stood here.
    pub fn reads(&self, path: &Path) {
        self.source.files.borrow_mut().add(path);
    }

    /// Records a problem with a key, or with the table where the key is missing.
    pub fn problem(&self, key: &str, text: impl Into<String>) {
        let offset = self
            .table
            .and_then(|table| table.get_key_value(key))
            .map_or(self.offset, |(key, _)| key.span().start);
        self.source.record(offset, self.full_key(key), text.into());
    }

    /// Records what is right about the table but deserves a second look.
    pub fn remark(&self, text: &str) {
        let remark = Problem { key: self.path.clone(), line: None, text: text.to_owned() };
        let mut remarks = self.source.remarks.borrow_mut();
        if !remarks.contains(&remark) {
            remarks.push(remark);
        }
    }

    fn typed<T>(
        &self,
        key: &'static str,
        wanted: &str,
        read: impl FnOnce(&'a DeValue<'a>) -> Option<T>,
    ) -> Option<T> {
        let value = read(self.raw(key)?.get_ref());
        if value.is_none() {
            self.problem(key, format!("write {wanted}"));
        }
        value
    }

    /// A string.
    pub fn string(&self, key: &'static str) -> Option<&'a str> {
        self.typed(key, "a string in double quotes", DeValue::as_str)
    }

    /// A string that `parse` understands; its error says what to write instead.
    pub fn parsed<T>(
        &self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        parse(self.string(key)?).map_err(|text| self.problem(key, text)).ok()
    }

    /// `true` or `false`; false where it is missing.
    pub fn flag(&self, key: &'static str) -> bool {
        self.flag_or(key, false)
    }

    /// `true` or `false`; `default` where it is missing.
    pub fn flag_or(&self, key: &'static str, default: bool) -> bool {
        self.typed(key, "true or false", DeValue::as_bool).unwrap_or(default)
    }

    /// A whole number within a range.
    pub fn count(
        &self,
        key: &'static str,
        range: std::ops::RangeInclusive<usize>,
    ) -> Option<usize> {
        let wanted = format!("a whole number from {} to {}", range.start(), range.end());
        self.typed(key, &wanted, |value| {
            let number = value.as_integer()?;
            usize::from_str_radix(number.as_str(), number.radix())
                .ok()
                .filter(|number| range.contains(number))
        })
    }

    /// A duration such as `"4s"`, `"1500ms"` or `"30m"`, of at least 10 ms and at most a day.
    pub fn duration(&self, key: &'static str) -> Option<Duration> {
        const RANGE: std::ops::RangeInclusive<Duration> =
            Duration::from_millis(10)..=Duration::from_secs(86_400);
        self.typed(
            key,
            "a duration from \"10ms\" to \"24h\", such as \"4s\", \"1500ms\" or \"30m\"",
            |value| {
                humantime::parse_duration(value.as_str()?)
                    .ok()
                    .filter(|duration| RANGE.contains(duration))
            },
        )
    }

    /// A list of strings, each of which `parse` understands.
    pub fn list<T>(&self, key: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
        let wanted = "a list of strings, such as [\"ldaps://ldap.example.com\"]";
        self.parsed_all(key, self.typed(key, wanted, strings), parse)
    }

    /// A string or a list of strings, each of which `parse` understands.
    pub fn one_or_more<T>(
        &self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let items = self.typed(key, "a string in double quotes, or a list of them", one_or_more);
        self.parsed_all(key, items, parse)
    }

    /// A list of strings and of lists of strings, each of which `parse` understands; with its place
    /// in the outer list.
    pub fn groups<T>(
        &self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<(u32, T)> {
        let wanted =
            "a list of strings, such as [\"ldaps://ldap.example.com\"], or of lists of equals";
        let groups: Option<Vec<Vec<&str>>> = self.typed(key, wanted, |value| {
            value.as_array()?.iter().map(|item| one_or_more(item.get_ref())).collect()
        });
        let parsed = (0..).zip(groups.unwrap_or_default()).flat_map(|(place, group)| {
            let items = self.parsed_all(key, Some(group), &parse);
            items.into_iter().map(move |item| (place, item))
        });
        parsed.collect()
    }

    fn parsed_all<T>(
        &self,
        key: &'static str,
        items: Option<Vec<&str>>,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let parsed = items.into_iter().flatten().map(parse);
        parsed.filter_map(|item| item.map_err(|text| self.problem(key, text)).ok()).collect()
    }

    /// The table of that name; an empty one where it is missing.
    pub fn table(&self, key: &'static str) -> Table<'a> {
        let table =
            self.typed(key, &format!("a table: [{}]", self.full_key(key)), DeValue::as_table);
        self.child(key, table)
    }

    /// The tables below a table, with their names: `[directory.corp]` of `directory`.
    pub fn tables(&self, key: &'static str) -> Vec<(&'a str, Table<'a>)> {
        let parent = self.table(key);
        let Some(children) = parent.table else { return Vec::new() };
        let mut tables = Vec::new();
        for (name, value) in children {
            let name: &str = name.get_ref();
            match value.get_ref().as_table() {
                Some(table) => tables.push((name, parent.child(name, Some(table)))),
                None => parent.problem(name, format!("write a table: [{}]", parent.full_key(name))),
            }
        }
        tables
    }

    fn child(&self, key: &str, table: Option<&'a DeTable<'a>>) -> Table<'a> {
        let offset = self
            .table
            .and_then(|table| table.get_key_value(key))
            .map_or(self.offset, |(key, _)| key.span().start);
        Table {
            source: self.source,
            path: self.full_key(key),
            offset,
            table,
            known: RefCell::default(),
        }
    }

    /// To be called last: every key that nobody asked for is a problem.
    pub fn finish(self) {
        if self.source.is_broken.get() {
            // What looks like a key may be a secret that was written without its quotes.
            return;
        }
        let known = self.known.borrow();
        for (key, _) in self.table.into_iter().flatten() {
            let key: &str = key.get_ref();
            if known.contains(&key) {
                continue;
            }
            let likely = known.iter().max_by(|a, b| {
                strsim::jaro_winkler(a, key).total_cmp(&strsim::jaro_winkler(b, key))
            });
            let text = match likely {
                Some(likely) if strsim::jaro_winkler(likely, key) > 0.85 => {
                    format!("there is no such key; did you mean {likely}?")
                }
                _ => format!("there is no such key; the keys here are {}", known.join(", ")),
            };
            self.problem(key, text);
        }
    }
}

fn strings<'a>(value: &'a DeValue<'a>) -> Option<Vec<&'a str>> {
    value.as_array()?.iter().map(|item| item.get_ref().as_str()).collect()
}

fn one_or_more<'a>(value: &'a DeValue<'a>) -> Option<Vec<&'a str>> {
    value.as_str().map(|single| vec![single]).or_else(|| strings(value))
}
