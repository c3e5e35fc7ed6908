//! ejabberd's `ejabberd.yml`: the options in it, by host.

use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use super::findings::{FileLine, Findings};
use super::included::IncludedFiles;
use super::macros::Macros;
use super::yaml::{self, YamlValue};

/// The options of an ejabberd.
#[derive(Debug)]
pub(super) struct Ejabberd {
    /// Its file.
    pub(super) file: FileLine,
    /// Every option that stands outside of a host's, in the order of the files.
    options: Vec<(String, YamlValue)>,
    macros: Macros,
    files: IncludedFiles,
}

impl Ejabberd {
    /// Reads the file and those that it includes.
    pub(super) fn read(path: &Path, found: &mut Findings) -> Self {
        let file = FileLine { file: path.into(), line: None };
        let mut read = Self {
            file: file.clone(),
            options: Vec::new(),
            macros: Macros::default(),
            files: IncludedFiles::default(),
        };
        read.include(&file.file, &file, &[], found);
        // A macro may be defined behind where it is used.
        read.options = read.macros.expanded(&read.options);
        read
    }

    /// Reads one file, which is named at this place; each of those that include it says what it takes.
    fn include(
        &mut self,
        path: &Rc<Path>,
        named: &FileLine,
        within: &[YamlValue],
        found: &mut Findings,
    ) {
        let Some(bytes) = self.files.read(path, named, within.len(), found) else { return };
        let document = match yaml::parse(path, &bytes) {
            Ok(document) => document,
            Err((place, why)) => return found.error(&place, "", format!("no YAML: {why}")),
        };
        let is_taken = |key: &str| {
            within.iter().all(|terms| {
                let lists = |it: &YamlValue| it.items().iter().any(|it| it.scalar() == Some(key));
                terms.get("allow_only").is_none_or(lists)
                    && !terms.get("disallow").is_some_and(lists)
            })
        };
        for (key, value) in document.entries() {
            match key.as_str() {
                "define_macro" => self.macros.define(value),
                "include_config_file" => {
                    let names = value.items().iter().filter_map(YamlValue::scalar);
                    let names = names.map(|name| (name, value));
                    let with_terms = value.entries().iter().map(|(name, terms)| (&**name, terms));
                    for (name, terms) in names.chain(with_terms) {
                        let directory = path.parent().unwrap_or(Path::new("/"));
                        let path = Rc::from(directory.join(name));
                        let within = [within, std::slice::from_ref(terms)].concat();
                        self.include(&path, &value.place, &within, found);
                    }
                }
                key if is_taken(key) => self.options.push((key.to_owned(), value.clone())),
                _ => {}
            }
        }
    }

    /// Every value of an option outside of a host's.
    pub(super) fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a YamlValue> {
        self.options.iter().filter(move |(name, _)| name == key).map(|(_, value)| value)
    }

    /// The value of an option, for one host.
    pub(super) fn of_host<'a>(&'a self, host: &str, key: &'a str) -> Option<&'a YamlValue> {
        let own = ["append_host_config", "host_config"].into_iter().find_map(|table| {
            let hosts = self.all(table).flat_map(YamlValue::entries);
            let hosts = hosts.filter(|(name, _)| self.resolved(name) == host);
            hosts.filter_map(|(_, options)| options.get(key)).last()
        });
        own.or_else(|| self.all(key).last())
    }

    /// The hosts, each with its place; `None` for one that only ejabberd can tell.
    pub(super) fn hosts(&self) -> impl Iterator<Item = Option<(String, FileLine)>> {
        let is_written = |host: &&YamlValue| !matches!(host.scalar(), Some("" | "~"));
        let hosts = self.all("hosts").flat_map(YamlValue::items).filter(is_written);
        hosts.map(|host| Some((self.text(host)?.to_owned(), host.place.clone())))
    }

    /// The text of a scalar; `None` where only ejabberd can tell.
    pub(super) fn text<'a>(&self, value: &'a YamlValue) -> Option<&'a str> {
        value.scalar().filter(|text| !has_keyword(text))
    }

    fn resolved<'a>(&'a self, text: &'a str) -> &'a str {
        self.macros.text(text).unwrap_or(text)
    }

    /// The texts of a list, or of what stands alone in place of one; `None` as `text` says it.
    pub(super) fn texts<'a>(&'a self, value: &'a YamlValue) -> Vec<Option<&'a str>> {
        value.items().iter().map(|item| self.text(item)).collect()
    }

    /// What is said with yes or no.
    pub(super) fn flag(&self, value: &YamlValue) -> Option<bool> {
        match self.text(value)?.to_ascii_lowercase().as_str() {
            "true" | "yes" | "y" | "on" => Some(true),
            "false" | "no" | "n" | "off" => Some(false),
            _ => None,
        }
    }

    /// A time, in seconds where no unit is written; `None` also where there is no end.
    pub(super) fn time(&self, value: &YamlValue) -> Option<Duration> {
        let text = self.text(value)?;
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let milliseconds = match unit.trim() {
            unit if unit.starts_with("ms") || unit.starts_with("milli") => 1,
            unit if unit.starts_with('m') => 60_000,
            unit if unit.starts_with('h') => 3_600_000,
            unit if unit.starts_with('d') => 86_400_000,
            _ => 1000,
        };
        Some(Duration::from_millis(number.parse::<u64>().ok()?.checked_mul(milliseconds)?))
    }
}

/// Whether a text has a name between two `@`, in the place of which ejabberd puts something else.
fn has_keyword(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let parts: Vec<_> = text.split('@').collect();
    let between = parts.get(1..parts.len() - 1).unwrap_or_default();
    between.iter().any(|part| !part.is_empty() && part.chars().all(is_part))
}
