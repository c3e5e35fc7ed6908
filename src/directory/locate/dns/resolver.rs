//! Name servers asked by this process itself.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError, NoRecords};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::RData;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::directory::locate::srv_record::SrvRecord;

/// This program was built with it.
pub(super) const BUILT: Result<(), &str> = Ok(());

/// A name server that has not answered by then is asked again, or the next one is.
const PATIENCE: Duration = Duration::from_secs(1);

/// Asks name servers, and remembers for as long as they say.
#[derive(Debug, Default)]
pub(super) struct Resolver {
    /// Who is asked; those of /etc/resolv.conf if there is nobody.
    name_servers: Vec<SocketAddr>,
    resolver: OnceCell<TokioResolver>,
}

impl Resolver {
    pub(super) fn new(name_servers: Vec<SocketAddr>) -> Self {
        Self { name_servers, resolver: OnceCell::new() }
    }

    /// The addresses of a host.
    pub(super) async fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let found = self.resolver().await?.lookup_ip(absolute(host)).await;
        let found = found.map_err(|error| self.failed(host, "address", &error))?;
        Ok(found.iter().collect())
    }

    /// The SRV records of a service, and until when they hold. None where the name does not exist; an error
    /// where that cannot be told.
    pub(super) async fn srv_records(&self, service: &str) -> io::Result<(Vec<SrvRecord>, Instant)> {
        let found = match self.resolver().await?.srv_lookup(absolute(service)).await {
            Ok(found) => found,
            Err(error) if error.is_no_records_found() => return Ok((Vec::new(), Instant::now())),
            Err(error) => return Err(self.failed(service, "SRV record", &error)),
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

    /// Why a name was not found: what was asked for, and whom.
    fn failed(&self, name: &str, what: &str, error: &NetError) -> io::Error {
        let whom = match self.name_servers.as_slice() {
            [] => "the name servers of /etc/resolv.conf".to_owned(),
            servers => {
                let servers: Vec<String> = servers.iter().map(SocketAddr::to_string).collect();
                format!("the name server {}", servers.join(" or "))
            }
        };
        let text = match error {
            NetError::Dns(DnsError::NoRecordsFound(NoRecords { response_code, .. })) => {
                match response_code {
                    ResponseCode::NXDomain => {
                        format!(
                            "DNS: there is no name {name}, says {whom}; check the name, or nameservers"
                        )
                    }
                    ResponseCode::NoError => {
                        format!(
                            "DNS: {name} has no {what}, says {whom}; check the name, or nameservers"
                        )
                    }
                    code => format!(
                        "DNS: {whom} failed when asked for the {what} of {name} ({code}); look at its log, or write other nameservers"
                    ),
                }
            }
            NetError::Dns(DnsError::ResponseCode(code)) => format!(
                "DNS: {whom} failed when asked for the {what} of {name} ({code}); look at its log, or write other nameservers"
            ),
            NetError::Timeout => format!(
                "DNS: no answer from {whom} about {name}; check that it can be reached, or nameservers"
            ),
            _ => format!(
                "DNS: {whom} could not be asked about {name}; check that it can be reached, or nameservers"
            ),
        };
        io::Error::other(text)
    }

    async fn resolver(&self) -> io::Result<&TokioResolver> {
        let build = || async {
            let mut builder = if self.name_servers.is_empty() {
                TokioResolver::builder_tokio().map_err(|_| unusable())?
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
            builder.build().map_err(|_| unusable())
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

fn unusable() -> io::Error {
    io::Error::other(
        "DNS cannot be asked: /etc/resolv.conf names no usable name server; mend it, or write nameservers",
    )
}
