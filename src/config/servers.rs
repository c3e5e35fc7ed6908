//! Where the servers of a directory are: named, found in DNS, or both.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::keys::{AnyKey, Key, directory as keys};
use super::table::Table;
use super::value::{List, OneOrMore};
use crate::directory::connect::connector::Connector;
use crate::directory::locate::dns::{CAN_ASK_NAME_SERVERS, Dns};
use crate::directory::locate::server::{Endpoint, Rank, Server, check_address, domain_to_ascii};
use crate::directory::locate::servers::Servers;
use crate::directory::locate::srv::{Discovery, DiscoverySettings, Site};
use crate::directory::tls::Tls;

const CLEAR_TEXT: &str = "passwords would cross the network in clear text; write ldaps://, or start_tls = true, or, knowing what it means, allow_clear_text = true";

/// How servers are reached, but for TLS.
#[derive(Debug)]
pub(super) struct ServerConfig {
    /// Those that are named.
    pub(super) named: Vec<Server>,
    wanted: Option<DiscoverySettings>,
    name_servers: Vec<SocketAddr>,
    start_tls: bool,
    connect_within: Duration,
}

impl ServerConfig {
    pub(super) fn read(table: &Table<'_>, answer_within: Duration) -> Self {
        let named = read_named(table, &keys::SERVERS);
        let start_tls = table.get_or_default(&keys::START_TLS);
        let allow_clear_text = table.get_or_default(&keys::ALLOW_CLEAR_TEXT);
        let is_readable = |server: &Server| server.is_remote() && !start_tls && !is_ldaps(server);
        if !allow_clear_text && named.iter().any(is_readable) {
            table.problem(&keys::SERVERS, CLEAR_TEXT);
        }
        if start_tls && !named.is_empty() && named.iter().all(is_ldaps) {
            table.remark(
                &keys::START_TLS,
                "it is for ldap://, and ldaps:// is TLS from its first byte: leave it out",
            );
        }
        for server in &named {
            if let Some(text) = server.odd_port() {
                table.remark(&keys::SERVERS, &text);
            }
        }
        let wanted = read_wanted(table, start_tls);
        let has_servers = table.get(&keys::SERVERS).is_none_or(|servers| !servers.is_empty());
        let has_servers = has_servers && table.has(&keys::SERVERS);
        if !has_servers && !table.has(&keys::DISCOVER) {
            table.problem(
                &keys::SERVERS,
                "write servers = [\"ldaps://ldap.example.com\"], or discover = \"corp.example\" to find them in DNS",
            );
        }
        let name_servers = table.all_parsed(&keys::NAMESERVERS, name_server);
        if let Err(text) = CAN_ASK_NAME_SERVERS {
            let asking: [&AnyKey; 2] = [&keys::DISCOVER, &keys::NAMESERVERS];
            for key in asking.into_iter().filter(|key| table.has(key)) {
                table.problem(key, text);
            }
        }
        let default = (answer_within / 4).min(Duration::from_secs(2));
        let connect_within = table.get_or(&keys::CONNECT_WITHIN, default);
        if connect_within >= answer_within {
            table.problem(
                &keys::CONNECT_WITHIN,
                "write less than answer_within, so that there is time left for the answer",
            );
        }
        Self { named, wanted, name_servers, start_tls, connect_within }
    }

    /// The global catalogs that are asked beside these servers, and reached like them, if any are named.
    pub(super) fn catalog(&self, table: &Table<'_>) -> Option<Self> {
        let named = read_named(table, &keys::GLOBAL_CATALOG);
        let is_readable =
            |server: &Server| server.is_remote() && !self.start_tls && !is_ldaps(server);
        if !table.get_or_default(&keys::ALLOW_CLEAR_TEXT) && named.iter().any(is_readable) {
            table.problem(&keys::GLOBAL_CATALOG, CLEAR_TEXT);
        }
        let catalog =
            Self { named, wanted: None, name_servers: self.name_servers.clone(), ..*self };
        if !catalog.named.is_empty() && !catalog.is_global_catalog() {
            table.remark(
                &keys::GLOBAL_CATALOG,
                "global catalogs listen on port 3269, for ldaps://, or 3268",
            );
        }
        (!catalog.named.is_empty()).then_some(catalog)
    }

