//! A real ejabberd signs real clients in through the binary.

mod relays;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use ldap_fixtures::ejabberd::Ejabberd;
use ldap_fixtures::process::wait_until;
use ldap_fixtures::slapd::Slapd;
use ldap_fixtures::xmpp::{Client, Outcome};

use crate::cases::{own_password_only, refused};
use crate::{Lookup, site};

struct Stage {
    slapd: Slapd,
    ejabberd: Ejabberd,
    client: Client,
    _site: crate::support::Site,
}

fn stage() -> Stage {
    let slapd = Slapd::start().unwrap();
    let site = site(
        &[&slapd.url()],
        Lookup::Search,
        "set_password = \"exop\"",
        "caller = \"ejabberd\"\n---\n[log]\ntarget = \"file:{dir}/log\"\n",
    );
    let program =
        format!("{} --config {}", env!("CARGO_BIN_EXE_xmpp-ldap-auth"), site.config().display());
    let ejabberd = Ejabberd::start(&program).unwrap();
    let client = Client::new(ejabberd.port());
    Stage { slapd, ejabberd, client, _site: site }
}

#[test]
fn clients_sign_in_with_their_own_password_only() {
    let stage = stage();
    own_password_only(stage.client, ("bob", "secret"), || stage.ejabberd.log());
}

#[test]
fn passwords_are_changed_and_refused_changes_change_nothing() {
    let stage = stage();
    let client = stage.client;
    assert_eq!(client.change_password("bob", "secret", "new:pass wörd").unwrap(), Outcome::Success);
    assert_eq!(client.login("bob", "new:pass wörd").unwrap(), Outcome::Success);
    assert_eq!(client.login("bob", "secret").unwrap(), refused());
    // The directory wants eight characters of erin. ejabberd would take a plain "no" for success.
    let change = client.change_password("erin", "secret", "short").unwrap();
    assert!(matches!(change, Outcome::Refused(_)), "{change:?}");
    assert_eq!(client.login("erin", "short").unwrap(), refused());
    assert_eq!(client.login("erin", "secret").unwrap(), Outcome::Success);
}

#[test]
fn after_an_outage_the_users_still_exist() {
    let mut stage = stage();
    let client = stage.client;
    assert_eq!(client.login("alice", "secret").unwrap(), Outcome::Success);
    stage.slapd.stop();
    assert_eq!(client.login("alice", "secret").unwrap(), refused());
    // ejabberd would remember a "no" for an hour.
    assert!(!stage.ejabberd.user_exists("bob").unwrap());
    stage.slapd.restart().unwrap();
    assert!(stage.ejabberd.user_exists("bob").unwrap());
    assert!(stage.ejabberd.user_exists("alice").unwrap());
    assert!(!stage.ejabberd.user_exists("nobody").unwrap());
    assert_eq!(client.login("alice", "secret").unwrap(), Outcome::Success);
}

#[test]
fn an_unusable_configuration_does_not_bring_external_authentication_down() {
    let slapd = Slapd::start().unwrap();
    let site =
        site(&[&slapd.url()], Lookup::Search, "no_such_key = 1", "caller = \"ejabberd\"\n---\n");
    let program =
        format!("{} --config {}", env!("CARGO_BIN_EXE_xmpp-ldap-auth"), site.config().display());
    let ejabberd = Ejabberd::start(&program).unwrap();
    let client = Client::new(ejabberd.port());
    for _ in 0..3 {
        assert_eq!(client.login("alice", "secret").unwrap(), refused());
    }
    assert!(!ejabberd.log().contains("disconnected"), "{}", ejabberd.log());
}

#[test]
fn a_wrong_argument_is_survived_until_it_is_mended() {
    let slapd = Slapd::start().unwrap();
    let site = site(&[&slapd.url()], Lookup::Search, "", "caller = \"ejabberd\"\n---\n");
    let write_program = |arguments: &str| {
        let program = env!("CARGO_BIN_EXE_xmpp-ldap-auth");
        let new = site.write("new", &format!("#!/bin/sh\nexec {program} {arguments}\n"));
        fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).unwrap();
        let path = new.with_file_name("program");
        fs::rename(new, &path).unwrap();
        path
    };
    let path = write_program("--conf {dir}/config.toml");
    let ejabberd = Ejabberd::start(path.to_str().unwrap()).unwrap();
    let client = Client::new(ejabberd.port());
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(12) {
        assert_eq!(client.login("alice", "secret").unwrap(), refused());
    }
    assert!(!ejabberd.log().contains("reached_max_restart_intensity"), "{}", ejabberd.log());
    write_program("--config {dir}/config.toml");
    wait_until("a sign-in", Duration::from_secs(60), || {
        client.login("alice", "secret").unwrap() == Outcome::Success
    })
    .unwrap();
}
