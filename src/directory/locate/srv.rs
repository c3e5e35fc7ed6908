//! Finding the servers of a domain in DNS, as Windows does (MS-ADTS, section 6.3.2).

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::directory::locate::dns::Dns;
use crate::directory::locate::ldap_ping;
use crate::directory::locate::server::{Endpoint, Rank, Server};
use crate::directory::locate::srv_order::ordered;
use crate::directory::locate::srv_record::SrvRecord;
use crate::lock::locked;
use crate::observe::StepUnderWay;

/// After DNS gave no answer, it is asked again only after this long.
const AGAIN_AFTER: Duration = Duration::from_secs(10);

/// How many servers are asked for the site, at the same time.
const ASKED_FOR_SITE: usize = 5;

/// What to look for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscoverySettings {
    /// The DNS name of the domain, or, for a global catalog, of the forest.
    pub domain: String,
    /// Which servers are near.
    pub site: Site,
    /// Global catalogs rather than controllers of the domain.
    pub global_catalog: bool,
    /// Whether TLS begins with the first byte.
    pub ldaps: bool,
    /// Whether servers outside the domain are taken. DNS is not authentic: who forges its answers
    /// could otherwise name any host for which he has a certificate of a public authority.
    pub foreign_names: bool,
}

/// Which servers are near.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Site {
    /// It is not asked.
    Any,
    /// Those of this site first.
    Named(String),
    /// Those of the site that the directory takes this machine to be in.
    Learned,
}

/// Finds servers and remembers them.
#[derive(Debug)]
pub struct Discovery {
    wanted: DiscoverySettings,
    dns: Arc<Dns>,
    known: Mutex<KnownRecords>,
    /// Held by whoever asks.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct KnownRecords {
    /// Those near, then all; each list in itself without an order.
    records: [Vec<SrvRecord>; 2],
    /// When DNS is asked again.
    refresh_at: Option<Instant>,
    fault: Option<String>,
}

impl Discovery {
    /// Looks for what is wanted when it is first asked.
    pub fn new(wanted: DiscoverySettings, dns: Arc<Dns>) -> Self {
        let turn = tokio::sync::Mutex::new(());
        Self { wanted, dns, known: Mutex::default(), turn }
    }

    /// What it looks for.
    pub fn wanted(&self) -> &DiscoverySettings {
        &self.wanted
    }

    /// The servers in an order that follows priorities and weights, and why there are none.
    ///
    /// Only the first call waits for DNS, at most `within`; what is not found then is looked for by
    /// [`refresh`](Self::refresh), unless nobody calls that.
    pub async fn servers(&self, within: Duration) -> (Vec<Server>, Option<String>) {
        let overdue = {
            let known = locked(&self.known);
            let is_overdue = |at: Instant| Instant::now() >= at + AGAIN_AFTER;
            known.records.iter().all(Vec::is_empty) && known.refresh_at.is_none_or(is_overdue)
        };
        if overdue {
            self.refresh(within).await;
        }
        let known = locked(&self.known);
        let mut servers: Vec<Server> = Vec::new();
        let ranks: [fn(u16) -> Rank; 2] = [Rank::Near, Rank::Anywhere];
        for (rank, records) in ranks.into_iter().zip(&known.records) {
            for record in ordered(records, fastrand::u32) {
                let server = self.server(record, rank(record.priority));
                if !servers.iter().any(|known| known.name == server.name) {
                    servers.push(server);
                }
            }
        }
        let fault = known.fault.clone().filter(|_| servers.is_empty());
        (servers, fault)
    }

