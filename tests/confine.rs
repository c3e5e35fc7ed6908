//! What the process gives up once it has started.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "support/mod.rs"]
mod support;

use std::fs::{self, File};
use std::io;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::Command;

use ldap_fixtures::process::wait_until;
use ldap_fixtures::tls::Authority;
use rustix::process::{getppid, test_kill_process};
use support::{Adapter, Answer, Framing, PATIENCE, Site};
use xmpp_ldap_auth::confine::{Confinement, confine};

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
    assert!(
        !adapter.log().contains(UNCONFINED),
        "this kernel has no Landlock, or it is switched off"
    );
    let status = std::fs::read_to_string(format!("/proc/{}/status", adapter.id())).unwrap();
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    let _elsewhere = point_elsewhere(&site, &adapter, "");
    adapter.logs("only in the directories that it knew at its start");
    adapter.logs("nothing has changed");
}

#[test]
fn it_reads_the_authorities_that_the_environment_names() {
    let elsewhere = Site::new("");
    let authority = Authority::create(elsewhere.path()).unwrap();
    fs::set_permissions(authority.certificate(), fs::Permissions::from_mode(0o644)).unwrap();
    let config = |trust: &str| {
        format!(
            "[directory.corp]\nservers = [\"ldaps://localhost:9\"]\nuser_dn = \"uid={{localpart}},dc=x\"\n\
             {trust}[domain.\"example.com\"]\ndirectory = \"corp\"\n"
        )
    };
    let site = Site::new(&config("tls.ca_file = \"{dir}/own.pem\"\n"));
    site.write("own.pem", &fs::read_to_string(authority.certificate()).unwrap());
    let site = site.with_variable("SSL_CERT_FILE", authority.certificate().to_str().unwrap());
    let adapter = Adapter::start(&site, Framing::Packet);
    adapter.logs("ready");
    // Of these the configuration named none when the process confined itself.
    site.write("config.toml", &config(""));
    let id = rustix::process::Pid::from_raw(adapter.id().try_into().unwrap()).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::HUP).unwrap();
    adapter.logs("read again and is in use");
    assert!(!adapter.log().contains("SSL_CERT_FILE"), "{}", adapter.log());
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
    wait_until("the log", PATIENCE, || written().contains("ready")).unwrap();
    std::fs::rename(&log, site.path().join("old.log")).unwrap();
    let id = rustix::process::Pid::from_raw(adapter.id().try_into().unwrap()).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::HUP).unwrap();
    while !written().contains("elsewhere.example") {
        assert_eq!(adapter.ask("isuser:alice:elsewhere.example"), Answer::No);
    }
}

/// Where the process is confined that [`what_is_confined_can_do_what_it_is_for_and_nothing_else`] starts.
const PLACE: &str = "CONFINED_IN";

/// What is tried by a process that is confined to these directories of a place, and whether it may.
fn trials(place: &std::path::Path) -> Vec<(&'static str, bool, bool, io::Result<()>)> {
    let path = |name: &str| place.join(name);
    let append = |name: &str| File::options().append(true).open(path(name)).map(drop);
    let abstract_name = SocketAddr::from_abstract_name(place.to_str().unwrap()).unwrap();
    let always = true;
    vec![
        ("read what is named", true, always, fs::read(path("named/file")).map(drop)),
        ("read what replaces it", true, always, fs::read(path("named/new")).map(drop)),
        ("read something else", false, always, fs::read(path("other/file")).map(drop)),
        ("write what is named", false, always, append("named/file")),
        ("make a file beside it", false, always, fs::write(path("named/more"), "")),
        ("remove what is named", false, always, fs::remove_file(path("named/file"))),
        ("write the log", true, always, append("log/log")),
        ("make a log", true, always, fs::write(path("log/more"), "")),
        ("write something else", false, always, append("other/file")),
        ("remove the socket", true, always, fs::remove_file(path("run/socket"))),
        ("start a program", false, always, Command::new("/bin/true").status().map(drop)),
        ("listen", false, false, TcpListener::bind("127.0.0.1:0").map(drop)),
        ("call what has no file", false, false, UnixStream::connect_addr(&abstract_name).map(drop)),
        (
            "signal its parent",
            false,
            false,
            test_kill_process(getppid().unwrap()).map_err(Into::into),
        ),
    ]
}

#[test]
#[ignore = "it cannot be undone, and is done in a process that another test starts"]
fn confined() {
    let place = PathBuf::from(std::env::var_os(PLACE).unwrap());
    let [named, log, socket] = ["named/file", "log/log", "run/socket"].map(|name| place.join(name));
    let done = confine([&*named].into_iter(), Some(&*log), &[socket], false).unwrap();
    assert_ne!(done, Confinement::None, "this kernel has no Landlock, or it is switched off");
    for (what, may, by_any_kernel, tried) in trials(&place) {
        if by_any_kernel || done == Confinement::Full {
            assert_eq!(tried.is_ok(), may, "{what}: {tried:?}");
        }
    }
}

#[test]
fn what_is_confined_can_do_what_it_is_for_and_nothing_else() {
    let place = tempfile::tempdir().unwrap();
    for file in ["named/file", "named/new", "other/file", "log/log", "run/socket"] {
        let path = place.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    let name = SocketAddr::from_abstract_name(place.path().to_str().unwrap()).unwrap();
    let _listener = UnixListener::bind_addr(&name).unwrap();
    // Without it, all of this can be done.
    for (what, _, _, tried) in trials(place.path()) {
        assert!(tried.is_ok() || what.contains("remove"), "{what}: {tried:?}");
    }
    for file in ["named/file", "run/socket"] {
        fs::write(place.path().join(file), "").unwrap();
    }
    fs::remove_file(place.path().join("named/more")).unwrap();
    fs::remove_file(place.path().join("log/more")).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "confined"]).env(PLACE, place.path());
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
}
