//! One server: its URL, and where that leads.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use url::{Host, ParseError, Url};

/// How much a server is preferred, the most first. Servers of one rank share the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// Found in DNS as near, with this priority (RFC 2782).
    Near(u16),
    /// Found in DNS, wherever it is, with this priority.
    Anywhere(u16),
    /// Named in the configuration, in this place.
    Named(usize),
}

/// One server of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its URL, as it was written or made from DNS, by which it is known everywhere.
    pub name: Arc<str>,
    /// Where to connect to.
    pub endpoint: Endpoint,
    /// How much it is preferred.
    pub rank: Rank,
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
    /// error says what to write instead, and shows nothing of the URL, in which a password may be.
    pub fn parse(source: &str) -> Result<Self, String> {
        const FORMS: &str = "write ldaps://host, ldap://host or ldapi://%2Fpath%2Fto%2Fsocket";
        const SOCKET_FORM: &str = "write the whole path of the socket with %2F for each /, such as ldapi://%2Fvar%2Frun%2Fslapd%2Fldapi";
        let behind = source.split_once("://").map_or(source, |(_, behind)| behind);
        let authority = behind.split(['/', '?', '#']).next().unwrap_or_default();
        let is_several = authority.contains([',', ';']) || behind.contains("://");
        if source.trim() != source || source.contains(' ') || is_several {
            return Err("one string holds one URL: write [\"ldaps://one\", \"ldaps://other\"], without blanks around them".to_owned());
        }
        let is_bare = !authority.contains('@') && !authority.starts_with('[');
        if is_bare && authority.matches(':').count() > 1 {
            return Err(
                "an IPv6 address stands in brackets: write ldaps://[2001:db8::1], or :636 behind them"
                    .to_owned(),
            );
        }
        let url = Url::parse(source).map_err(|error| match error {
            _ if authority.starts_with('[') && authority.contains('%') => {
                "an address with a zone (%) is none here: write another, or a name".to_owned()
            }
            ParseError::RelativeUrlWithoutBase => FORMS.to_owned(),
            ParseError::InvalidPort => format!("the port is no number up to 65535; {FORMS}"),
            _ => format!("this is no URL; {FORMS}"),
        })?;
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| match url.scheme() {
            "ldapi" => SOCKET_FORM.to_owned(),
            _ => format!("no host; {FORMS}"),
        })?;
        if !url.username().is_empty() || url.password().is_some() || source.contains('@') {
            return Err(
                "no user and no password belong into a URL; write bind_dn and bind_password_file"
                    .to_owned(),
            );
        }
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(
                "write the host and the port alone; base, filter and bind_dn are keys of their own"
                    .to_owned(),
            );
        }
        if url.port() == Some(0) {
            return Err(format!("nobody can connect to port 0; {FORMS}"));
        }
        let address = |address: IpAddr| check_address(&address).map(|()| address.to_string());
        let tcp = |port, ldaps| {
            let host = match Host::parse(host) {
                Ok(Host::Domain(name)) if name.contains('*') => {
                    return Err("a server has a name of its own, without *; write discover = \"corp.example\" to find the servers of a domain".to_owned());
                }
                Ok(Host::Domain(name)) => name,
                Ok(Host::Ipv4(it)) => address(it.into())?,
                Ok(Host::Ipv6(it)) => address(it.into())?,
                Err(_) => return Err(format!("the host is no name and no address; {FORMS}")),
            };
            Ok(Endpoint::Tcp { host, port: url.port().unwrap_or(port), ldaps })
        };
        let endpoint = match url.scheme() {
            "ldap" => tcp(389, false)?,
            "ldaps" => tcp(636, true)?,
            "ldapi" => {
                let path = percent_decode_str(host).decode_utf8().map_err(|_| FORMS.to_owned())?;
                let path = PathBuf::from(path.as_ref());
                Endpoint::Unix(Some(path).filter(|path| path.is_absolute()).ok_or(SOCKET_FORM)?)
            }
            _ => return Err(FORMS.to_owned()),
        };
        Ok(Self { name: source.into(), endpoint, rank: Rank::Named(0) })
    }

    /// What is odd about the port, if it is the usual one of the other scheme.
    pub fn odd_port(&self) -> Option<String> {
        let Endpoint::Tcp { host, port, ldaps } = &self.endpoint else { return None };
        match (ldaps, port) {
            (true, 389 | 3268) => Some(format!(
                "{port} is the port for ldap://: write ldap://{host}:{port} with start_tls = true, or leave the port out"
            )),
            (false, 636 | 3269) => {
                Some(format!("{port} is the port for ldaps://: write ldaps://{host}:{port}"))
            }
            _ => None,
        }
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

/// Whether a server can have this address; the error says what to write instead.
pub fn check_address(address: &IpAddr) -> Result<(), String> {
    let is_broadcast = matches!(address, IpAddr::V4(it) if it.is_broadcast());
    if address.is_unspecified() || address.is_multicast() || is_broadcast {
        return Err("it is an address of no one server: write the server's own, or 127.0.0.1 for this machine".to_owned());
    }
    Ok(())
}

/// A name as DNS has it: international labels as `xn--…` (RFC 5890). What is no name stays as it is.
pub fn domain_to_ascii(name: &str) -> String {
    match Host::parse(name) {
        Ok(Host::Domain(ascii)) => ascii,
        _ => name.to_owned(),
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
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
            ("LDAP://LOCALHOST", tcp("localhost", 389, false)),
            ("ldaps://dc1.MÜLLER.example", tcp("dc1.xn--mller-kva.example", 636, true)),
            ("ldaps://dc1.xn--mller-kva.example", tcp("dc1.xn--mller-kva.example", 636, true)),
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
            "ldap://dc1/#s3cret",
            "ldaps://:s3cret@dc1",
            "ldaps://svc:s3cret@dc1",
            "ldaps://@s3cret",
            "ldaps://s3cret@",
            "ldap://s3cret dc1",
            "ldap://dc1:s3cret",
            "ldaps://a.example, ldaps://s3cret",
            "ldap://127.0.0.1:0",
            "ldaps://*.example.com",
            "ldaps://0.0.0.0",
            "ldap://[::]:389",
            "ldap://255.255.255.255",
            "ldap://[ff02::1]",
            " ldaps://s3cret",
        ] {
            let error = Server::parse(source).unwrap_err();
            assert!(error.contains("write"), "{source}: {error}");
            assert!(!error.contains("s3cret"), "{source}: {error}");
        }
    }

    #[test]
    fn the_port_of_the_other_scheme_is_odd() {
        let odd = |source| Server::parse(source).unwrap().odd_port().is_some();
        assert!(odd("ldaps://dc1:389") && odd("ldap://dc1:636") && odd("ldap://dc1:3269"));
        assert!(!odd("ldaps://dc1") && !odd("ldap://dc1") && !odd("ldaps://dc1:1636"));
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
}
