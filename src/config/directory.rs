//! One `[directory.NAME]` of the file.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::DirectoryConfig;
use super::file::Table;
use super::identity;
use super::rules::{self, Overrides, named};
use super::servers::Reach;
use super::tls;
use crate::directory::account::diagnosis::MustChange;
use crate::directory::account::preset::Preset;
use crate::directory::account::set_password::PasswordMethod;
use crate::directory::domain::{Lookup, Rules};
use crate::directory::pool::users::Limits;
use crate::directory::{Settings, WriterSettings};

/// A `[directory.NAME]` whose rules are read once for each domain that it serves.
#[derive(Debug)]
pub(super) struct DirectoryTable<'a> {
    pub(super) name: &'a str,
    table: Table<'a>,
    preset: Option<Preset>,
    has_service: bool,
    is_catalog: bool,
    settings: Option<Settings>,
    domains: BTreeMap<String, Rules>,
}

impl<'a> DirectoryTable<'a> {
    /// Reads how to reach it.
    pub(super) fn read(name: &'a str, table: Table<'a>, answer_within: Duration) -> Self {
        let preset = table.parsed("preset", |name| named(&Preset::ALL, name));
        let tls_table = table.table("tls");
        let reach = Reach::read(&table, answer_within);
        let writer = table.has("write").then(|| table.table("write"));
        let writer_reach =
            writer.as_ref().filter(|writer| writer.has("servers") || writer.has("discover"));
        let writer_reach = writer_reach.map(|writer| Reach::read(writer, answer_within));
        let is_needed =
            [Some(&reach), writer_reach.as_ref()].into_iter().flatten().any(Reach::needs_tls);
        let tls = tls::read(&tls_table, is_needed);
        let identity = identity::read(&table, &tls_table, &reach.named);
        let set_password = table.parsed("set_password", |name| named(&PasswordMethod::ALL, name));
        let set_password = set_password.unwrap_or(PasswordMethod::Off);
        let is_catalog = reach.is_global_catalog();
        let writes_to_catalog = writer_reach.as_ref().map_or(is_catalog, Reach::is_global_catalog);
        if set_password != PasswordMethod::Off && writes_to_catalog {
            table.problem(
                "set_password",
                format!("a global catalog is read-only; write servers of the domain into [directory.{name}.write]"),
            );
        }
        let writer = writer.map(|writer| {
            let servers = writer_reach.as_ref().unwrap_or(&reach);
            let identity = identity::read(&writer, &tls_table, &servers.named);
            writer.finish();
            let connector =
                writer_reach.and_then(|reach| Some(reach.connector(Arc::clone(tls.as_ref()?))));
            WriterSettings { connector, identity }
        });
        tls_table.finish();
        let has_service = identity.is_some() || identity::is_written(&table);
        if set_password != PasswordMethod::Off && !has_service {
            table.problem(
                "set_password",
                "it needs a service account: write bind_dn and bind_password_file",
            );
        }
        let must_change =
            table.parsed("must_change_password", |name| named(&MustChange::ALL, name));
        let limits = read_limits(table.table("pool"));
        let settings = tls.map(|tls| Settings {
            name: name.to_owned(),
            preset,
            connector: reach.connector(tls),
            identity,
            set_password,
            writer,
            must_change: must_change.unwrap_or(MustChange::Deny),
            limits,
        });
        let domains = BTreeMap::new();
        Self { name, table, preset, has_service, is_catalog, settings, domains }
    }

    /// The rules of a domain that it serves, or its own.
    pub(super) fn rules(&self, domain: Option<&Table<'_>>) -> Option<Rules> {
        let overrides = Overrides {
            domain,
            directory: &self.table,
            preset: self.preset,
            is_catalog: self.is_catalog,
        };
        let rules = rules::read(overrides, self.has_service);
        if self.has_service {
            return rules;
        }
        match rules.as_ref().map(|rules| &rules.lookup) {
            Some(Lookup::Dn(_) | Lookup::Plain(..)) => {
                self.table.remark("without bind_dn nobody can look a user up: isuser is answered with \"cannot tell\"");
            }
            Some(Lookup::Search { .. }) | None => self.table.problem(
                "bind_dn",
                "a search needs an account: write bind_dn and bind_password_file, or sasl = \"external\", or anonymous = true",
            ),
        }
        rules
    }

    /// Serves a domain by these rules.
    pub(super) fn serve(&mut self, domain: String, rules: Rules) {
        self.domains.insert(domain, rules);
    }

    /// How to reach it; `None` where there is a mistake.
    pub(super) fn settings(&self) -> Option<&Settings> {
        self.settings.as_ref()
    }

    /// The directory with its name, after everything else was asked for; `None` where there is a
    /// mistake.
    pub(super) fn finish(self) -> Option<(String, DirectoryConfig)> {
        self.table.finish();
        let config = DirectoryConfig { settings: self.settings?, domains: self.domains };
        Some((self.name.to_owned(), config))
    }
}

fn read_limits(table: Table<'_>) -> Limits {
    let limits = Limits {
        size: table.count("size", 1..=256).unwrap_or(8),
        idle: table.duration("idle").unwrap_or(Duration::from_secs(4 * 60)),
        lifetime: table.duration("lifetime").unwrap_or(Duration::from_secs(30 * 60)),
    };
    table.finish();
    limits
}
