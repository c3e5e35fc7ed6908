//! One `[directory.NAME]` of the file.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::identity;
use super::keys::users::USER_DN;
use super::keys::{AnyKey, directory as keys};
use super::rules::{self, Overrides};
use super::servers::ServerConfig;
use super::table::Table;
use super::tls;
use crate::directory::account::preset::Preset;
use crate::directory::account::set_password::PasswordMethod;
use crate::directory::domain::{Lookup, Rules};
use crate::directory::pool::limits::PoolLimits;
use crate::directory::{DirectorySettings, WriterSettings};
use crate::policy::cache::CacheMode;

/// A directory and the XMPP domains that it serves.
#[derive(Debug)]
pub struct DirectoryConfig {
    /// How to reach it.
    pub settings: DirectorySettings,
    /// How the users of each domain are found, and who of them may sign in; by the domain's name in
    /// lower case. No domain is in two directories.
    pub domains: BTreeMap<String, Rules>,
}

/// A `[directory.NAME]` whose rules are read once for each domain that it serves.
#[derive(Debug)]
pub(super) struct DirectoryTable<'a> {
    pub(super) name: &'a str,
    table: Table<'a>,
    preset: Option<Preset>,
    has_service: bool,
    is_catalog: bool,
    sets_passwords: bool,
    settings: Option<DirectorySettings>,
    domains: BTreeMap<String, Rules>,
}

impl<'a> DirectoryTable<'a> {
    /// Reads how to reach it.
    pub(super) fn read(name: &'a str, table: Table<'a>, answer_within: Duration) -> Self {
        let preset = table.get(&keys::PRESET);
        let tls_table = table.table(&keys::TLS_TABLE);
        let reach = ServerConfig::read(&table, answer_within);
        let catalog = reach.catalog(&table);
        let writer = table.table(&keys::WRITE_TABLE);
        let writer = table.has(&keys::WRITE_TABLE).then_some(writer);
        let writer_reach = writer.as_ref().and_then(|writer| read_writer(writer, answer_within));
        let is_needed = [Some(&reach), writer_reach.as_ref(), catalog.as_ref()]
            .into_iter()
            .flatten()
            .any(ServerConfig::needs_tls);
        let tls = tls::read(&tls_table, is_needed);
        let places: [&AnyKey; 2] = [&keys::SERVERS, &keys::DISCOVER];
        let is_known = table.has_any(&places) && !places.iter().any(|key| table.is_mistaken(key));
        if table.has(&keys::TLS_TABLE) && !is_needed && is_known {
            table.remark(
                &keys::TLS_TABLE,
                "no server is spoken TLS with, so nobody looks at it: write ldaps://, or start_tls = true",
            );
        }
        let identity = identity::read(&table, &tls_table, &reach.named);
        identity::remark_name(&table, identity.as_ref(), preset);
        let set_password = table.get_or_default(&keys::SET_PASSWORD);
        let is_catalog = reach.is_global_catalog();
        let writes_to_catalog =
            writer_reach.as_ref().map_or(is_catalog, ServerConfig::is_global_catalog);
        if set_password != PasswordMethod::Off && writes_to_catalog {
            table.problem(
                &keys::SET_PASSWORD,
                format!("a global catalog is read-only; write servers of the domain into [directory.{name}.write]"),
            );
        }
        let writer = writer.map(|writer| {
            let servers = writer_reach.as_ref().unwrap_or(&reach);
            let identity = identity::read(&writer, &tls_table, &servers.named);
            identity::remark_name(&writer, identity.as_ref(), preset);
            let connector =
                writer_reach.and_then(|reach| Some(reach.connector(Arc::clone(tls.as_ref()?))));
            WriterSettings { connector, identity }
        });
        let has_service = identity.is_some() || identity::is_written(&table);
        if set_password != PasswordMethod::Off && !has_service {
            table.problem(
                &keys::SET_PASSWORD,
                "it needs a service account: write bind_dn and bind_password_file",
            );
        }
        if catalog.is_some() && !has_service {
            table.problem(
                &keys::GLOBAL_CATALOG,
                "it is asked as the service account: write bind_dn and bind_password_file",
            );
        }
        let limits = read_limits(&table.table(&keys::POOL_TABLE));
        let settings = tls.map(|tls| DirectorySettings {
            name: name.to_owned(),
            preset,
            connector: reach.connector(Arc::clone(&tls)),
            catalog: catalog.map(|catalog| catalog.connector(tls)),
            identity,
            set_password,
            writer,
            must_change: table.get_or_default(&keys::MUST_CHANGE_PASSWORD),
            limits,
        });
        let domains = BTreeMap::new();
        let sets_passwords = set_password != PasswordMethod::Off;
        Self { name, table, preset, has_service, is_catalog, sets_passwords, settings, domains }
    }

