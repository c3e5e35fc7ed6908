//! Prosody's `prosody.cfg.lua`: the settings in it, by host.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::findings::{FileLine, Findings};
use super::lua::{self, LuaValue, Statement};
use crate::files;

/// A file includes others, but not for ever.
const DEEPEST: usize = 8;

/// The settings of a Prosody.
#[derive(Debug)]
pub(super) struct Prosody {
    /// Its file.
    pub(super) file: FileLine,
    /// What holds where a host has nothing of its own.
    global: Settings,
    /// The hosts, in the order of the files.
    pub(super) hosts: Vec<ProsodyHost>,
}

/// A host with users.
#[derive(Debug)]
pub(super) struct ProsodyHost {
    /// Its name.
    pub(super) name: String,
    /// Where it begins.
    pub(super) place: FileLine,
    settings: Settings,
}

/// Values, with their places.
type Settings = HashMap<String, (LuaValue, FileLine)>;

/// What the next settings of a file are for.
#[derive(Clone, Copy)]
enum ProsodySection {
    All,
    Host(usize),
    /// A component has no users.
    Component,
}

impl Prosody {
    /// Reads the file and those that it includes.
    pub(super) fn read(path: &Path, found: &mut Findings) -> Self {
        let file = FileLine { file: path.into(), line: None };
        let mut read = Self { file: file.clone(), global: HashMap::new(), hosts: Vec::new() };
        read.include(&file.file, &file, 0, found);
        read
    }

    /// Reads one file, which is named at this place.
    fn include(&mut self, path: &Rc<Path>, named: &FileLine, depth: usize, found: &mut Findings) {
        let place = |line| FileLine { file: Rc::clone(path), line: Some(line) };
        let statements = match files::text_of_another(path).map(|text| lua::read(&text)) {
            Ok(Ok(statements)) => statements,
            Ok(Err(line)) => {
                return found.error(&place(line), "", "no Lua: a text or comment has no end");
            }
            Err(error) => {
                let text = format!("{} cannot be read: {error}", path.display());
                return found.error(named, "", text);
            }
        };
        let mut section = ProsodySection::All;
        for (line, statement) in statements {
            let place = place(line);
            match statement {
                Statement::Assign(name, value) => {
                    let settings = match section {
                        ProsodySection::All => Some(&mut self.global),
                        ProsodySection::Host(at) => {
                            self.hosts.get_mut(at).map(|host| &mut host.settings)
                        }
                        ProsodySection::Component => None,
                    };
                    if let Some(settings) = settings {
                        settings.insert(name, (value, place));
                    }
                }
                Statement::Call(name, text) => match name.as_str() {
                    "VirtualHost" | "Host" if text == "*" => section = ProsodySection::All,
                    "VirtualHost" | "Host" => {
                        let known = self.hosts.iter().position(|host| host.name == text);
                        section = ProsodySection::Host(known.unwrap_or(self.hosts.len()));
                        if known.is_none() {
                            let settings = HashMap::new();
                            self.hosts.push(ProsodyHost { name: text, place, settings });
                        }
                    }
                    "Component" => section = ProsodySection::Component,
                    "Include" if depth < DEEPEST => {
                        for path in matching(path.parent().unwrap_or(Path::new("/")), &text) {
                            self.include(&path.into(), &place, depth + 1, found);
                        }
                    }
                    _ => {}
                },
            }
        }
    }

    /// A setting of a host, or of all.
    pub(super) fn get<'a>(
        &'a self,
        host: &'a ProsodyHost,
        key: &str,
    ) -> Option<&'a (LuaValue, FileLine)> {
        host.settings.get(key).or_else(|| self.global.get(key))
    }

    /// The directories of modules besides Prosody's own; `None` where only Lua can tell.
    pub(super) fn plugin_paths(&self) -> Option<Vec<PathBuf>> {
        let directory = self.file.file.parent().unwrap_or(Path::new("/"));
        let mut paths = Vec::new();
        for key in ["plugin_paths", "installer_plugin_path"] {
            let values = match self.global.get(key) {
                None => continue,
                Some((LuaValue::Table(values), _)) => values.as_slice(),
                Some((value, _)) => std::slice::from_ref(value),
            };
            for value in values {
                let LuaValue::Text(text) = value else { return None };
                paths.extend(text.split(';').map(|path| directory.join(path)));
            }
        }
        Some(paths)
    }
}

/// The files that an `Include` means: in its last part, `*` stands for any text.
fn matching(directory: &Path, pattern: &str) -> Vec<PathBuf> {
    let path = directory.join(pattern);
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let Some(name) = name.filter(|name| name.contains(['*', '?'])) else { return vec![path] };
    let listing = path.parent().and_then(|parent| fs::read_dir(parent).ok());
    let files = listing.into_iter().flatten().filter_map(|entry| entry.ok().map(|it| it.path()));
    let mut files: Vec<_> = files
        .filter(|file| file.file_name().is_some_and(|file| fits(&name, &file.to_string_lossy())))
        .collect();
    files.sort();
    files
}

fn fits(pattern: &str, name: &str) -> bool {
    let mut characters = pattern.chars();
    match characters.next() {
        None => name.is_empty(),
        Some('*') => {
            let mut rests = name.char_indices().map(|(at, _)| at).chain([name.len()]);
            rests.any(|at| name.get(at..).is_some_and(|rest| fits(characters.as_str(), rest)))
        }
        Some(c) => {
            let mut rest = name.chars();
            rest.next().is_some_and(|first| c == '?' || c == first)
                && fits(characters.as_str(), rest.as_str())
        }
    }
}
