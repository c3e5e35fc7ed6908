//! Every secret that a file names, or holds although it should not: what must be in nothing that is
//! passed on.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use secrecy::zeroize::Zeroizing;
use toml::de::{DeTable, DeValue};

use super::excerpt::is_harmless;
use super::keys::AnyKey;
use super::keys::directory::{BIND_CREDENTIAL, BIND_PASSWORD_ENV, BIND_PASSWORD_FILE};
use super::keys::listen::CREDENTIALS_FILE;
use super::keys::tls::CLIENT_KEY_FILE;
use super::keys::top::TOP;

/// No file of secrets is read further.
const LARGEST: u64 = 1 << 20;

/// The keys whose values say where a secret is, each with what reads it there.
static REFERENCES: [(&AnyKey, SecretReader); 5] = [
    (&BIND_PASSWORD_FILE, |path| content(Path::new(path))),
    (&BIND_PASSWORD_ENV, |name| std::env::var(name).ok().map(Zeroizing::new)),
    (&BIND_CREDENTIAL, |name| {
        content(&PathBuf::from(std::env::var_os("CREDENTIALS_DIRECTORY")?).join(name))
    }),
    (&CREDENTIALS_FILE, |path| content(Path::new(path))),
    (&CLIENT_KEY_FILE, |path| content(Path::new(path))),
];

/// Reads the secret to which a value leads.
type SecretReader = fn(&str) -> Option<NamedSecret>;

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
    let content = match REFERENCES.iter().find(|(reference, _)| reference.name == key) {
        Some((_, content)) => content(text),
        None if is_harmless(key) || TOP.knows(key) => return,
        // It may be the secret itself.
        None => None,
    };
    if key == CREDENTIALS_FILE.name
        && let Some(content) = &content
    {
        let passwords = content.lines().filter_map(|line| line.split_once(':'));
        found.extend(passwords.map(|(_, password)| password.to_owned().into()));
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys::ValueForm;
    use crate::config::keys::directory::KEYTAB;

    /// What such a key says would else be passed on, and what is at that place as well.
    #[test]
    fn every_key_that_is_named_like_a_secret_is_a_reference() {
        let sections = TOP.sections();
        let named = sections.iter().flat_map(|section| section.table.keys()).filter(|key| {
            !is_harmless(key.name) && matches!(key.kind().form(), ValueForm::Text(_))
        });
        // The keys of Kerberos are no text.
        let mut named: Vec<&str> =
            named.map(|key| key.name).filter(|it| *it != KEYTAB.name).collect();
        let mut references: Vec<&str> = REFERENCES.iter().map(|(key, _)| key.name).collect();
        named.sort_unstable();
        named.dedup();
        references.sort_unstable();
        assert_eq!(named, references);
    }
}
