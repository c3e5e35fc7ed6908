//! What the process gives up once it has started.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "support/mod.rs"]
mod support;

use support::{Adapter, Answer, Framing, Site};

const UNCONFINED: &str = "this kernel has no Landlock";

fn config(top: &str, password: &str) -> String {
    format!(
        "{top}\n[directory.corp]\nservers = [\"ldap://127.0.0.1:9\"]\nuser_dn = \"uid={{localpart}},dc=x\"\n\
         bind_dn = \"cn=x\"\nbind_password_file = \"{password}\"\n[domain.\"example.com\"]\ndirectory = \"corp\"\n"
    )
}

fn started(top: &str) -> (Site, Adapter) {
    let site = Site::new(&config(top, "{dir}/password"));
    site.secret("password", "x");
    let mut adapter = Adapter::start(&site, Framing::Packet);
    assert_eq!(adapter.ask("isuser:alice:elsewhere.example"), Answer::No);
    (site, adapter)
}

/// Names a secret in another directory and tells the process to read it.
fn point_elsewhere(site: &Site, adapter: &Adapter, top: &str) -> Site {
    let elsewhere = Site::new("");
    let secret = elsewhere.secret("password", "y");
    site.write("config.toml", &config(top, secret.to_str().unwrap()));
    let id = rustix::process::Pid::from_raw(adapter.id().try_into().unwrap()).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::HUP).unwrap();
    elsewhere
}

#[test]
fn it_gains_no_rights_and_reads_only_where_it_was_told_to_at_its_start() {
    let (site, adapter) = started("");
    if adapter.log().contains(UNCONFINED) {
        return;
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", adapter.id())).unwrap();
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    let _elsewhere = point_elsewhere(&site, &adapter, "");
    adapter.logs("only in the directories that it knew at its start");
    adapter.logs("nothing has changed");
}

#[test]
fn it_can_be_told_not_to() {
    let (site, adapter) = started("confine = false");
    let _elsewhere = point_elsewhere(&site, &adapter, "confine = false");
    // It was read, and no server is there to try it.
    adapter.logs("the new configuration does not work");
}

#[test]
fn it_reads_what_a_link_leads_to() {
    let (site, elsewhere) = (Site::new(&config("", "{dir}/password")), Site::new(""));
    let secret = elsewhere.secret("password", "x");
    std::os::unix::fs::symlink(&secret, site.path().join("password")).unwrap();
    let mut adapter = Adapter::start(&site, Framing::Packet);
    assert_eq!(adapter.ask("isuser:alice:elsewhere.example"), Answer::No);
    elsewhere.secret("password", "yz");
    // It was read, and no server is there to try it.
    adapter.logs("the new configuration does not work");
}

#[test]
fn its_log_can_be_rotated() {
    let site = Site::new(&config("log.target = \"file:{dir}/own.log\"", "{dir}/password"));
    site.secret("password", "x");
    let mut adapter = Adapter::start(&site, Framing::Packet);
    let log = site.path().join("own.log");
    let written = || std::fs::read_to_string(&log).unwrap_or_default();
    assert_eq!(adapter.ask("isuser:alice:elsewhere.example"), Answer::No);
    assert!(written().contains("ready"));
    std::fs::rename(&log, site.path().join("old.log")).unwrap();
    let id = rustix::process::Pid::from_raw(adapter.id().try_into().unwrap()).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::HUP).unwrap();
    while !written().contains("elsewhere.example") {
        assert_eq!(adapter.ask("isuser:alice:elsewhere.example"), Answer::No);
    }
}
