//! One `[directory.NAME]` of the file.

use std::path::Path;
use std::time::Duration;

use rustls::pki_types::ServerName;

use super::file::Table;
use super::identity;
use super::problem::Problem;
use super::rules::{self, Layers, named};
use super::secret;
use crate::directory::connection::Connector;
use crate::directory::diagnosis::MustChange;
use crate::directory::domain::{Lookup, Rules};
use crate::directory::ldap::{Settings, WriterSettings};
use crate::directory::password;
use crate::directory::pool::Limits;
use crate::directory::preset::Preset;
use crate::directory::servers::{Endpoint, Server, Servers};
use crate::directory::tls::{self, Tls};

/// A `[directory.NAME]` whose rules are read once for each domain.
#[derive(Debug)]
pub(super) struct Directory<'a> {
    pub(super) name: &'a str,
    table: Table<'a>,
    preset: Option<Preset>,
    has_service: bool,
    settings: Option<Settings>,
}

impl<'a> Directory<'a> {
    /// Reads how to reach it.
    pub(super) fn read(name: &'a str, table: Table<'a>, answer_within: Duration) -> Self {
        let preset = table.parsed("preset", |name| named(&Preset::ALL, name));
        let connector = read_connector(&table, &table.table("tls"), answer_within);
        let servers = connector.as_ref().map_or(&[][..], |connector| connector.servers.fixed());
        let identity = identity::read(&table, &table.table("tls"), servers);
        let has_service = identity.is_some() || identity::is_written(&table);
        let set_password = table.parsed("set_password", |name| named(&password::Method::ALL, name));
        let set_password = set_password.unwrap_or(password::Method::Off);
        if set_password != password::Method::Off && !has_service {
            table.problem(
                "set_password",
                "it needs a service account: write bind_dn and bind_password_file",
            );
        }
        let must_change =
            table.parsed("must_change_password", |name| named(&MustChange::ALL, name));
        let writer = read_writer(&table, answer_within);
        let limits = read_limits(table.table("pool"));
        let settings = connector.map(|connector| Settings {
            name: name.to_owned(),
            preset,
            connector,
            identity,
            set_password,
            writer,
            must_change: must_change.unwrap_or(MustChange::Deny),
            limits,
        });
        Self { name, table, preset, has_service, settings }
    }

    /// The rules of a domain that it serves, or its own.
    pub(super) fn rules(
        &self,
        domain: Option<&Table<'_>>,
        remarks: &mut Vec<Problem>,
    ) -> Option<Rules> {
        let layers = Layers { domain, directory: &self.table, preset: self.preset };
        let rules = rules::read(layers, self.has_service);
        if self.has_service {
            return rules;
        }
        match rules.as_ref().map(|rules| &rules.lookup) {
            Some(Lookup::Dn(_) | Lookup::Plain(..)) => {
                let remark = Problem {
                    key: format!("directory.{}", self.name),
                    line: None,
                    text: "without bind_dn nobody can look a user up: isuser is answered with \"cannot tell\"".to_owned(),
                };
                if !remarks.contains(&remark) {
                    remarks.push(remark);
                }
            }
            Some(Lookup::Search { .. }) | None => self.table.problem(
                "bind_dn",
                "a search needs an account: write bind_dn and bind_password_file, or sasl = \"external\", or anonymous = true",
            ),
        }
        rules
    }

    /// The settings, after everything else was asked for.
    pub(super) fn finish(self) -> Option<Settings> {
        self.table.finish();
        self.settings
    }
}

fn read_connector(
    table: &Table<'_>,
    tls: &Table<'_>,
    answer_within: Duration,
) -> Option<Connector> {
    let servers = table.list("servers", Server::parse);
    if servers.is_empty() {
        table.problem("servers", "write servers = [\"ldaps://ldap.example.com\"]");
    }
    let start_tls = table.flag("start_tls");
    let is_encrypted =
        |server: &Server| start_tls || matches!(server.endpoint, Endpoint::Tcp { ldaps: true, .. });
    let allow_clear_text = table.flag("allow_clear_text");
    if !allow_clear_text && servers.iter().any(|server| server.is_remote() && !is_encrypted(server))
    {
        table.problem("servers", "passwords would cross the network in clear text; write ldaps://, or start_tls = true, or, knowing what it means, allow_clear_text = true");
    }
    let connect_within =
        table.duration("connect_within").unwrap_or((answer_within / 4).min(Duration::from_secs(2)));
    if connect_within >= answer_within {
        table.problem(
            "connect_within",
            "write less than answer_within, so that there is time left for the answer",
        );
    }
    let tls = read_tls(tls, servers.iter().any(is_encrypted));
    Some(Connector { servers: Servers::new(servers), start_tls, tls: tls?, connect_within })
}

/// Where and as whom passwords are set, if `[directory.NAME.write]` says so.
fn read_writer(directory: &Table<'_>, answer_within: Duration) -> Option<WriterSettings> {
    if !directory.has("write") {
        return None;
    }
    let table = directory.table("write");
    let tls = directory.table("tls");
    let has_servers = table.has("servers");
    let connector = has_servers.then(|| read_connector(&table, &tls, answer_within)).flatten();
    let servers = connector.as_ref().map_or(&[][..], |connector| connector.servers.fixed());
    let identity = identity::read(&table, &tls, servers);
    table.finish();
    Some(WriterSettings { connector, identity })
}

fn read_tls(table: &Table<'_>, needed: bool) -> Option<Tls> {
    let ca_file = table.string("ca_file");
    let server_name = table.parsed("server_name", |name| {
        ServerName::try_from(name.to_owned())
            .map_err(|_| "write a host name or an IP address".to_owned())
    });
    let client = match (table.string("client_cert_file"), table.string("client_key_file")) {
        (Some(certificate), Some(key)) => secret::check_permissions(Path::new(key))
            .and_then(|()| tls::client_identity(Path::new(certificate), Path::new(key)))
            .map_err(|text| table.problem("client_key_file", text))
            .ok(),
        (None, None) => None,
        _ => {
            table.problem("client_cert_file", "write both client_cert_file and client_key_file");
            None
        }
    };
    let roots = match ca_file {
        Some(path) => tls::roots_from(Path::new(path)),
        None if needed => tls::system_roots(),
        None => Ok(rustls::RootCertStore::empty()),
    };
    roots.map_err(|text| table.problem("ca_file", text)).ok().and_then(|roots| {
        Tls::new(roots, client, server_name)
            .map_err(|text| table.problem("client_cert_file", text))
            .ok()
    })
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
