//! Every secret that a file names, or holds although it should not: what must be in nothing that is
//! passed on.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use secrecy::zeroize::Zeroizing;
use toml::de::{DeTable, DeValue};

use super::excerpt::is_harmless;
use super::keys::top::TOP;

/// No file of secrets is read further.
const LARGEST: u64 = 1 << 20;

/// A secret.
pub(super) type NamedSecret = Zeroizing<String>;

/// What a file names, as far as it can be read.
pub(super) fn of(table: &DeTable<'_>) -> Vec<NamedSecret> {
    let mut found = Vec::new();
    add_table(table, &mut found);
    found.retain(|secret| !secret.trim().is_empty());
    found
}

fn add_table(table: &DeTable<'_>, found: &mut Vec<NamedSecret>) {
    table.iter().for_each(|(key, value)| add(key.get_ref(), value.get_ref(), found));
}

fn add(key: &str, value: &DeValue<'_>, found: &mut Vec<NamedSecret>) {
    match value {
        DeValue::Table(table) => add_table(table, found),
        DeValue::Array(items) => items.iter().for_each(|item| add(key, item.get_ref(), found)),
        DeValue::String(text) => add_text(key, text, found),
        _ => {}
    }
}

fn add_text(key: &str, text: &str, found: &mut Vec<NamedSecret>) {
    if let Some((_, rest)) = text.split_once("://")
        && let Some((login, _)) = rest.rsplit_once('@')
    {
        found.extend(login.split(':').skip(1).map(|password| password.to_owned().into()));
    }
    let content = match key {
        "bind_password_file" => content(Path::new(text)),
        "bind_password_env" => std::env::var(text).ok().map(Zeroizing::new),
        "bind_credential" => std::env::var_os("CREDENTIALS_DIRECTORY")
            .and_then(|directory| content(&PathBuf::from(directory).join(text))),
        "credentials_file" => content(Path::new(text)).inspect(|content| {
            let passwords = content.lines().filter_map(|line| line.split_once(':'));
            found.extend(passwords.map(|(_, password)| password.to_owned().into()));
        }),
        "client_key_file" => content(Path::new(text)),
        _ if is_harmless(key) || TOP.knows(key) => return,
        // It may be the secret itself.
        _ => None,
    };
    match content {
        Some(content) => {
            found.extend(content.lines().map(|line| line.to_owned().into()));
            found.push(content);
        }
        // It is there, and only its content is unknown.
        None if key.ends_with("_file") && Path::new(text).exists() => {}
        // What is no reference may be the secret itself.
        None => found.push(text.to_owned().into()),
    }
}

fn content(path: &Path) -> Option<NamedSecret> {
    // Nobody waits for the other end of a pipe.
    fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    let mut bytes = Zeroizing::new(Vec::new());
    File::open(path).ok()?.take(LARGEST).read_to_end(&mut bytes).ok()?;
    Some(Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned()))
}
