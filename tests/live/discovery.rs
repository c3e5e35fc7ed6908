//! Servers that are found in DNS: Samba's own, and one that says what a test wants.

use std::net::Ipv4Addr;

use ldap_fixtures::dns::NameServer;
use ldap_fixtures::samba::{BASE, PASSWORD, READER, SERVICE_PASSWORD, Samba};
use ldap_fixtures::slapd::{Options, Slapd, WRITER_DN, WRITER_PASSWORD};
use ldap_fixtures::tls::Authority;
use tempfile::TempDir;

use crate::support::Answer::{CannotTell, No, Yes};
use crate::support::{Adapter, Framing, Site};

/// `keys` are those about finding servers.
fn samba_site(samba: &Samba, keys: &str) -> Site {
    let site = Site::new(&format!(
        "[directory.corp]\npreset = \"samba\"\nbase = \"{BASE}\"\nbind_dn = \"{READER}\"\n\
         bind_password_file = \"{{dir}}/password\"\nnameservers = [\"{}\"]\n{keys}\n\
         [directory.corp.tls]\nca_file = {:?}\n[domain.\"example.com\"]\ndirectory = \"corp\"\n",
        samba.address(),
        samba.ca()
    ));
    site.secret("password", SERVICE_PASSWORD);
    site
}

#[test]
fn a_domain_controller_is_found_in_the_domains_own_dns() {
    let samba = Samba::shared().unwrap();
    for (keys, server) in [
        ("", "ldaps://dc1.example.com:636"),
        ("start_tls = true", "ldap://dc1.example.com:389"),
        ("discover_global_catalog = true", "ldaps://dc1.example.com:3269"),
        ("site = \"Default-First-Site-Name\"", "ldaps://dc1.example.com:636"),
        ("site = \"auto\"", "ldaps://dc1.example.com:636"),
        ("site = \"Elsewhere\"", "ldaps://dc1.example.com:636"),
    ] {
        let site = samba_site(&samba, &format!("discover = \"example.com\"\n{keys}"));
        let mut adapter = Adapter::start(&site, Framing::Packet);
        let answer = adapter.ask(&format!("auth:alice:example.com:{PASSWORD}"));
        assert_eq!(answer, Yes, "{keys}: {}", adapter.log());
        assert_eq!(adapter.ask("auth:alice:example.com:Passw0rd.Wrong"), No);
        assert_eq!(adapter.ask("isuser:nobody:example.com"), No);
        adapter.logs(server);
    }
}

#[test]
fn probe_shows_what_is_found_and_which_site_is_near() {
    let samba = Samba::shared().unwrap();
    for (site, found) in [
        ("auto", "near: dc1.example.com"),
        ("Default-First-Site-Name", "near: dc1.example.com"),
        ("Elsewhere", "dc1.example.com"),
    ] {
        let keys = format!("discover = \"example.com\"\nsite = \"{site}\"");
        let output = samba_site(&samba, &keys).command().arg("probe").output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{text}");
        assert!(text.contains("ldaps://dc1.example.com:636"), "{text}");
        assert!(
            text.lines().any(|line| line.contains("discover") && line.contains(found)),
            "{text}"
        );
        assert_eq!(text.contains("near:"), site != "Elsewhere", "{text}");
    }
}

#[test]
fn a_domain_that_dns_does_not_know_is_an_outage_that_says_so() {
    let samba = Samba::shared().unwrap();
    let site = samba_site(&samba, "discover = \"other.example.com\"");
    let mut adapter = Adapter::start(&site, Framing::Packet);
    assert_eq!(adapter.ask("isuser:alice:example.com"), CannotTell);
    adapter.logs("DNS has no servers for other.example.com");
    let output = site.command().arg("probe").output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("DNS has no servers"));
}

/// Two slapds with certificates for `ldap.example.com`, of which DNS can be told.
struct Pair {
    slapds: [Slapd; 2],
    dns: NameServer,
    authority: Authority,
    _directory: TempDir,
}

