//! The `[domain."NAME"]` tables: which directory serves each XMPP domain, and its aliases.

use std::collections::BTreeMap;

use super::directory::DirectoryTable;
use super::effective::Subject;
use super::keys::domain::{ALIASES, DIRECTORY};
use super::keys::top::DOMAINS;
use super::table::Table;
use crate::directory::domain::Rules;
use crate::jid::Account;

/// What a name of an XMPP domain was given to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NameUse {
    Domain,
    Alias,
}

/// Gives each directory the domains that it serves.
pub(super) fn read(top: &Table<'_>, directories: &mut [DirectoryTable<'_>]) {
    let advice = "write at least one [domain.\"example.com\"] with directory = \"NAME\"; any other domain is denied";
    let tables = top.tables(&DOMAINS, advice).into_iter().map(|(name, table)| {
        let domain = Account::domain(name);
        (name, table.about(&Subject::Domain(domain)))
    });
    let tables: Vec<(&str, Table<'_>)> = tables.collect();
    for directory in directories.iter() {
        let serves = |table: &Table<'_>| table.get(&DIRECTORY).as_deref() == Some(directory.name);
        if !tables.iter().any(|(_, table)| serves(table)) {
            // Its mistakes are worth knowing before it serves anyone.
            let _ = directory.rules(None);
        }
    }
    let mut taken = BTreeMap::new();
    for (name, table) in tables {
        read_domain(name, &table, directories, &mut taken);
    }
}

/// The name of a domain as XMPP servers send it; the error says what to write instead.
fn check_domain(name: &str) -> Result<(), String> {
    let text = if name.is_empty() {
        "the name of the domain is empty"
    } else if name.contains("://") || name.contains(['/', '@']) {
        "a domain is no URL and no address: write the part behind the @ of its users alone"
    } else if name.contains(|c: char| c.is_whitespace() || c.is_control()) {
        "there is a blank in the name of the domain: leave it out"
    } else if name.ends_with('.') {
        "XMPP servers send the name of a domain without a dot at its end: leave it out"
    } else if name.contains('*') {
        "each domain is written by its own name: there is none for several"
    } else if name.contains(':') && !name.starts_with('[') {
        "a domain has no port: leave it out"
    } else {
        return Ok(());
    };
    Err(text.to_owned())
}

fn read_domain(
    name: &str,
    table: &Table<'_>,
    directories: &mut [DirectoryTable<'_>],
    taken: &mut BTreeMap<String, NameUse>,
) {
    let domain = Account::domain(name);
    if let Err(text) = check_domain(name) {
        table.problem(&DIRECTORY, text);
    }
    let aliases =
        table.all_parsed(&ALIASES, |alias| check_domain(alias).map(|()| Account::domain(alias)));
    for alias in &aliases {
        if *alias == domain {
            table.problem(&ALIASES, "this domain is also an alias of itself");
        } else if taken.insert(alias.clone(), NameUse::Alias).is_some() {
            table.problem(&ALIASES, format!("{alias:?} is served twice"));
        }
    }
    match taken.insert(domain.clone(), NameUse::Domain) {
        Some(NameUse::Alias) => table.problem(&ALIASES, "this domain is also an alias of another"),
        Some(NameUse::Domain) => {
            table.problem(&DIRECTORY, "this domain is written twice, in two spellings")
        }
        None => {}
    }
    let named = table.get(&DIRECTORY);
    let Some(directory) =
        directories.iter_mut().find(|directory| Some(directory.name) == named.as_deref())
    else {
        let names: Vec<&str> = directories.iter().map(|directory| directory.name).collect();
        // The mistake that left none, or that one, is told of where it is.
        if table.is_mistaken(&DIRECTORY) || named.is_some() && names.is_empty() {
            return;
        }
        table.problem(
            &DIRECTORY,
            match named {
                Some(_) => {
                    format!("there is no such [directory]; write one of: {}", names.join(", "))
                }
                None => "write which [directory.NAME] serves this domain".to_owned(),
            },
        );
        return;
    };
    if let Some(rules) = directory.rules(Some(table)) {
        for alias in aliases {
            table.alias(&alias);
            directory.serve(alias, Rules { alias_of: Some(domain.clone()), ..rules.clone() });
        }
        directory.serve(domain, rules);
    }
}