    /// The rules of a domain that it serves, or its own.
    pub(super) fn rules(&self, domain: Option<&Table<'_>>) -> Option<Rules> {
        let overrides = Overrides {
            domain,
            directory: &self.table.about(domain.unwrap_or(&self.table).subject()),
            preset: self.preset,
            is_catalog: self.is_catalog,
        };
        let rules = rules::read(overrides, self.has_service);
        match rules.as_ref().map(|rules| &rules.lookup) {
            Some(Lookup::Plain(template)) => {
                if template.names_principals()
                    && self.preset.is_some_and(Preset::is_active_directory)
                {
                    self.table.remark_on_table("whose name it is that is bound with is looked for after the bind, in this domain and as far as the user may read it: elsewhere, a computer or a service with a userPrincipalName of its own signs in like a user; let base find the users, or write 'DOMAIN\\{localpart}', if that matters");
                }
                self.table.remark_on_table("user_dn is no DN, so nobody can look a user up: isuser is answered with \"cannot tell\"");
                if self.sets_passwords {
                    self.table.problem(&keys::SET_PASSWORD, rules::ALONE);
                }
            }
            _ if self.has_service => {}
            Some(Lookup::Dn(_)) => {
                self.table.remark_on_table("without bind_dn nobody can look a user up: isuser is answered with \"cannot tell\"");
            }
            None if self.table.has(&USER_DN) || domain.is_some_and(|it| it.has(&USER_DN)) => {}
            Some(Lookup::Search(_)) | None => self.table.problem(
                &keys::BIND_DN,
                "a search needs an account: write bind_dn and bind_password_file, or sasl = \"external\", or anonymous = true",
            ),
        }
        rules
    }

    /// Serves a domain by these rules.
    pub(super) fn serve(&mut self, domain: String, rules: Rules) {
        self.domains.insert(domain, rules);
    }

    /// Remarks on the cache where it cannot spare a bind, because no entry is read.
    pub(super) fn remark_cache(&self, mode: CacheMode) {
        let reads_none =
            |rules: &Rules| matches!(rules.lookup, Lookup::Plain(_)) || !self.has_service;
        if mode == CacheMode::Ttl && self.domains.values().any(reads_none) {
            self.table.remark_on_table("[cache] mode = \"ttl\" spares no sign-in here: it reads the entry in place of the bind, and with user_dn alone nobody reads it");
        }
    }

    /// How to reach it; `None` where there is a mistake.
    pub(super) fn settings(&self) -> Option<&DirectorySettings> {
        self.settings.as_ref()
    }

    /// The directory with its name; `None` where there is a mistake.
    pub(super) fn finish(self) -> Option<(String, DirectoryConfig)> {
        let settings = self.settings?;
        Some((self.name.to_owned(), DirectoryConfig { settings, domains: self.domains }))
    }
}

/// Where passwords are set, if that is elsewhere.
fn read_writer(table: &Table<'_>, answer_within: Duration) -> Option<ServerConfig> {
    let places: [&AnyKey; 2] = [&keys::SERVERS, &keys::DISCOVER];
    if table.has_any(&places) {
        return Some(ServerConfig::read(table, answer_within));
    }
    for key in keys::SERVER_KEYS.iter().filter(|key| table.has(key)) {
        table.problem(key, "it belongs to servers or discover, which are missing here");
    }
    None
}

fn read_limits(table: &Table<'_>) -> PoolLimits {
    PoolLimits {
        size: table.get_or_default(&keys::SIZE),
        reuse: table.get_or_default(&keys::REUSE),
        idle: table.get_or_default(&keys::IDLE),
        lifetime: table.get_or_default(&keys::LIFETIME),
    }
}