    pub(super) fn needs_tls(&self) -> bool {
        self.start_tls || self.wanted.is_some() || self.named.iter().any(is_ldaps)
    }

    /// Whether every server holds the whole forest, so that a search of it needs no base.
    pub(super) fn is_global_catalog(&self) -> bool {
        let is_catalog = |server: &Server| match server.endpoint {
            Endpoint::Tcp { port, .. } => matches!(port, 3268 | 3269),
            Endpoint::Unix(_) => false,
        };
        let is_somewhere = self.wanted.is_some() || !self.named.is_empty();
        is_somewhere
            && self.wanted.as_ref().is_none_or(|wanted| wanted.global_catalog)
            && self.named.iter().all(is_catalog)
    }

    pub(super) fn connector(self, tls: Arc<Tls>) -> Connector {
        let Self { named, wanted, name_servers, start_tls, connect_within } = self;
        let dns = Arc::new(Dns::new(name_servers));
        let discovery = wanted.map(|wanted| {
            let wanted = DiscoverySettings { foreign_names: !tls.trusts_everybody(), ..wanted };
            Discovery::new(wanted, Arc::clone(&dns))
        });
        let servers = Servers::new(discovery, named);
        Connector::new(servers, start_tls, dns, tls, connect_within)
    }
}

fn read_named(table: &Table<'_>, key: &Key<List<OneOrMore>>) -> Vec<Server> {
    let ranked = (0..).map(Rank::Named).zip(table.get(key).unwrap_or_default());
    let urls = ranked.flat_map(|(rank, urls)| urls.into_iter().map(move |url| (rank, url)));
    let servers = urls.filter_map(|(rank, url)| {
        let server = Server::parse(&url).map_err(|text| table.problem(key, text)).ok()?;
        Some(Server { rank, ..server })
    });
    servers.collect()
}

fn read_wanted(table: &Table<'_>, start_tls: bool) -> Option<DiscoverySettings> {
    let domain = table.parsed(&keys::DISCOVER, |domain| {
        let labels = || domain.trim_end_matches('.').split('.');
        if labels().all(|label| !label.is_empty() && label.len() <= 63) && !domain.contains(':') {
            Ok(labels().collect::<Vec<_>>().join("."))
        } else {
            Err("write the DNS name of the domain, such as \"corp.example\"".to_owned())
        }
    });
    let domain = domain.map(|domain| domain_to_ascii(&domain));
    let site = table.parsed(&keys::SITE, |site| match site {
        "auto" => Ok(Site::Learned),
        site if site.is_empty() || site.contains('.') => {
            Err("write the name of a site, or \"auto\"".to_owned())
        }
        site => Ok(Site::Named(site.to_owned())),
    });
    let global_catalog = table.get_or_default(&keys::DISCOVER_GLOBAL_CATALOG);
    let belonging: [&AnyKey; 2] = [&keys::SITE, &keys::DISCOVER_GLOBAL_CATALOG];
    for key in belonging {
        if table.has(key) && !table.has(&keys::DISCOVER) {
            table.problem(key, "it belongs to discover = \"corp.example\", which is missing");
        }
    }
    Some(DiscoverySettings {
        domain: domain?,
        site: site.unwrap_or(Site::Any),
        global_catalog,
        ldaps: !start_tls,
        foreign_names: false,
    })
}

fn name_server(text: &str) -> Result<SocketAddr, String> {
    let address = text.parse::<IpAddr>().map(|address| (address, 53).into());
    let address: Result<SocketAddr, _> = address.or_else(|_| text.parse());
    let address = address.ok().filter(|address| address.port() != 0).ok_or(
        "write addresses of name servers, such as [\"192.0.2.53\"], with a port if it is not 53",
    )?;
    check_address(&address.ip()).map(|()| address)
}

fn is_ldaps(server: &Server) -> bool {
    matches!(server.endpoint, Endpoint::Tcp { ldaps: true, .. })
}