impl Pair {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::create(directory.path()).unwrap();
        let slapds = [(); 2].map(|()| {
            let tls = Some((authority.certificate().to_owned(), authority.good().unwrap()));
            Options { tls, require_tls: true, ..Options::default() }.start().unwrap()
        });
        let dns = NameServer::start().unwrap();
        dns.host("ldap.example.com", Ipv4Addr::LOCALHOST.into()).unwrap();
        Self { slapds, dns, authority, _directory: directory }
    }

    fn port(&self, index: usize) -> u16 {
        self.slapds[index].ldaps_address().port()
    }

    fn name(&self, index: usize) -> String {
        format!("ldaps://ldap.example.com:{}", self.port(index))
    }

    fn offer(&self, service: &str, priority: u16, index: usize) {
        let host = ("ldap.example.com", self.port(index));
        self.dns.offer(service, (priority, 0), host, 600).unwrap();
    }

    fn site(&self, keys: &str) -> Site {
        let site = Site::new(&format!(
            "[directory.corp]\nbase = \"dc=example,dc=com\"\nuser_filter = \"(uid={{localpart}})\"\n\
             bind_dn = \"{WRITER_DN}\"\nbind_password_file = \"{{dir}}/password\"\n\
             discover = \"example.com\"\nnameservers = [\"{}\"]\n{keys}\n\
             [directory.corp.tls]\nca_file = {:?}\n[domain.\"example.com\"]\ndirectory = \"corp\"\n",
            self.dns.address(),
            self.authority.certificate()
        ));
        site.secret("password", WRITER_PASSWORD);
        site
    }
}

#[track_caller]
fn signs_in_at(adapter: &mut Adapter, server: &str) {
    assert_eq!(adapter.ask("auth:alice:example.com:secret"), Yes, "{}", adapter.log());
    adapter.logs(&format!("reason=\"ok\" server=\"{server}\""));
}

#[test]
fn priorities_sites_and_plain_names_are_followed() {
    let pair = Pair::start();
    pair.offer("_ldap._tcp.example.com", 20, 0);
    pair.offer("_ldap._tcp.example.com", 10, 1);
    let site = pair.site("");
    signs_in_at(&mut Adapter::start(&site, Framing::Packet), &pair.name(1));
    // The name for domain controllers counts before the plain one.
    pair.offer("_ldap._tcp.dc._msdcs.example.com", 0, 0);
    let site = pair.site("");
    signs_in_at(&mut Adapter::start(&site, Framing::Line), &pair.name(0));
    pair.offer("_ldap._tcp.Berlin._sites.dc._msdcs.example.com", 30, 1);
    let site = pair.site("site = \"Berlin\"");
    signs_in_at(&mut Adapter::start(&site, Framing::Packet), &pair.name(1));
}

#[test]
fn the_next_server_answers_where_the_first_is_down() {
    let mut pair = Pair::start();
    pair.offer("_ldap._tcp.example.com", 1, 0);
    pair.offer("_ldap._tcp.example.com", 2, 1);
    pair.slapds[0].stop();
    let site = pair.site("");
    signs_in_at(&mut Adapter::start(&site, Framing::Packet), &pair.name(1));
}

#[test]
fn named_servers_are_the_last_resort() {
    let pair = Pair::start();
    let named = pair.slapds[0].ldaps_url();
    let site = pair.site(&format!("servers = [{named:?}]"));
    // DNS knows nothing, then answers nothing.
    signs_in_at(&mut Adapter::start(&site, Framing::Packet), &named);
    pair.dns.silence(true);
    signs_in_at(&mut Adapter::start(&site, Framing::Line), &named);
    pair.dns.silence(false);
    pair.offer("_ldap._tcp.example.com", 1, 1);
    let site = pair.site(&format!("servers = [{named:?}]"));
    signs_in_at(&mut Adapter::start(&site, Framing::Packet), &pair.name(1));
}
