//! Prosody's `prosody.cfg.lua`: the settings in it, by host.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::findings::{FileLine, Findings};
use super::included::IncludedFiles;
use super::lua::{self, LuaValue, Statement};

/// The settings of a Prosody.
#[derive(Debug)]
pub(super) struct Prosody {
    /// Its file.
    pub(super) file: FileLine,
    /// What holds where a host has nothing of its own.
    global: Settings,
    /// The hosts, in the order of the files.
    hosts: Vec<ProsodyHost>,
    /// Whether only Lua can tell which other hosts there are.
    has_computed_hosts: bool,
    files: IncludedFiles,
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
    /// A component has no users, and a host without a name cannot be told from others.
    Other,
}

impl Prosody {
    /// Reads the file and those that it includes.
    pub(super) fn read(path: &Path, found: &mut Findings) -> Self {
        let file = FileLine { file: path.into(), line: None };
        let mut read = Self {
            file: file.clone(),
            global: HashMap::new(),
            hosts: Vec::new(),
            has_computed_hosts: false,
            files: IncludedFiles::default(),
        };
        read.include(&file.file, &file, 0, found);
        read
    }

    /// Reads one file, which is named at this place.
    fn include(&mut self, path: &Rc<Path>, named: &FileLine, depth: usize, found: &mut Findings) {
        let place = |line| FileLine { file: Rc::clone(path), line: Some(line) };
        let Some(bytes) = self.files.read(path, named, depth, found) else { return };
        // Lua takes any bytes.
        let statements = match lua::read(&String::from_utf8_lossy(&bytes)) {
            Ok(statements) => statements,
            Err(line) => {
                return found.error(&place(line), "", "no Lua: a text or comment has no end");
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
                        ProsodySection::Other => None,
                    };
                    if let Some(settings) = settings {
                        settings.insert(name, (value, place));
                    }
                }
                Statement::Call(name, LuaValue::Text(text)) => match name.as_str() {
                    "VirtualHost" | "Host" if text == "*" => section = ProsodySection::All,
                    "VirtualHost" | "Host" => {
                        let known = self.hosts.iter().position(|host| host.name == text);
                        section = ProsodySection::Host(known.unwrap_or(self.hosts.len()));
                        if known.is_none() {
                            let settings = HashMap::new();
                            self.hosts.push(ProsodyHost { name: text, place, settings });
                        }
                    }
                    "Component" => section = ProsodySection::Other,
                    "dofile" | "loadfile" => self.has_computed_hosts = true,
                    "Include" => {
                        for path in matching(path.parent().unwrap_or(Path::new("/")), &text) {
                            self.include(&path.into(), &place, depth + 1, found);
                        }
                    }
                    _ => {}
                },
                Statement::Call(name, _) if ["VirtualHost", "Host"].contains(&&*name) => {
                    self.has_computed_hosts = true;
                    section = ProsodySection::Other;
                }
                Statement::Call(name, _) if name == "Component" => section = ProsodySection::Other,
                Statement::Call(..) => {}
            }
        }
    }

    /// Whether only Lua can tell whom some host asks, or which hosts there are.
    pub(super) fn is_computed(&self) -> bool {
        let is_unknown =
            |host| matches!(self.get(host, "authentication"), Some((LuaValue::Unknown, _)));
        self.has_computed_hosts || self.started().any(is_unknown)
    }

    /// The hosts that Prosody starts.
    pub(super) fn started(&self) -> impl Iterator<Item = &ProsodyHost> {
        let is_off = |host| matches!(self.get(host, "enabled"), Some((LuaValue::Flag(false), _)));
        self.hosts.iter().filter(move |host| !is_off(host))
    }

    /// Where a host has a setting of its own.
    pub(super) fn place_of_own<'a>(
        &self,
        host: &'a ProsodyHost,
        key: &str,
    ) -> Option<&'a FileLine> {
        host.settings.get(key).map(|(_, place)| place)
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
    let (pattern, name): (Vec<_>, Vec<_>) = (pattern.chars().collect(), name.chars().collect());
    let (mut of_pattern, mut of_name) = (0, 0);
    // Behind the last `*`, and where the text that it stands for ends.
    let mut last = None;
    while let Some(c) = name.get(of_name) {
        match (pattern.get(of_pattern), &mut last) {
            (Some('*'), _) => {
                of_pattern += 1;
                last = Some((of_pattern, of_name));
            }
            (Some(expected), _) if *expected == '?' || expected == c => {
                of_pattern += 1;
                of_name += 1;
            }
            (_, Some((behind, end))) => {
                *end += 1;
                (of_pattern, of_name) = (*behind, *end);
            }
            (_, None) => return false,
        }
    }
    pattern.iter().skip(of_pattern).all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_a_shells_do() {
        for (pattern, name, expected) in [
            ("*.cfg.lua", "a.cfg.lua", true),
            ("*.cfg.lua", "a.cfg.lua~", false),
            ("*.cfg.lua", ".cfg.cfg.lua", true),
            ("a?c*", "aüc", true),
            ("a?c", "ac", false),
            ("*", "", true),
            ("a**b*", "aab", true),
            ("", "a", false),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
        assert!(!fits(&("*a".repeat(100) + "b"), &"a".repeat(255)));
    }
}
