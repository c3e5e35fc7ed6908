//! Servers of one directory that stand in for one another while they are written to.

use ldap_fixtures::process::wait_until;
use ldap_fixtures::samba::{self, Samba};
use ldap_fixtures::slapd::{BASE, Slapd, replicas};

use crate::load::{MIX, UNGUARDED, expect, recovers, right_until, send_mix};
use crate::support::Answer::{No, Yes};
use crate::support::{Adapter, Framing, PATIENCE, Site};
use crate::{Lookup, site};

const ALICE: &str = "uid=alice,ou=people,dc=example,dc=com";

#[test]
fn two_providers_that_replicate_each_other_stand_in_for_one_another() {
    let [mut one, mut other] = replicas::start().unwrap();
    let directory = "set_password = \"exop\"";
    let site = site(&[&one.url(), &other.url()], Lookup::Search, directory, UNGUARDED);
    let mut adapter = Adapter::start(&site, Framing::Packet);
    let carol = format!("uid=carol,ou=people,{BASE}");
    let mut old = "secret".to_owned();
    for round in 0..2 {
        let new = format!("changed-{round}");
        expect(&mut adapter, &format!("setpass:carol:example.com:{new}"), Yes);
        // Not by trying the new password, because a failure would be a change of the entry as well,
        // and later than this one.
        let version = |provider: &Slapd| provider.value(&carol, "entryCSN").unwrap();
        wait_until("the replication", PATIENCE, || version(&one) == version(&other)).unwrap();
        send_mix(&mut adapter, 50);
        one.kill();
        send_mix(&mut adapter, 50);
        for (request, expected) in std::iter::repeat_n(MIX, 100).flatten() {
            assert_eq!(adapter.answer(), expected, "{request}: {}", adapter.log());
        }
        expect(&mut adapter, &format!("auth:carol:example.com:{new}"), Yes);
        expect(&mut adapter, &format!("auth:carol:example.com:{old}"), No);
        one.restart().unwrap();
        let before = one.binds(ALICE);
        right_until(&mut adapter, "back at the first", || one.binds(ALICE) > before);
        expect(&mut adapter, &format!("auth:carol:example.com:{new}"), Yes);
        old = new;
    }
    other.stop();
    recovers(&mut adapter);
}

#[test]
fn two_domain_controllers_stand_in_for_one_another() {
    // Copies of one database: the same domain, without the replication that joining would add.
    let [first, second] = [(); 2].map(|()| Samba::start().unwrap());
    let site = Site::new(&format!(
        "[directory.corp]\npreset = \"samba\"\nservers = [\"{}\", \"{}\"]\nbase = \"{}\"\n\
         bind_dn = \"{}\"\nbind_password_file = \"{{dir}}/password\"\n\
         [directory.corp.tls]\nca_file = \"{{dir}}/ca.pem\"\n\
         [domain.\"example.com\"]\ndirectory = \"corp\"\n",
        first.ldaps_url(),
        second.ldaps_url(),
        samba::BASE,
        samba::READER,
    ));
    site.secret("password", samba::SERVICE_PASSWORD);
    let authorities = [&first, &second].map(|dc| std::fs::read_to_string(dc.ca()).unwrap());
    site.write("ca.pem", &authorities.concat());
    let mut adapter = Adapter::start(&site, Framing::Packet);
    let requests = [
        (format!("auth:alice:example.com:{}", samba::PASSWORD), Yes),
        ("auth:carol:example.com:Passw0rd.Wrong".to_owned(), No),
        ("isuser:nobody:example.com".to_owned(), No),
        ("isuser:bob:example.com".to_owned(), Yes),
    ];
    let mut first = Some(first);
    for round in 0..3 {
        for (request, _) in std::iter::repeat_n(&requests, 20).flatten() {
            adapter.send(request);
        }
        if round == 1 {
            first = None;
        }
        for (request, expected) in std::iter::repeat_n(&requests, 20).flatten() {
            assert_eq!(adapter.answer(), *expected, "{request}: {}", adapter.log());
        }
    }
    assert!(first.is_none());
    adapter.logs(&format!("server=\"{}\"", second.ldaps_url()));
}
