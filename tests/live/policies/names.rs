//! The cache of names.

use super::*;

fn remembering(slapd: &Slapd) -> (Site, Adapter) {
    let site = site(&[&slapd.url()], Lookup::Search, "", "[cache]\ndn_ttl = \"10m\"");
    let adapter = Adapter::start(&site, Framing::Packet);
    (site, adapter)
}

#[test]
fn a_second_sign_in_needs_no_search() {
    let slapd = Slapd::start().unwrap();
    let (_site, mut adapter) = remembering(&slapd);
    for _ in 0..5 {
        expect(&mut adapter, &sign_in("alice", "secret"), Yes);
    }
    assert_eq!((slapd.searches(BASE), binds(&slapd, "alice")), (1, 5));
    // A wrong password may be due to another name of the entry, but it has the same.
    expect(&mut adapter, &sign_in("alice", "wrong"), No);
    assert_eq!((slapd.searches(BASE), binds(&slapd, "alice")), (2, 6));
}

#[test]
fn a_renamed_entry_is_found_by_one_more_search() {
    let slapd = Slapd::start().unwrap();
    let (_site, mut adapter) = remembering(&slapd);
    expect(&mut adapter, &sign_in("alice", "secret"), Yes);
    slapd.rename(ALICE, "cn=renamed").unwrap();
    for _ in 0..3 {
        expect(&mut adapter, &sign_in("alice", "secret"), Yes);
    }
    assert_eq!(slapd.searches(BASE), 2);
    assert_eq!(binds(&slapd, "alice"), 2);
    assert_eq!(slapd.binds(&format!("cn=renamed,ou=people,{BASE}")), 3);
}

#[test]
fn an_entry_that_is_gone_is_nobodys() {
    let slapd = Slapd::start().unwrap();
    let (_site, mut adapter) = remembering(&slapd);
    expect(&mut adapter, &sign_in("alice", "secret"), Yes);
    slapd.delete(ALICE).unwrap();
    for _ in 0..2 {
        expect(&mut adapter, &sign_in("alice", "secret"), No);
    }
    adapter.logs("reason=\"unknown-user\"");
    assert_eq!(binds(&slapd, "alice"), 2);
}
