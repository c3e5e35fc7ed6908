//! What there is to say about a directory, for those who watch it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use crate::directory::connect::connector::Connector;
use crate::directory::directory::Directory;
use crate::directory::pool::users::SessionCounts;

/// How a directory does.
#[derive(Clone, Debug)]
pub struct DirectoryFacts {
    /// Its servers, those for changes of passwords included.
    pub servers: Vec<ServerFacts>,
    /// The sessions that are open.
    pub sessions: SessionCounts,
    /// What became of look-ups of remembered DNs, and how often.
    pub dn_lookups: [(&'static str, u64); 3],
}

/// How a server does.
#[derive(Clone, Debug)]
pub struct ServerFacts {
    /// Its name, as it stands in the configuration or in DNS.
    pub name: Arc<str>,
    /// Whether it is asked.
    pub is_up: bool,
    /// When the certificate expires that it showed last.
    pub certificate_expires: Option<SystemTime>,
    /// Each operation, each of its ends, and how often there was that.
    pub operations: Vec<(&'static str, &'static str, u64)>,
}

impl Directory {
    /// How it does now.
    pub fn facts(&self) -> DirectoryFacts {
        let mut servers = BTreeMap::new();
        for connector in [Some(self.connector()), self.writer_connector()].into_iter().flatten() {
            for server in facts_of(connector) {
                match servers.get_mut(&server.name) {
                    None => drop(servers.insert(Arc::clone(&server.name), server)),
                    Some(known) => known.add(&server),
                }
            }
        }
        DirectoryFacts {
            servers: servers.into_values().collect(),
            sessions: self.sessions(),
            dn_lookups: self.dn_lookups.counts(),
        }
    }
}

impl ServerFacts {
    /// Adds what is known of the same server by another way to it.
    fn add(&mut self, other: &Self) {
        self.is_up &= other.is_up;
        self.certificate_expires = self.certificate_expires.or(other.certificate_expires);
        for ((_, _, count), (_, _, more)) in self.operations.iter_mut().zip(&other.operations) {
            *count += more;
        }
    }
}

fn facts_of(connector: &Connector) -> impl Iterator<Item = ServerFacts> {
    connector.servers.names().into_iter().map(|name| {
        let record = connector.record(&name);
        ServerFacts {
            is_up: !connector.servers.health.is_down(&name),
            certificate_expires: record.certificate_expiry(),
            operations: record.tally.counts().collect(),
            name,
        }
    })
}