    /// Asks anew where what is known is no longer good. Where that fails, it stays in use.
    pub async fn refresh(&self, within: Duration) {
        let _turn = self.turn.lock().await;
        if locked(&self.known).refresh_at.is_some_and(|at| Instant::now() < at) {
            return;
        }
        let domain = self.wanted.domain.as_str().into();
        let step = StepUnderWay::begin("discover", &domain);
        let found = timeout(within, self.look()).await.unwrap_or_else(|_| {
            let text = format!("DNS: no answer about the servers of {} within {within:?}; check the name servers, or nameservers", self.wanted.domain);
            Err(io::Error::new(io::ErrorKind::TimedOut, text))
        });
        let found = match found {
            Ok((all, until)) => Ok(self.with_near(all, until, within / 4).await),
            Err(error) => Err(error),
        };
        let mut known = locked(&self.known);
        let result = match found {
            Ok((records, until)) => {
                let result = summary(&records);
                *known = KnownRecords { records, refresh_at: Some(until), fault: None };
                result
            }
            Err(error) => {
                let text = error.to_string();
                if known.fault.is_none() {
                    tracing::warn!(
                        domain = self.wanted.domain,
                        problem = text,
                        "cannot find the servers of the domain; those known before stay in use"
                    );
                }
                known.refresh_at = Some(Instant::now() + AGAIN_AFTER);
                known.fault = Some(text.clone());
                text
            }
        };
        drop(known);
        step.ends(|| result);
    }

    /// All servers, and until when that holds.
    async fn look(&self) -> io::Result<(Vec<SrvRecord>, Instant)> {
        let DiscoverySettings { domain, global_catalog, .. } = &self.wanted;
        let kind = self.kind();
        let (mut all, mut until) =
            self.records(&format!("_ldap._tcp.{kind}._msdcs.{domain}")).await?;
        if all.is_empty() {
            // Not Active Directory, or not all of it.
            let service = if *global_catalog { "_gc" } else { "_ldap" };
            (all, until) = self.records(&format!("{service}._tcp.{domain}")).await?;
        }
        if all.is_empty() {
            let text = format!(
                "DNS has no servers for {domain}: neither _ldap._tcp.{kind}._msdcs.{domain} nor a plainer name exists; check discover, or write nameservers that know it"
            );
            return Err(io::Error::new(io::ErrorKind::NotFound, text));
        }
        Ok((all, until))
    }

    /// The servers of the site before all others, and until when that holds. Whatever becomes of the
    /// two look-ups for it, each `within` the time, the servers that were found are worth more.
    async fn with_near(
        &self,
        all: Vec<SrvRecord>,
        until: Instant,
        within: Duration,
    ) -> ([Vec<SrvRecord>; 2], Instant) {
        let site = timeout(within, self.site(&all)).await.ok().flatten();
        let Some(site) = site else { return ([Vec::new(), all], until) };
        let kind = self.kind();
        let service = format!("_ldap._tcp.{site}._sites.{kind}._msdcs.{}", self.wanted.domain);
        let near = timeout(within, self.records(&service)).await;
        match near.unwrap_or_else(|elapsed| Err(elapsed.into())) {
            Ok((near, _)) if near.is_empty() => ([near, all], until),
            Ok((near, near_until)) => ([near, all], until.min(near_until)),
            Err(error) => {
                tracing::warn!(service, problem = %error, "cannot find the servers of the site; all servers of the domain are taken for equally near");
                ([Vec::new(), all], until.min(Instant::now() + AGAIN_AFTER))
            }
        }
    }

