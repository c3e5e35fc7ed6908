//! Which servers there are, and in which order they are tried.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use percent_encoding::percent_decode_str;
use tokio::time::Instant;
use url::Url;

use super::discovery::{Discovery, Site};
use super::health::Health;

/// Servers of the configuration come behind those of DNS.
pub const NAMED: u32 = 1 << 17;

/// One server of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The URL as it was written, for logs.
    pub name: Arc<str>,
    /// Where to connect to.
    pub endpoint: Endpoint,
    /// Servers of a lower group are preferred; those of one group share the load.
    pub group: u32,
}

/// Where to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `ldap://` or `ldaps://`.
    Tcp {
        /// A name, or an address without brackets.
        host: String,
        /// The TCP port.
        port: u16,
        /// Whether TLS begins with the first byte.
        ldaps: bool,
    },
    /// `ldapi://`: a socket of this machine.
    Unix(PathBuf),
}

impl Server {
    /// Reads `ldap://host[:port]`, `ldaps://host[:port]` or `ldapi://%2Fpath%2Fto%2Fsocket`; the
    /// error says what to write instead.
    pub fn parse(source: &str) -> Result<Self, String> {
        const FORMS: &str = "write ldaps://host, ldap://host or ldapi://%2Fpath%2Fto%2Fsocket";
        let url = Url::parse(source).map_err(|error| format!("{error}; {FORMS}"))?;
        let host = url
            .host_str()
            .filter(|host| !host.is_empty())
            .ok_or_else(|| format!("no host; {FORMS}"))?;
        if !matches!(url.path(), "" | "/") || url.query().is_some() || !url.username().is_empty() {
            return Err(
                "write the host and the port alone; base, filter and bind_dn are keys of their own"
                    .to_owned(),
            );
        }
        let tcp = |port, ldaps| Endpoint::Tcp {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: url.port().unwrap_or(port),
            ldaps,
        };
        let endpoint = match url.scheme() {
            "ldap" => tcp(389, false),
            "ldaps" => tcp(636, true),
            "ldapi" => {
                let path = percent_decode_str(host).decode_utf8().map_err(|_| FORMS.to_owned())?;
                Endpoint::Unix(PathBuf::from(path.as_ref()))
            }
            _ => return Err(FORMS.to_owned()),
        };
        Ok(Self { name: source.into(), endpoint, group: NAMED })
    }

