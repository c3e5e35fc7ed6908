//! OpenLDAP in a container: the same cases again.

use ldap_fixtures::container::ContainerSlapd;

use crate::cases;
use crate::support::Answer::{CannotTell, Yes};
use crate::support::{Adapter, Framing};
use crate::{Lookup, site};

#[test]
fn every_account_signs_in() {
    cases::every_account(&ContainerSlapd::start().unwrap().url());
}

#[test]
fn injections_find_nobody() {
    cases::injections(&ContainerSlapd::start().unwrap().url());
}

#[test]
fn passwords_are_changed_through_both_framings() {
    let slapd = ContainerSlapd::start().unwrap();
    for framing in Framing::BOTH {
        cases::password_changes(&slapd.url(), framing);
    }
}

#[test]
fn passwords_are_not_changed_by_default() {
    cases::password_changes_are_off_by_default(&ContainerSlapd::start().unwrap().url());
}

#[test]
fn a_restart_is_survived() {
    let mut slapd = ContainerSlapd::start().unwrap();
    let site = site(&[&slapd.url()], Lookup::Search, "", "");
    let mut adapter = Adapter::start(&site, Framing::Packet);
    assert_eq!(adapter.ask("auth:alice:example.com:secret"), Yes);
    slapd.stop();
    assert_eq!(adapter.ask("auth:alice:example.com:secret"), CannotTell);
    slapd.restart().unwrap();
    assert_eq!(adapter.ask("auth:alice:example.com:secret"), Yes);
}
