//! Names of hosts and services, asked of the system's resolver or of name servers of one's own.

#[cfg(feature = "discover")]
mod resolver;
#[cfg(not(feature = "discover"))]
#[path = "dns/no_resolver.rs"]
mod resolver;

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use tokio::time::Instant;

use self::resolver::Resolver;
use crate::aside::aside;
use crate::directory::locate::srv_record::SrvRecord;

/// Whether name servers can be asked. The error says that this program was built without that.
pub const CAN_ASK_NAME_SERVERS: Result<(), &str> = resolver::BUILT;

/// Asks for names.
#[derive(Debug, Default)]
pub struct Dns {
    /// Name servers of one's own, or none: addresses are then the system's to find.
    name_servers: Vec<SocketAddr>,
    resolver: Resolver,
}

impl Dns {
    /// Asks these name servers; those of the system if there are none.
    pub fn new(name_servers: Vec<SocketAddr>) -> Self {
        Self { resolver: Resolver::new(name_servers.clone()), name_servers }
    }

    /// The addresses of a host, which may be one itself, with this port.
    pub async fn addresses(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![(address, port).into()]);
        }
        if self.name_servers.is_empty() {
            // Knows /etc/hosts and whatever else the system is told to ask.
            let name = host.to_owned();
            let found = aside(move || (name.as_str(), port).to_socket_addrs()).await;
            let defect = || Err(io::Error::other("the look-up has a defect"));
            let found = found.unwrap_or_else(defect).map_err(|error| {
                let text = format!("the system finds no address of {host} ({error}); check the name, and /etc/resolv.conf and /etc/hosts, or write nameservers");
                io::Error::other(text)
            })?;
            return Ok(found.collect());
        }
        let found = self.resolver.addresses(host).await?;
        Ok(found.into_iter().map(|address| (address, port).into()).collect())
    }

    /// The SRV records of a service, and until when they hold. None where the name does not exist; an
    /// error where that cannot be told.
    pub async fn srv_records(&self, service: &str) -> io::Result<(Vec<SrvRecord>, Instant)> {
        self.resolver.srv_records(service).await
    }
}
