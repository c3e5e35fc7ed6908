//! Which file of a tree uses what another one defines, by its `use` lines and by the paths in its
//! code alike. What is re-exported counts as used from where it is defined.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// How `main.rs` calls the library.
const CRATE: &str = "xmpp_ldap_auth";

/// Names from the root of the crate, of modules and what is in them.
type Names = Vec<String>;

/// Every file of Rust below `root` but tests, by its path.
pub(crate) fn sources(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs")
                && !path.ends_with("tests.rs")
            {
                let name = path.strip_prefix(root).unwrap().display().to_string();
                found.insert(name, fs::read_to_string(path).unwrap());
            }
        }
    }
    found
}

/// The code of a file without comments, literals and tests. Blanks stand only between names.
pub(crate) fn code(source: &str) -> String {
    let mut code = String::new();
    for token in without_tests(&tokens(source)) {
        if is_name(&token) && code.ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            code.push(' ');
        }
        code.push_str(&token);
    }
    code
}

/// What in a file brings code of another one in a way that is not looked through here.
pub(crate) fn blind_spots(path: &str, source: &str) -> Vec<&'static str> {
    let code = code(source);
    let words = [
        ("extern crate", "extern crate"),
        ("include!", "include!"),
        ("mod tests;", "tests without cfg(test)"),
        ("macro_use", "macros without a path"),
        ("crate::$", "a path that a macro fills"),
        ("super::$", "a path that a macro fills"),
        ("self::$", "a path that a macro fills"),
        ("::{$", "a path that a macro fills"),
    ];
    let mut found: Vec<_> =
        words.into_iter().filter(|(word, _)| code.contains(word)).map(|(_, what)| what).collect();
    // One that a file gives is below a folder of its own name, and goes down from there.
    let own = format!("#[path = \"{}/", module_of(path).rsplit('/').next().unwrap_or_default());
    let goes_up = |rest: &str| rest.split('"').next().is_some_and(|path| path.contains(".."));
    let given = source.split(&own).skip(1).filter(|rest| !goes_up(rest)).count();
    let conditional = code.split("cfg_attr(").skip(1);
    let mut conditional = conditional.map(|rest| rest.split(']').next().unwrap_or_default());
    if code.matches("#[path=").count() != given || conditional.any(|it| it.contains("path=")) {
        found.push("a path out of its folder");
    }
    // In an attribute, as of serde.
    if ["crate::", "super::"].iter().any(|root| source.contains(&format!("= \"{root}"))) {
        found.push("a path in a literal");
    }
    // Whose parent is this file, and not the one that `super` is taken for.
    let tokens = without_tests(&tokens(source));
    let is_module =
        |at: usize| tokens[at] == "mod" && tokens.get(at + 2).is_some_and(|next| next == "{");
    for at in (0..tokens.len()).filter(|at| is_module(*at)) {
        let mut depth = 0_usize;
        for token in &tokens[at + 2..] {
            match token.as_str() {
                "{" => depth += 1,
                "}" => depth -= 1,
                "super" | "self" => {
                    found.push("a module that names its parent");
                    break;
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    found
}

/// The types and traits that a file defines, but for those within something else than what declares
/// an enumeration with names.
pub(crate) fn types(source: &str) -> Vec<String> {
    let tokens = without_tests(&tokens(source));
    // Of each bracket that is open, whether what is within it stands as if outside.
    let mut open = Vec::new();
    let mut found = Vec::new();
    for (at, pair) in tokens.windows(2).enumerate() {
        match pair[0].as_str() {
            "{" | "(" | "[" => open.push(tokens[..at].ends_with(&["named".into(), "!".into()])),
            "}" | ")" | "]" => drop(open.pop()),
            "struct" | "enum" | "trait" | "type" if open.iter().all(|is_outside| *is_outside) => {
                found.push(pair[1].clone());
            }
            _ => {}
        }
    }
    found
}

/// The name of a file's module, with slashes.
pub(crate) fn module_of(path: &str) -> &str {
    let name = path.strip_suffix(".rs").unwrap_or(path);
    name.strip_suffix("/mod").unwrap_or(name)
}

/// The files of a crate by their modules.
pub(crate) struct Tree(BTreeMap<Names, File>);

struct File {
    path: String,
    /// What each name that a `use` brings stands for, as written there.
    uses: Vec<(String, Names)>,
    /// The paths in its code.
    paths: Vec<Names>,
    /// The macros that it defines, and those that it calls without a path and does not define.
    macros: Vec<String>,
    called: Vec<String>,
}

impl Tree {
    pub(crate) fn read(root: &Path) -> Self {
        let files = sources(root).into_iter().map(|(path, source)| {
            let module = match module_of(&path) {
                "lib" => Vec::new(),
                name => name.split('/').map(str::to_owned).collect(),
            };
            (module, File::read(path, &source))
        });
        Self(files.collect())
    }

    /// Each file, with each other one that it uses something of.
    pub(crate) fn imports(&self) -> BTreeSet<(&str, &str)> {
        let mut found = BTreeSet::new();
        for (module, file) in &self.0 {
            let named = file.uses.iter().map(|(_, path)| path).chain(&file.paths);
            for path in named.flat_map(|path| self.resolved(module, file, path, 0)) {
                let user = file.path.as_str();
                found.extend(self.definer(&path, 0).map(|other| (user, other)));
            }
            // A macro needs no path where it was defined before the module.
            let defines = |other: &&File| other.macros.iter().any(|it| file.called.contains(it));
            let others = self.0.values().filter(defines);
            found.extend(others.map(|other| (file.path.as_str(), other.path.as_str())));
        }
        found.retain(|(user, used)| user != used);
        found
    }

    /// What a path in a file can be, from the root: its first name may be one that a `use` brings, and
    /// in each function another.
    fn resolved(
        &self,
        module: &[String],
        file: &File,
        path: &[String],
        depth: usize,
    ) -> Vec<Names> {
        assert!(depth < 9, "{path:?} is renamed in a circle");
        let is_brought = |(name, used): &&(String, Names)| {
            path.first() == Some(name) && used != path && used.first() != Some(name)
        };
        let brought = file.uses.iter().filter(is_brought).flat_map(|(_, used)| {
            let used = self.resolved(module, file, used, depth + 1);
            used.into_iter().map(|used| [&used, &path[1..]].concat())
        });
        brought.chain(self.absolute(module, path)).collect()
    }

    /// A path in a module, from the root; `None` if it leads out of the crate.
    fn absolute(&self, module: &[String], path: &[String]) -> Option<Names> {
        let rest = path.get(1..)?;
        match path.first()?.as_str() {
            "crate" | CRATE => Some(rest.to_vec()),
            "self" => match rest.first() {
                Some(next) if next == "super" => self.absolute(module, rest),
                _ => Some([module, rest].concat()),
            },
            "super" => {
                let (_, parent) = module.split_last()?;
                match rest.first() {
                    Some(next) if next == "super" => self.absolute(parent, rest),
                    _ => Some([parent, rest].concat()),
                }
            }
            child => {
                let is_child = self.0.contains_key(&[module, &[child.to_owned()]].concat());
                is_child.then(|| [module, path].concat())
            }
        }
    }

    /// The file that defines what a path names; a module by itself is defined nowhere.
    fn definer(&self, path: &[String], depth: usize) -> Option<&str> {
        assert!(depth < 9, "{path:?} is re-exported in a circle");
        let (length, file) =
            (0..path.len()).rev().find_map(|end| Some((end, self.0.get(&path[..end])?)))?;
        if self.0.contains_key(path) {
            return None;
        }
        match file.uses.iter().find(|(name, _)| *name == path[length]) {
            Some((_, used)) => {
                let used = self.absolute(&path[..length], used)?;
                self.definer(&[&used, &path[length + 1..]].concat(), depth + 1)
            }
            None => Some(&file.path),
        }
    }
}

impl File {
    fn read(path: String, source: &str) -> Self {
        let tokens = without_tests(&tokens(source));
        let named = |sign: usize, name: usize| {
            let calls = tokens.windows(3).filter(move |three| three[sign] == "!");
            calls.filter(move |three| is_name(&three[name])).map(move |three| three[name].clone())
        };
        let macros: Vec<_> = tokens
            .windows(3)
            .filter(|three| three[..2] == ["macro_rules", "!"])
            .map(|three| three[2].clone())
            .collect();
        let called = named(2, 1).filter(|name| !macros.contains(name)).collect();
        let (uses, paths) = (Vec::new(), Vec::new());
        let mut file = Self { path, uses, paths, macros, called };
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            if token == "use" {
                at = file.read_use(&tokens, at + 1, &[]);
            } else if is_name(token) && tokens.get(at + 1).is_some_and(|next| next == "::") {
                let is_visibility = tokens[..at].ends_with(&["pub", "(", "in"].map(str::to_owned));
                let mut names = vec![token.clone()];
                while tokens.get(at + 1).is_some_and(|next| next == "::")
                    && tokens.get(at + 2).is_some_and(|name| is_name(name))
                {
                    names.push(tokens[at + 2].clone());
                    at += 2;
                }
                if !is_visibility {
                    file.paths.push(names);
                }
                at += 1;
            } else {
                at += 1;
            }
        }
        file
    }

    /// Reads what stands behind `use`, or one part of what stands between its braces, and returns
    /// where that ends.
    fn read_use(&mut self, tokens: &[String], mut at: usize, before: &[String]) -> usize {
        let mut path = before.to_vec();
        loop {
            match tokens[at].as_str() {
                "::" => at += 1,
                "{" => {
                    while tokens[at] != "}" {
                        at = self.read_use(tokens, at + 1, &path);
                        if tokens[at] == "," && tokens[at + 1] == "}" {
                            at += 1;
                        }
                    }
                    return at + 1;
                }
                "as" => {
                    self.uses.push((tokens[at + 1].clone(), path));
                    return at + 2;
                }
                "self" if !path.is_empty() => at += 1,
                name if is_name(name) || name == "*" => {
                    path.push(name.to_owned());
                    at += 1;
                }
                _ => {
                    self.uses.extend(path.last().cloned().map(|name| (name, path)));
                    return at;
                }
            }
        }
    }
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

fn is_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The names and signs of Rust code, without comments and literals.
fn tokens(source: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some(name) = rest.strip_prefix("r#").filter(|name| name.starts_with(is_part))
        {
            // A name may be written like this, and is the same.
            rest.len() - name.len()
        } else if let Some(length) = literal(rest) {
            length
        } else if first.is_whitespace() {
            first.len_utf8()
        } else {
            let length = match first {
                _ if is_part(first) => rest.find(|c| !is_part(c)).unwrap_or(rest.len()),
                ':' if rest.starts_with("::") => 2,
                other => other.len_utf8(),
            };
            tokens.push(rest[..length].to_owned());
            length
        };
        rest = &rest[length..];
    }
    tokens
}

/// The length of the comment at the start of this, in which there may be others.
fn block_comment(source: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    loop {
        let rest = &source[at..];
        match (rest.get(..2), rest.chars().next()) {
            (Some("/*"), _) => (depth, at) = (depth + 1, at + 2),
            (Some("*/"), _) => (depth, at) = (depth - 1, at + 2),
            (_, Some(c)) => at += c.len_utf8(),
            (_, None) => return at,
        }
        if depth == 0 {
            return at;
        }
    }
}

/// The length of the literal of text, bytes or a character at the start of this.
fn literal(source: &str) -> Option<usize> {
    let prefix = source.find(|c| !matches!(c, 'b' | 'c' | 'r'))?;
    let (kind, text) = source.split_at(prefix);
    if prefix > 2 {
        return None;
    }
    if kind.contains('r') {
        let hashes = text.find(|c| c != '#')?;
        let end = format!("\"{}", &text[..hashes]);
        let content = text[hashes..].strip_prefix('"')?;
        return Some(prefix + hashes + 1 + content.find(&end)? + end.len());
    }
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let mut characters = text.char_indices().skip(1);
    if quote == '\'' && !text[1..].starts_with('\\') && text.chars().nth(2) != Some(quote) {
        // A lifetime.
        return None;
    }
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' => drop(characters.next()),
            _ if c == quote => return Some(prefix + at + 1),
            _ => {}
        }
    }
    None
}

/// Leaves out each item behind `#[cfg(test)]`.
fn without_tests(tokens: &[String]) -> Vec<String> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if !tokens[at..].iter().take(MARK.len()).eq(MARK.iter()) {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        at += MARK.len();
        let mut depth = 0_usize;
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token.as_str() {
                "{" | "(" | "[" => depth += 1,
                "}" | ")" | "]" => depth -= 1,
                _ => {}
            }
            if depth == 0 && matches!(token.as_str(), ";" | "}") {
                break;
            }
        }
    }
    kept
}
