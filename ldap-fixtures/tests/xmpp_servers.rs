//! That Prosody, ejabberd and the client are what the tests take them for, with a small program in
//! the adapter's place.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use ldap_fixtures::ejabberd::{Ejabberd, Options};
use ldap_fixtures::process::{speaks_xmpp, wait_until};
use ldap_fixtures::prosody::{Authentication, Prosody, Version};
use ldap_fixtures::slapd::Slapd;
use ldap_fixtures::stream::Stream;
use ldap_fixtures::xmpp::{Client, Outcome};
use rustix::process::Signal;
use tempfile::TempDir;

/// Knows alice and bob, whose passwords are "secret" until they are changed; refuses "short".
/// On a terminal that it sees for the first time it answers nothing, because that may still echo.
const PROGRAM: &str = r#"#!/usr/bin/python3
import os, sys, time
passwords = {b"alice": b"secret", b"bob": b"secret"}
seen = os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])), "seen")

def answer(request):
    verb, user, _, password = (request.split(b":", 3) + [b""])[:4]
    if verb == b"setpass":
        if user not in passwords or password == b"short":
            return None
        passwords[user] = password
        return True
    return user in passwords and (verb == b"isuser" or passwords[user] == password)

if os.isatty(0):
    if not os.path.exists(seen):
        open(seen, "w").close()
        os.read(0, 4096)
        sys.exit()
    while data := os.read(0, 4096):
        # As long as a directory takes; otherwise two replies may be read as one.
        time.sleep(0.05)
        for line in data.splitlines():
            os.write(1, b"1\n" if answer(line) else b"0\n")
else:
    while header := sys.stdin.buffer.read(2):
        verdict = answer(sys.stdin.buffer.read(int.from_bytes(header, "big")))
        os.write(1, b"\0\2\0" + {True: b"\1", False: b"\0", None: b"\2"}[verdict])
"#;

struct Program {
    _directory: TempDir,
    path: PathBuf,
}

fn program() -> Program {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("program");
    fs::write(&path, PROGRAM).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    Program { _directory: directory, path }
}

fn refused() -> Outcome {
    Outcome::NotSignedIn("not-authorized".to_owned())
}

fn signs_in_and_changes_passwords(client: Client) {
    let users = [("alice", "secret"), ("alice", "wrong"), ("nobody", "secret"), ("bob", "secret")];
    assert_eq!(
        client.logins(&users).unwrap(),
        [Outcome::Success, refused(), refused(), Outcome::Success]
    );
    assert_eq!(client.message("alice", "secret", "nobody").unwrap(), Outcome::Bounced);
    assert_eq!(client.message("alice", "secret", "bob").unwrap(), Outcome::Success);
    let change = client.change_password("bob", "secret", "short").unwrap();
    assert!(matches!(change, Outcome::Refused(_)), "{change:?}");
    assert_eq!(client.change_password("bob", "secret", "a:b").unwrap(), Outcome::Success);
    assert_eq!(client.login("bob", "secret").unwrap(), refused());
    assert_eq!(client.login("bob", "a:b").unwrap(), Outcome::Success);
}

#[test]
fn prosody_asks_its_program() {
    Version::ALL.into_iter().for_each(one_prosody_asks_its_program);
}

fn one_prosody_asks_its_program(version: Version) {
    let program = program();
    let mut prosody = Prosody::start(version, Authentication::Terminal(&program.path, 5)).unwrap();
    assert!(prosody.programs().is_empty());
    let client = Client::new(prosody.port());
    assert_eq!(client.login("alice", "secret").unwrap(), refused());
    signs_in_and_changes_passwords(client);
    let [old] = prosody.programs()[..] else { panic!("{:?}", prosody.programs()) };
    // The new terminal is new to the program too.
    fs::remove_file(program.path.with_file_name("seen")).unwrap();
    prosody.restart().unwrap();
    assert_eq!(client.login("alice", "secret").unwrap(), refused());
    assert_eq!(client.login("alice", "wrong").unwrap(), refused());
    assert_eq!(client.login("alice", "secret").unwrap(), Outcome::Success);
    assert_ne!(prosody.programs(), [old]);
    assert_eq!(prosody.stop(), 0);
    assert!(prosody.programs().is_empty());
    assert!(!speaks_xmpp(prosody.port()));
}