    fn kind(&self) -> &'static str {
        if self.wanted.global_catalog { "gc" } else { "dc" }
    }

    async fn records(&self, service: &str) -> io::Result<(Vec<SrvRecord>, Instant)> {
        let (mut records, until) = self.dns.srv_records(service).await?;
        records.retain(|record| {
            let is_ours = self.wanted.foreign_names || is_within(&record.host, &self.wanted.domain);
            if !is_ours {
                tracing::warn!(
                    host = record.host,
                    domain = self.wanted.domain,
                    "DNS names a server outside the domain, which is left out; set tls.ca_file to the domain's own authority to trust its certificate"
                );
            }
            is_ours
        });
        Ok((records, until))
    }

    async fn site(&self, controllers: &[SrvRecord]) -> Option<String> {
        let site = match &self.wanted.site {
            Site::Any => return None,
            Site::Named(site) => return Some(site.clone()),
            Site::Learned => {
                let nearest = ordered(controllers, fastrand::u32).take(ASKED_FOR_SITE);
                let hosts = nearest.map(|record| record.host.as_str());
                ldap_ping::site(&self.dns, &self.wanted.domain, hosts).await
            }
        };
        // It becomes part of a name.
        site.filter(|site| !site.is_empty() && !site.contains('.'))
    }

    /// The server of a record. The ports in DNS are those for plain LDAP.
    fn server(&self, record: &SrvRecord, rank: Rank) -> Server {
        let SrvRecord { host, port, .. } = record;
        let port = match (self.wanted.ldaps, *port) {
            (true, 389) => 636,
            (true, 3268) => 3269,
            (_, port) => port,
        };
        let scheme = if self.wanted.ldaps { "ldaps" } else { "ldap" };
        Server {
            name: format!("{scheme}://{host}:{port}").into(),
            endpoint: Endpoint::Tcp { host: host.clone(), port, ldaps: self.wanted.ldaps },
            rank,
        }
    }
}

fn is_within(host: &str, domain: &str) -> bool {
    let domain = domain.to_lowercase();
    host.strip_suffix(&domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn summary([near, all]: &[Vec<SrvRecord>; 2]) -> String {
    let names = |records: &[SrvRecord]| {
        records.iter().map(|record| record.host.as_str()).collect::<Vec<_>>().join(", ")
    };
    if near.is_empty() { names(all) } else { format!("near: {}; all: {}", names(near), names(all)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn discovery(ldaps: bool) -> Discovery {
        let wanted = DiscoverySettings {
            domain: "corp.example".to_owned(),
            site: Site::Any,
            global_catalog: false,
            ldaps,
            foreign_names: false,
        };
        Discovery::new(wanted, Arc::default())
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_first_request_waits_for_name_servers_that_are_silent() {
        let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let dns = Dns::new(vec![silent.local_addr().unwrap()]);
        let discovery = Discovery { dns: Arc::new(dns), ..discovery(true) };
        let within = Duration::from_secs(1);
        let mut waits = Vec::new();
        for _ in 0..30 {
            let started = Instant::now();
            let (servers, fault) = discovery.servers(within).await;
            assert!(servers.is_empty() && fault.is_some());
            waits.push(started.elapsed());
            tokio::time::sleep(within).await;
            // As in the background, at some time.
            discovery.refresh(within).await;
        }
        assert!(waits[0] >= within && waits[1..].iter().all(Duration::is_zero), "{waits:?}");
    }

    #[test]
    fn ports_of_dns_are_for_plain_ldap() {
        let name = |ldaps: bool, port: u16| {
            let host = "dc1.corp.example".to_owned();
            discovery(ldaps)
                .server(&SrvRecord { priority: 0, weight: 0, host, port }, Rank::Anywhere(0))
                .name
        };
        assert_eq!(&*name(true, 389), "ldaps://dc1.corp.example:636");
        assert_eq!(&*name(true, 3268), "ldaps://dc1.corp.example:3269");
        assert_eq!(&*name(true, 1636), "ldaps://dc1.corp.example:1636");
        assert_eq!(&*name(false, 389), "ldap://dc1.corp.example:389");
    }

    #[test]
    fn a_host_belongs_to_the_domain_by_whole_labels() {
        assert!(is_within("dc1.corp.example", "corp.example"));
        assert!(is_within("dc1.eu.corp.example", "Corp.Example"));
        assert!(is_within("corp.example", "corp.example"));
        assert!(!is_within("dc1.evilcorp.example", "corp.example"));
        assert!(!is_within("dc1.corp.example.net", "corp.example"));
    }
}
