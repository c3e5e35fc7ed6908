//! Which servers there are, and in which order they are tried.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use percent_encoding::percent_decode_str;
use tokio::time::Instant;
use url::Url;

use super::discovery::{Discovery, Site};

/// A server that did not connect comes last for this long, so that not every request waits for it.
const SHUNNED: Duration = Duration::from_secs(10);

/// One server of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The URL as it was written, for logs.
    pub name: Arc<str>,
    /// Where to connect to.
    pub endpoint: Endpoint,
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
        Ok(Self { name: source.into(), endpoint })
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
    /// Until when servers come last, by their names.
    shunned: Mutex<HashMap<Arc<str>, Instant>>,
}

impl Servers {
    /// The servers that are found, and behind them those of the configuration in its order.
    pub fn new(discovery: Option<Discovery>, fixed: Vec<Server>) -> Self {
        Self { discovery, fixed, shunned: Mutex::default() }
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
            let names: Vec<&str> = self.fixed.iter().map(|server| &*server.name).collect();
            lines.push(("servers", names.join(", ")));
        }
        lines
    }

    /// All servers in the order in which to try them, those that lately failed last; and what is
    /// wrong with finding them. Where they were never looked for, that is done `within` the time.
    pub async fn in_order(&self, within: Duration) -> (Vec<Server>, Option<String>) {
        let (mut servers, fault) = match &self.discovery {
            Some(discovery) => discovery.servers(within).await,
            None => (Vec::new(), None),
        };
        servers.extend(self.fixed.iter().cloned());
        let now = Instant::now();
        let shunned = self.shunned.lock().unwrap_or_else(PoisonError::into_inner);
        servers.sort_by_key(|server| shunned.get(&server.name).is_some_and(|until| *until > now));
        (servers, fault)
    }

    /// Looks for servers anew where what is known is no longer good.
    pub async fn refresh(&self, within: Duration) {
        if let Some(discovery) = &self.discovery {
            discovery.refresh(within).await;
        }
    }

    /// Remembers whether a server connected.
    pub fn record(&self, server: &Server, connected: bool) {
        let now = Instant::now();
        let mut shunned = self.shunned.lock().unwrap_or_else(PoisonError::into_inner);
        shunned.retain(|_, until| *until > now);
        if connected {
            shunned.remove(&server.name);
        } else {
            shunned.insert(Arc::clone(&server.name), now + SHUNNED);
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

    #[tokio::test(start_paused = true)]
    async fn a_server_that_failed_comes_last_for_a_while() {
        let [a, b, c] = ["ldap://a", "ldap://b", "ldap://c"].map(|url| Server::parse(url).unwrap());
        let servers = Servers::new(None, vec![a.clone(), b.clone(), c]);
        let order = || async {
            let (servers, _) = servers.in_order(Duration::ZERO).await;
            servers
                .iter()
                .map(|server| server.name.trim_start_matches("ldap://"))
                .collect::<String>()
        };
        assert_eq!(order().await, "abc");
        servers.record(&a, false);
        assert_eq!(order().await, "bca");
        servers.record(&b, false);
        assert_eq!(order().await, "cab");
        tokio::time::advance(SHUNNED).await;
        assert_eq!(order().await, "abc");
        servers.record(&b, false);
        servers.record(&b, true);
        assert_eq!(order().await, "abc");
    }
}
