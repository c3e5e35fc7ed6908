//! Names of hosts and services, asked of the system's resolver or of name servers of one's own.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::RData;
use tokio::sync::OnceCell;
use tokio::time::Instant;

/// A name server that has not answered by then is asked again, or the next one is.
const PATIENCE: Duration = Duration::from_secs(1);

/// An SRV record: a host that offers a service (RFC 2782).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SrvRecord {
    /// Lower ones are tried first.
    pub priority: u16,
    /// The share of requests among those of the same priority.
    pub weight: u16,
    /// The host's name, without a dot at its end.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// Asks for names.
#[derive(Debug, Default)]
pub struct Dns {
    /// Who is asked; the system's resolver if there is nobody.
    name_servers: Vec<SocketAddr>,
    resolver: OnceCell<TokioResolver>,
}

impl Dns {
    /// Asks these name servers.
    pub fn new(name_servers: Vec<SocketAddr>) -> Self {
        Self { name_servers, resolver: OnceCell::new() }
    }

    /// Who is asked.
    pub fn name_servers(&self) -> &[SocketAddr] {
        &self.name_servers
    }

    /// The addresses of a host, which may be one itself, with this port.
    pub async fn addresses(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![(address, port).into()]);
        }
        if self.name_servers.is_empty() {
            // Knows /etc/hosts and whatever else the system is told to ask.
            return Ok(tokio::net::lookup_host((host, port)).await?.collect());
        }
        let found = self.resolver().await?.lookup_ip(absolute(host)).await.map_err(failed)?;
        Ok(found.iter().map(|address| (address, port).into()).collect())
    }

    /// The SRV records of a service, and until when they hold. None where the name does not exist; an
    /// error where that cannot be told.
    pub async fn srv_records(&self, service: &str) -> io::Result<(Vec<SrvRecord>, Instant)> {
        let found = match self.resolver().await?.srv_lookup(absolute(service)).await {
            Ok(found) => found,
            Err(error) if error.is_no_records_found() => return Ok((Vec::new(), Instant::now())),
            Err(error) => return Err(failed(error)),
        };
        let records = found.answers().iter().filter_map(|record| match &record.data {
            // The root as a target means that the service is not to be had.
            RData::SRV(srv) if !srv.target.is_root() => Some(SrvRecord {
                priority: srv.priority,
                weight: srv.weight,
                host: srv.target.to_ascii().trim_end_matches('.').to_lowercase(),
                port: srv.port,
            }),
            _ => None,
        });
        Ok((records.collect(), found.valid_until().into()))
    }

    async fn resolver(&self) -> io::Result<&TokioResolver> {
        let build = || async {
            let mut builder = if self.name_servers.is_empty() {
                TokioResolver::builder_tokio().map_err(failed)?
            } else {
                let servers = self.name_servers.iter().map(name_server).collect();
                let config = ResolverConfig::from_name_servers(servers);
                let provider = TokioRuntimeProvider::default();
                let mut builder = TokioResolver::builder_with_config(config, provider);
                builder.options_mut().use_hosts_file = ResolveHosts::Never;
                builder
            };
            let options = builder.options_mut();
            options.timeout = PATIENCE;
            options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
            builder.build().map_err(failed)
        };
        self.resolver.get_or_try_init(build).await
    }
}

fn name_server(address: &SocketAddr) -> NameServerConfig {
    let mut config = NameServerConfig::udp_and_tcp(address.ip());
    for connection in &mut config.connections {
        connection.port = address.port();
    }
    config
}

/// The name as it is, rather than below the domains of resolv.conf.
fn absolute(name: &str) -> String {
    format!("{}.", name.trim_end_matches('.'))
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in map_err")]
fn failed(error: NetError) -> io::Error {
    io::Error::other(format!("DNS: {error}"))
}