#[test]
fn prosody_does_not_replace_a_program_that_failed() {
    let program = program();
    let prosody =
        Prosody::start(Version::V0_12, Authentication::Terminal(&program.path, 5)).unwrap();
    let client = Client::new(prosody.port());
    assert_eq!(client.login("alice", "secret").unwrap(), refused());
    assert_eq!(client.login("alice", "secret").unwrap(), Outcome::Success);
    assert!(prosody.signal_child(Signal::KILL));
    for _ in 0..2 {
        assert_eq!(client.login("alice", "secret").unwrap(), refused());
    }
    assert!(prosody.programs().is_empty());
}

#[test]
fn prosody_takes_a_late_reply_for_the_next_one() {
    let program = program();
    let prosody =
        Prosody::start(Version::V0_12, Authentication::Terminal(&program.path, 2)).unwrap();
    let client = Client::new(prosody.port());
    assert_eq!(client.login("alice", "secret").unwrap(), refused());
    assert_eq!(client.login("alice", "secret").unwrap(), Outcome::Success);
    assert!(prosody.signal_child(Signal::STOP));
    assert_eq!(client.login("alice", "secret").unwrap(), refused());
    assert!(prosody.signal_child(Signal::CONT));
    // What the adapter has to prevent; a harness that cannot show it would prove nothing.
    let mallory = client.login("mallory", "wrong").unwrap();
    assert_eq!(mallory, Outcome::Success, "{}", prosody.log());
}

#[test]
fn ejabberd_asks_its_programs() {
    let program = program();
    // One, because the program keeps its passwords to itself.
    let mut ejabberd = Options { pool_size: 1, ..Options::default() }
        .start(program.path.to_str().unwrap())
        .unwrap();
    signs_in_and_changes_passwords(Client::new(ejabberd.port()));
    assert!(ejabberd.user_exists("bob").unwrap());
    assert!(!ejabberd.user_exists("nobody").unwrap());
    assert!(ejabberd.check_password("alice", "secret").unwrap());
    assert!(!ejabberd.check_password("alice", "wrong").unwrap());
    assert_eq!(ejabberd.stop(), 0);
    assert!(!speaks_xmpp(ejabberd.port()));
}

#[test]
fn ejabberd_runs_as_many_programs_as_it_was_told() {
    let program = program();
    let command = program.path.to_str().unwrap();
    let three = Options { pool_size: 3, use_cache: true, ..Options::default() };
    for (ejabberd, size) in
        [(Ejabberd::start(command).unwrap(), 2), (three.start(command).unwrap(), 3)]
    {
        wait_until("the programs", Duration::from_secs(5), || ejabberd.programs().len() == size)
            .unwrap();
    }
}

/// By a client that does without TLS.
fn sign_in(port: u16, user: &str, password: &str) -> Outcome {
    let mut stream = Stream::open_clear(port).unwrap();
    let outcome = stream.sign_in(user, password).unwrap();
    if outcome == Outcome::Success {
        stream.ping().unwrap();
    }
    outcome
}

#[test]
fn servers_ask_slapd_by_themselves() {
    let slapd = Slapd::start().unwrap();
    let prosody = Version::ALL.map(|version| {
        Prosody::start_bare(version, Authentication::Ldap(slapd.address())).unwrap()
    });
    let bare = Options { encrypted: false, ..Options::default() };
    let ejabberd = bare.start_ldap(slapd.address()).unwrap();
    for port in [prosody[0].port(), prosody[1].port(), ejabberd.port()] {
        assert_eq!(sign_in(port, "alice", "secret"), Outcome::Success);
        assert_eq!(sign_in(port, "alice", "wrong"), refused());
        assert_eq!(sign_in(port, "nobody", "secret"), refused());
    }
}

#[test]
fn prosody_lets_anybody_in() {
    for version in Version::ALL {
        let prosody = Prosody::start_bare(version, Authentication::Anybody).unwrap();
        assert_eq!(sign_in(prosody.port(), "nobody", "whatever"), Outcome::Success);
    }
}
