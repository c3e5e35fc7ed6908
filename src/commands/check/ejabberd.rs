//! ejabberd's `ejabberd.yml`: the options in it, by host.

use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use super::findings::{FileLine, Findings};
use super::yaml::{self, YamlValue};
use crate::files;

/// A file includes others, but not for ever.
const DEEPEST: usize = 8;

/// The options of an ejabberd.
#[derive(Debug)]
pub(super) struct Ejabberd {
    /// Its file.
    pub(super) file: FileLine,
    /// Every option that stands outside of a host's, in the order of the files.
    options: Vec<(String, YamlValue)>,
    macros: HashMap<String, YamlValue>,
}

impl Ejabberd {
    /// Reads the file and those that it includes.
    pub(super) fn read(path: &Path, found: &mut Findings) -> Self {
        let file = FileLine { file: path.into(), line: None };
        let mut read = Self { file: file.clone(), options: Vec::new(), macros: HashMap::new() };
        read.include(&file.file, &file, 0, found);
        read
    }

    /// Reads one file, which is named at this place.
    fn include(&mut self, path: &Rc<Path>, named: &FileLine, depth: usize, found: &mut Findings) {
        let parsed = match files::text_of_another(path) {
            Ok(text) => yaml::parse(path, &text),
            Err(error) => {
                let text = format!("{} cannot be read: {error}", path.display());
                return found.error(named, "", text);
            }
        };
        let document = match parsed {
            Ok(document) => document,
            Err((place, why)) => return found.error(&place, "", format!("no YAML: {why}")),
        };
        for (key, value) in document.entries() {
            match key.as_str() {
                "define_macro" => self.macros.extend(value.entries().iter().cloned()),
                "include_config_file" if depth < DEEPEST => {
                    let names = value.items().iter().filter_map(YamlValue::scalar);
                    let names = names.chain(value.entries().iter().map(|(name, _)| name.as_str()));
                    for name in names {
                        let directory = path.parent().unwrap_or(Path::new("/"));
                        let path = Rc::from(directory.join(name));
                        self.include(&path, &value.place, depth + 1, found);
                    }
                }
                _ => self.options.push((key.clone(), value.clone())),
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

    /// The hosts, each with its place.
    pub(super) fn hosts(&self) -> Vec<(String, FileLine)> {
        let hosts = self.all("hosts").flat_map(YamlValue::items);
        hosts.filter_map(|host| Some((self.text(host)?.to_owned(), host.place.clone()))).collect()
    }

    /// The text of a scalar, or of the macro that it names.
    pub(super) fn text<'a>(&'a self, value: &'a YamlValue) -> Option<&'a str> {
        value.scalar().map(|text| self.resolved(text))
    }

    fn resolved<'a>(&'a self, text: &'a str) -> &'a str {
        let name = text.strip_prefix('@').and_then(|rest| rest.strip_suffix('@')).unwrap_or(text);
        self.macros.get(name).and_then(YamlValue::scalar).unwrap_or(text)
    }

    /// The texts of a list, or of what stands alone in place of one.
    pub(super) fn texts<'a>(&'a self, value: &'a YamlValue) -> Vec<&'a str> {
        let list = value.scalar().and_then(|name| self.macros.get(name)).unwrap_or(value);
        list.items().iter().filter_map(|item| self.text(item)).collect()
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
        let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?.max(1));
        let seconds = match unit.trim() {
            unit if unit.starts_with("ms") || unit.starts_with("milli") => 0,
            unit if unit.starts_with('m') => 60,
            unit if unit.starts_with('h') => 3600,
            unit if unit.starts_with('d') => 86_400,
            _ => 1,
        };
        Some(Duration::from_secs(number.parse::<u64>().ok()?.checked_mul(seconds)?))
    }
}