    /// Whether what is sent to it can be read on a network when it is not encrypted.
    pub fn is_remote(&self) -> bool {
        match &self.endpoint {
            Endpoint::Unix(_) => false,
            Endpoint::Tcp { host, .. } => match host.parse::<IpAddr>() {
                Ok(address) => !address.is_loopback(),
                Err(_) => host != "localhost",
            },
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// The servers of one directory, with what is known about each.
#[derive(Debug)]
pub struct Servers {
    discovery: Option<Discovery>,
    fixed: Vec<Server>,
    /// Whose turn it is within each group.
    turn: AtomicUsize,
    /// The groups of those that were known last, by their names.
    groups: Mutex<HashMap<Arc<str>, u32>>,
    /// Which of them are down.
    pub health: Health,
}

impl Servers {
    /// The servers that are found, and behind them those of the configuration.
    pub fn new(discovery: Option<Discovery>, fixed: Vec<Server>) -> Self {
        // Many processes start at the same time.
        let turn = AtomicUsize::new(fastrand::usize(..1024));
        Self { discovery, fixed, turn, groups: Mutex::default(), health: Health::default() }
    }

    /// The effective values by their keys.
    pub fn describe(&self) -> Vec<(&'static str, String)> {
        let mut lines = Vec::new();
        if let Some(wanted) = self.discovery.as_ref().map(Discovery::wanted) {
            lines.push(("discover", wanted.domain.clone()));
            match &wanted.site {
                Site::Any => {}
                Site::Named(site) => lines.push(("site", site.clone())),
                Site::Learned => lines.push(("site", "auto".to_owned())),
            }
            if wanted.global_catalog {
                lines.push(("discover_global_catalog", "true".to_owned()));
            }
        }
        if !self.fixed.is_empty() {
            let groups = self.fixed.chunk_by(|a, b| a.group == b.group).map(|group| {
                group.iter().map(|server| &*server.name).collect::<Vec<_>>().join(" or ")
            });
            lines.push(("servers", groups.collect::<Vec<_>>().join(", ")));
        }
        lines
    }

    /// All servers in the order in which to try them, those that are down last; and what is wrong
    /// with finding them. Where they were never looked for, that is done `within` the time.
    pub async fn in_order(&self, within: Duration) -> (Vec<Server>, Option<String>) {
        let (mut servers, fault) = match &self.discovery {
            Some(discovery) => discovery.servers(within).await,
            None => (Vec::new(), None),
        };
        let mut fixed = self.fixed.clone();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        for group in fixed.chunk_by_mut(|a, b| a.group == b.group) {
            group.rotate_left(turn % group.len());
        }
        servers.append(&mut fixed);
        let groups = servers.iter().map(|server| (Arc::clone(&server.name), server.group));
        let groups: HashMap<_, _> = groups.collect();
        self.health.know(|name| groups.contains_key(name), groups.len(), Instant::now());
        *self.groups.lock().unwrap_or_else(PoisonError::into_inner) = groups;
        servers.sort_by_key(|server| (self.health.is_down(&server.name), server.group));
        (servers, fault)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether a better server is up, so that this one is not to be used any more.
    pub fn is_outdone(&self, server: &str) -> bool {
        let groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        let rank = |name: &str, group: &u32| (self.health.is_down(name), *group);
        let Some(own) = groups.get(server).map(|group| rank(server, group)) else { return true };
        groups.iter().any(|(name, group)| rank(name, group) < own)
    }

    /// Looks for servers anew where what is known is no longer good.
    pub async fn refresh(&self, within: Duration) {
        if let Some(discovery) = &self.discovery {
            discovery.refresh(within).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16, ldaps: bool) -> Endpoint {
        Endpoint::Tcp { host: host.to_owned(), port, ldaps }
    }

    #[test]
    fn urls_are_read() {
        for (source, endpoint) in [
            ("ldap://dc1.corp.example", tcp("dc1.corp.example", 389, false)),
            ("ldaps://dc1.corp.example/", tcp("dc1.corp.example", 636, true)),
            ("ldaps://dc1:1636", tcp("dc1", 1636, true)),
            ("ldap://192.0.2.1:3389", tcp("192.0.2.1", 3389, false)),
            ("ldaps://[::1]", tcp("::1", 636, true)),
            ("ldap://[2001:db8::1]:3389", tcp("2001:db8::1", 3389, false)),
            ("ldapi://%2Frun%2Fslapd%2Fldapi", Endpoint::Unix("/run/slapd/ldapi".into())),
        ] {
            assert_eq!(Server::parse(source).unwrap().endpoint, endpoint, "{source}");
        }
    }

    #[test]
    fn other_urls_are_refused() {
        for source in [
            "",
            "dc1",
            "ldap:foo",
            "ldap://",
            "http://dc1",
            "ldap://dc1/dc=x",
            "ldap://a@dc1",
            "ldap://dc1:99999",
            "ldap://dc1?x",
        ] {
            assert!(Server::parse(source).is_err(), "{source}");
        }
    }

    #[test]
    fn loopback_is_not_remote() {
        let remote = |source| Server::parse(source).unwrap().is_remote();
        assert!(
            !remote("ldap://127.0.0.1") && !remote("ldap://[::1]") && !remote("ldap://localhost")
        );
        assert!(!remote("ldapi://%2Frun%2Fldapi"));
        assert!(
            remote("ldap://192.0.2.1")
                && remote("ldap://localhost.example")
                && remote("ldap://dc1")
        );
    }

    fn servers(groups: &[&[&str]]) -> (Vec<Server>, Servers) {
        let mut all = Vec::new();
        for (group, urls) in (0..).zip(groups) {
            let read = |url: &&str| Server { group, ..Server::parse(url).unwrap() };
            all.extend(urls.iter().map(read));
        }
        (all.clone(), Servers::new(None, all))
    }

    async fn order(servers: &Servers) -> String {
        let (servers, _) = servers.in_order(Duration::ZERO).await;
        servers.iter().map(|server| server.name.trim_start_matches("ldap://")).collect()
    }

    #[tokio::test]
    async fn servers_that_are_down_come_last() {
        let (all, servers) = servers(&[&["ldap://a"], &["ldap://b"], &["ldap://c"]]);
        let now = Instant::now();
        assert_eq!(order(&servers).await, "abc");
        servers.health.fall(&all[0].name, now);
        assert_eq!(order(&servers).await, "bca");
        servers.health.fall(&all[1].name, now);
        assert_eq!(order(&servers).await, "cab");
        servers.health.rise(&all[0].name, now);
        assert_eq!(order(&servers).await, "acb");
    }

    #[tokio::test]
    async fn servers_of_one_group_share_the_load() {
        let (_, servers) = servers(&[&["ldap://a", "ldap://b"], &["ldap://c"]]);
        let mut seen = [order(&servers).await, order(&servers).await];
        seen.sort();
        assert_eq!(seen, ["abc", "bac"]);
    }

    #[tokio::test]
    async fn a_server_is_outdone_while_a_better_one_is_up() {
        let (all, servers) = servers(&[&["ldap://a", "ldap://b"], &["ldap://c"]]);
        let now = Instant::now();
        order(&servers).await;
        let outdone = |name| servers.is_outdone(name);
        assert!(!outdone("ldap://a") && !outdone("ldap://b") && outdone("ldap://c"));
        servers.health.fall(&all[0].name, now);
        assert!(outdone("ldap://a") && !outdone("ldap://b") && outdone("ldap://c"));
        servers.health.fall(&all[1].name, now);
        assert!(!outdone("ldap://c") && outdone("ldap://unknown"));
        servers.health.rise(&all[0].name, now);
        assert!(outdone("ldap://c"));
    }
}
