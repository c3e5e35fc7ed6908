//! The units for systemd, by its own tools, and a daemon as they start it: by sockets that somebody
//! asks on, watched, and started again whenever it ends.

use std::ffi::OsString;
use std::fs;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use ldap_fixtures::embedded::Embedded;
use ldap_fixtures::process::{require, wait_until};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::client::{Client, Daemon, auth, corp, site};
use crate::listeners::pass;
use crate::support::{Adapter, Answer, Framing, PATIENCE, Site};

pub const SERVICE: &str = "xmpp-ldap-auth.service";
pub const SOCKET: &str = "xmpp-ldap-auth@.socket";
pub const INSTALLED: &str = "/usr/bin/xmpp-ldap-auth";

/// The exposure that systemd may find, of 100.
const EXPOSURE: u32 = 20;

/// The units in a throw-away directory, for the binary that is tested.
fn units() -> (TempDir, [PathBuf; 2]) {
    let directory = tempfile::tempdir().unwrap();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/systemd");
    let service = fs::read_to_string(examples.join(SERVICE)).unwrap();
    assert!(service.contains(&format!("ExecStart={INSTALLED} ")));
    let service = service.replace(INSTALLED, env!("CARGO_BIN_EXE_xmpp-ldap-auth"));
    let paths = [SERVICE, "xmpp-ldap-auth@prosody.socket"].map(|name| directory.path().join(name));
    fs::write(&paths[0], service).unwrap();
    fs::copy(examples.join(SOCKET), directory.path().join(SOCKET)).unwrap();
    fs::copy(examples.join(SOCKET), &paths[1]).unwrap();
    (directory, paths)
}

fn analyze(arguments: &[&str], units: &[PathBuf]) -> Output {
    let mut command = Command::new(require("systemd-analyze").unwrap());
    command.args(arguments).args(units).output().unwrap()
}

#[test]
fn systemd_finds_no_fault_with_the_units_and_little_that_they_expose() {
    let (_directory, units) = units();
    let Output { status, stdout, stderr } = analyze(&["verify"], &units);
    let said = String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned();
    // What it finds in the units of this machine is not ours.
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("xmpp-ldap-auth")).collect();
    assert!(status.success() && ours.is_empty(), "{status}: {said}");
    let security = ["security", "--offline=true", &format!("--threshold={EXPOSURE}")];
    let Output { status, stdout, stderr } = analyze(&security, &units[..1]);
    let said = String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned();
    assert!(status.success() && said.contains("Overall exposure level"), "{status}: {said}");
}

/// What systemd does besides: it keeps the sockets, and hears of the daemon.
struct Manager {
    sockets: [UnixListener; 2],
    hears: UnixDatagram,
}

impl Manager {
    fn new(site: &Site) -> Self {
        let sockets = NAMES.map(|name| UnixListener::bind(site.path().join(name)).unwrap());
        let hears = UnixDatagram::bind(site.path().join("notify")).unwrap();
        hears.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { sockets, hears }
    }

    /// Turns the command of a daemon into that of systemd's activator, which starts it when somebody
    /// asks.
    fn activate(&self, command: &mut Command) {
        let mut activator = Command::new(require("systemd-socket-activate").unwrap());
        let notify = self.hears.local_addr().unwrap();
        let mut socket = OsString::from("NOTIFY_SOCKET=");
        socket.push(notify.as_pathname().unwrap());
        activator.arg(format!("--fdname={}", NAMES.join(":")));
        activator.arg("-E").arg(socket).args(["-E", "WATCHDOG_USEC=150000"]);
        for (name, value) in command.get_envs() {
            let mut variable = name.to_owned();
            variable.push("=");
            variable.push(value.unwrap_or_default());
            activator.arg("-E").arg(variable);
        }
        activator.arg(command.get_program()).args(command.get_args());
        pass(&mut activator, [&self.sockets[0], &self.sockets[1]], "");
        *command = activator;
    }

    /// Waits until it was told this.
    #[track_caller]
    fn hears(&self, state: &str) {
        let mut said = [0; 4096];
        loop {
            let length =
                self.hears.recv(&mut said).unwrap_or_else(|error| panic!("{state}: {error}"));
            if String::from_utf8_lossy(&said[..length]).lines().any(|line| line == state) {
                return;
            }
        }
    }

    /// Forgets what it was told so far.
    fn forget(&self) {
        self.hears.set_nonblocking(true).unwrap();
        while self.hears.recv(&mut [0; 4096]).is_ok() {}
        self.hears.set_nonblocking(false).unwrap();
    }
}

const NAMES: [&str; 2] = ["prosody", "ejabberd"];

/// A relay that asks without a pause until all is over; each answer must be the right one.
fn ask_on(relay: &Site, is_over: &AtomicBool, answered: &AtomicUsize) {
    let mut adapter = Adapter::start(relay, Framing::Packet);
    while !is_over.load(Ordering::SeqCst) {
        for (password, expected) in [("secret", Answer::Yes), ("yesterdays", Answer::No)] {
            let answer = adapter.ask(&format!("auth:alice:example.com:{password}"));
            assert_eq!(answer, expected, "{}", adapter.log());
            answered.fetch_add(1, Ordering::SeqCst);
        }
    }
}

#[test]
fn a_restart_loses_no_request() {
    const RESTARTS: usize = 10;
    let server = Embedded::start().unwrap();
    let site = site(&corp(&server.url()));
    let manager = Manager::new(&site);
    let paths = NAMES.map(|name| site.path().join(name));
    let relays: Vec<Site> = paths
        .iter()
        .cycle()
        .take(4)
        .map(|path| Site::new(&format!("daemon = {path:?}\ncaller = \"ejabberd\"\n")))
        .collect();
    let answered: Vec<_> = relays.iter().map(|_| AtomicUsize::new(0)).collect();
    let mut daemon = Daemon::spawn(site, |command| manager.activate(command));
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for (relay, answered) in relays.iter().zip(&answered) {
            let is_over = &is_over;
            scope.spawn(move || ask_on(relay, is_over, answered));
        }
        let end = OnDrop(&is_over);
        for restart in 0..RESTARTS {
            manager.hears("READY=1");
            manager.hears("WATCHDOG=1");
            // Who lost the connection twice would be told that.
            let before: Vec<_> = answered.iter().map(|it| it.load(Ordering::SeqCst)).collect();
            let all_were_answered = || {
                let now = answered.iter().map(|it| it.load(Ordering::SeqCst));
                now.zip(&before).all(|(now, before)| now > before + 1)
            };
            wait_until("an answer for each", PATIENCE, all_were_answered).unwrap();
            if restart % 2 == 0 {
                assert_eq!(daemon.stop().code(), Some(0));
                manager.hears("STOPPING=1");
            } else {
                daemon.signal(Signal::KILL);
                assert!(!daemon.wait().success());
            }
            manager.forget();
            // They ask while there is no daemon, and so does one that comes new.
            let mut waiting = Client::silent(&paths[restart % 2]);
            waiting.say("{\"hello\":1}");
            waiting.say(&auth(1, "bob", "secret"));
            daemon.respawn(|command| manager.activate(command));
            assert_eq!(waiting.hear()["hello"], 1);
            assert_eq!(waiting.answer(1), "yes ok", "{}", daemon.log());
        }
        drop(end);
    });
    assert_eq!(daemon.stop().code(), Some(0));
    assert!(paths.iter().all(|path| path.exists()));
}

/// Ends the threads of a test whatever becomes of it.
struct OnDrop<'a>(&'a AtomicBool);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
