//! What is remembered of DNS, and for how long.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use ldap_fixtures::dns::{NameServer, Trouble};
use xmpp_ldap_auth::directory::locate::dns::Dns;
use xmpp_ldap_auth::directory::locate::srv::{Discovery, DiscoverySettings, Site};

const SERVICE: &str = "_ldap._tcp.dc._msdcs.corp.example";
const WITHIN: Duration = Duration::from_secs(10);

fn discovery(dns: &NameServer, foreign_names: bool) -> Discovery {
    of_site(dns, foreign_names, Site::Any)
}

fn of_site(dns: &NameServer, foreign_names: bool, site: Site) -> Discovery {
    let wanted = DiscoverySettings {
        domain: "corp.example".to_owned(),
        site,
        global_catalog: false,
        ldaps: true,
        foreign_names,
    };
    Discovery::new(wanted, Arc::new(Dns::new(vec![dns.address()])))
}

fn offer(dns: &NameServer, host: &str, ttl: u32) {
    dns.offer(SERVICE, (0, 100), (host, 389), ttl).unwrap();
}

async fn found(discovery: &Discovery) -> Vec<String> {
    let (servers, _) = discovery.servers(WITHIN).await;
    let mut names: Vec<_> = servers.iter().map(|server| server.name.to_string()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn what_dns_said_is_good_for_as_long_as_it_said() {
    let dns = NameServer::start().unwrap();
    offer(&dns, "dc1.corp.example", 2);
    let discovery = discovery(&dns, false);
    assert_eq!(found(&discovery).await, ["ldaps://dc1.corp.example:636"]);
    let questions = dns.questions();
    dns.forget(SERVICE).unwrap();
    offer(&dns, "dc2.corp.example", 600);
    let started = Instant::now();
    discovery.refresh(WITHIN).await;
    assert_eq!(found(&discovery).await, ["ldaps://dc1.corp.example:636"]);
    assert_eq!(dns.questions(), questions);
    while found(&discovery).await != ["ldaps://dc2.corp.example:636"] {
        assert!(started.elapsed() < WITHIN);
        tokio::time::sleep(Duration::from_millis(50)).await;
        discovery.refresh(WITHIN).await;
    }
    assert!(started.elapsed() > Duration::from_secs(1));
}

#[tokio::test]
async fn what_is_known_stays_in_use_where_dns_fails() {
    let dns = NameServer::start().unwrap();
    offer(&dns, "dc1.corp.example", 0);
    let discovery = discovery(&dns, false);
    assert_eq!(found(&discovery).await.len(), 1);
    dns.silence(true);
    let started = Instant::now();
    discovery.refresh(Duration::from_millis(200)).await;
    assert_eq!(found(&discovery).await, ["ldaps://dc1.corp.example:636"]);
    assert!(started.elapsed() < WITHIN);
}

#[tokio::test]
async fn dns_is_not_asked_again_by_everybody_while_it_fails() {
    let dns = NameServer::start().unwrap();
    let discovery = discovery(&dns, false);
    let (servers, fault) = discovery.servers(WITHIN).await;
    assert!(servers.is_empty());
    assert!(fault.unwrap().contains("_ldap._tcp.dc._msdcs.corp.example"));
    let questions = dns.questions();
    let (_, fault) = discovery.servers(WITHIN).await;
    assert!(fault.is_some());
    assert_eq!(dns.questions(), questions);
}

#[tokio::test]
async fn hosts_outside_the_domain_are_taken_only_where_certificates_cannot_be_had_by_anybody() {
    let dns = NameServer::start().unwrap();
    offer(&dns, "dc1.corp.example", 600);
    offer(&dns, "dc1.attacker.example", 600);
    assert_eq!(found(&discovery(&dns, false)).await, ["ldaps://dc1.corp.example:636"]);
    assert_eq!(found(&discovery(&dns, true)).await.len(), 2);
}

#[tokio::test]
async fn a_service_that_is_not_to_be_had_has_no_servers() {
    let dns = NameServer::start().unwrap();
    dns.offer(SERVICE, (0, 0), ("", 0), 600).unwrap();
    assert!(found(&discovery(&dns, false)).await.is_empty());
}

#[tokio::test]
async fn a_site_whose_servers_cannot_be_found_costs_none_that_were() {
    const SITE: &str = "_ldap._tcp.Berlin._sites.dc._msdcs.corp.example";
    for trouble in [Trouble::Failure, Trouble::Refusal, Trouble::Silence] {
        let dns = NameServer::start().unwrap();
        offer(&dns, "dc1.corp.example", 600);
        dns.trouble(SITE, trouble).unwrap();
        let discovery = of_site(&dns, false, Site::Named("Berlin".to_owned()));
        let (servers, fault) = discovery.servers(Duration::from_secs(1)).await;
        assert_eq!((servers.len(), fault), (1, None), "{trouble:?}");
    }
}
