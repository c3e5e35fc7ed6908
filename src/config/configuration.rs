//! What is served: the directories, the XMPP domains of each, and what is remembered.

use std::collections::BTreeMap;

use super::directory::{DirectoryConfig, DirectoryTable};
use super::domains;
use super::effective::{Effective, Subject};
use super::gssapi;
use super::keys::AnyKey;
use super::keys::top::{CACHE_TABLE, DAEMON, DIRECTORIES, DOMAINS, LISTENERS, THROTTLE_TABLE};
use super::policy::Policy;
use super::startup::Startup;
use super::table::Table;
use crate::directory::DirectorySettings;
use crate::directory::domain::Rules;

/// What is served, and from where.
#[derive(Debug)]
pub struct Configuration {
    /// What is remembered.
    pub policy: Policy,
    /// The directories, by their names in the file.
    pub directories: BTreeMap<String, DirectoryConfig>,
    /// Every value, with where it comes from.
    pub effective: Effective,
}

impl Configuration {
    /// `None` where there is a mistake.
    pub(super) fn read(top: &Table<'_>, startup: &Startup) -> Option<Self> {
        let policy = Policy::read(top);
        if top.has(&DAEMON) {
            let ours: [&AnyKey; 5] =
                [&DIRECTORIES, &DOMAINS, &LISTENERS, &THROTTLE_TABLE, &CACHE_TABLE];
            for key in ours.into_iter().filter(|key| top.has(key)) {
                top.problem(
                    key,
                    "the daemon answers, by its own configuration: leave this out here",
                );
            }
            let directories = BTreeMap::new();
            return Some(Self { policy, directories, effective: top.effective() });
        }
        let mut tables: Vec<DirectoryTable<'_>> = top
            .tables(&DIRECTORIES, "write at least one [directory.NAME] with its servers")
            .into_iter()
            .map(|(name, table)| {
                let table = table.about(&Subject::Directory(name.to_owned()));
                DirectoryTable::read(name, table, startup.caller.terms.answer_within)
            })
            .collect();
        domains::read(top, &mut tables);
        gssapi::check_keytabs(top, tables.iter().filter_map(DirectoryTable::settings));
        if let Some(cache) = policy.cache {
            tables.iter().for_each(|table| table.remark_cache(cache.mode));
        }
        let finished = tables.into_iter().map(DirectoryTable::finish);
        let directories = finished.collect::<Option<_>>()?;
        Some(Self { policy, directories, effective: top.effective() })
    }

    /// How each directory is reached.
    pub fn settings(&self) -> impl Iterator<Item = &DirectorySettings> {
        self.directories.values().map(|directory| &directory.settings)
    }

    /// Every domain that is served, with its directory and its rules.
    pub fn domains(&self) -> BTreeMap<&str, (&str, &Rules)> {
        let domains = self.directories.iter().flat_map(|(directory, config)| {
            let domains = config.domains.iter();
            domains.map(|(domain, rules)| (domain.as_str(), (directory.as_str(), rules)))
        });
        domains.collect()
    }

    /// The directory that serves the domain of this name, in lower case, and the domain's rules;
    /// `None` if none does.
    pub fn into_domain(self, name: &str) -> Option<(DirectorySettings, Rules)> {
        self.directories.into_values().find_map(|mut directory| {
            let rules = directory.domains.remove(name)?;
            Some((directory.settings, rules))
        })
    }
}
