//! What an administrator asks of the daemon.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::chown;
use std::os::unix::net::UnixListener;
use std::process::{Output, Stdio};
use std::time::Duration;

use ldap_fixtures::embedded::Embedded;
use ldap_fixtures::proxy::{Fault, Proxy};
use rustix::process::geteuid;
use serde_json::Value;

use crate::client::{CORP, Client, Daemon, NOWHERE, auth, corp, order, site};
use crate::support::{PATIENCE, Site};

/// What a command prints, and its exit code.
fn run(site: &Site, arguments: &[&str], input: &str) -> (Option<i32>, String) {
    let mut command = site.command();
    command.env("RUNTIME_DIRECTORY", site.path()).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    (status.code(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

#[test]
fn without_a_daemon_there_is_nobody_to_ask() {
    let site = site(&corp(NOWHERE));
    for arguments in [&["status"][..], &["status", "--json"], &["forgive", "alice@example.com"]] {
        let (code, text) = run(&site, arguments, "");
        assert_eq!(code, Some(69), "{arguments:?}: {text}");
        assert!(text.contains("no daemon runs here") && text.contains("control.sock"), "{text}");
    }
}

#[test]
fn a_configuration_that_cannot_be_read_does_not_tell_where_the_daemon_is() {
    let site = site("[listen.c]\ncontrol = \"{dir}/other.sock\"\nmode = \"rw\"\n");
    let (code, text) = run(&site, &["status"], "");
    assert!(code == Some(69) && !text.contains("no daemon runs"), "{text}");
    assert!(text.contains("the usual place") && text.contains("listen.c.mode"), "{text}");
    std::fs::remove_file(site.config()).unwrap();
    let (code, text) = run(&site, &["status"], "");
    assert!(code == Some(69) && text.contains("config.toml does not tell"), "{text}");
}

#[test]
fn status_shows_how_the_daemon_stands() {
    let server = Embedded::start().unwrap();
    let daemon = Daemon::asking(&server, "[cache]\nmode = \"ttl\"\n");
    let mut client = daemon.client();
    assert_eq!(client.ask(&auth(1, "alice", "secret")), "yes ok");
    assert_eq!(client.ask(&auth(2, "bob", "wrong")), "no wrong-password");
    let (code, text) = run(&daemon.site, &["status", "--json"], "");
    assert_eq!(code, Some(0), "{text}");
    let status: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(status["pid"], daemon.id());
    assert_eq!(status["configuration"]["problems"].as_array().unwrap().len(), 0);
    let auth = &status["listeners"][0];
    assert_eq!((&auth["name"], &auth["kind"]), (&"auth".into(), &"native".into()));
    assert_eq!((&auth["connections"], &auth["requests"]), (&1.into(), &2.into()));
    assert_eq!(status["directories"][0]["name"], "corp");
    assert_eq!(status["directories"][0]["state"], "up");
    assert_eq!(status["directories"][0]["servers"][0]["name"], server.url());
    assert_eq!(status["guard"]["accounts_with_failures"], 1);
    assert_eq!(status["guard"]["accounts_held"], 0);
    assert_eq!(status["caches"]["credentials"], 1);
    let (code, text) = run(&daemon.site, &["status"], "");
    assert_eq!(code, Some(0));
    for words in
        ["listener auth", "directory corp", &server.url(), "guard", "1 password\n", "all works"]
    {
        assert!(text.contains(words), "no {words:?} in {text}");
    }
}

#[test]
fn whoever_is_forgiven_may_try_again() {
    let server = Embedded::start().unwrap();
    let daemon = Daemon::asking(&server, "");
    let mut client = daemon.client();
    let forgive = || run(&daemon.site, &["forgive", "Alice@Example.com"], "");
    assert_eq!(
        forgive(),
        (Some(0), "alice@example.com: the guard held nothing against it\n".into())
    );
    for guess in ["1", "2", "3"] {
        assert_eq!(client.ask(&auth(1, "alice", guess)), "no wrong-password");
    }
    assert_eq!(client.ask(&auth(1, "alice", "secret")), "unknown too-many-failures");
    let (code, text) = forgive();
    assert!(code == Some(0) && text.contains("nothing against it any more"), "{text}");
    assert_eq!(client.ask(&auth(1, "alice", "secret")), "yes ok");
    for other in ["nobody@example.com", "alice@elsewhere.example"] {
        let (code, text) = run(&daemon.site, &["forgive", other], "");
        assert!(code == Some(0) && text.contains("held nothing"), "{other}: {text}");
    }
    assert_eq!(run(&daemon.site, &["forgive", "alice"], "").0, Some(64));
}

#[test]
fn whose_account_it_is_must_be_known_to_forgive() {
    let daemon = Daemon::start(site(&corp(NOWHERE)));
    let (code, text) = run(&daemon.site, &["forgive", "alice@example.com"], "");
    assert!(code == Some(69) && text.contains("no-server"), "{text}");
}

#[test]
fn login_goes_through_the_daemon_unless_told_otherwise() {
    let server = Embedded::start().unwrap();
    let daemon = Daemon::asking(&server, "");
    let login = |more: &[&str], password: &str| {
        let arguments = [&["--caller", "ejabberd", "login", "alice@example.com"], more].concat();
        run(&daemon.site, &[&arguments[..], &["--password-stdin"]].concat(), password)
    };
    let (code, text) = login(&[], "secret\n");
    assert!(code == Some(0) && text.contains("the daemon was asked"), "{text}");
    let (code, text) = login(&["--json"], "wrong");
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &answer["reason"]), (Some(77), &"wrong-password".into()));
    assert!(answer["daemon"].as_str().unwrap().ends_with("control.sock"));
    // The guard counts it.
    assert_eq!(daemon.status()["guard"]["accounts_with_failures"], 1);
    let (code, text) = login(&["--stand-alone"], "wrong again");
    assert!(code == Some(77) && text.contains("a daemon runs here"), "{text}");
    let explain = ["--caller", "ejabberd", "explain", "alice@example.com"];
    let (_, text) = run(&daemon.site, &explain, "");
    assert!(text.contains("a daemon runs here"), "{text}");
    let mut narrow = daemon.site.command();
    narrow.env("RUNTIME_DIRECTORY", daemon.site.path()).env("COLUMNS", "40").args(explain);
    let note = String::from_utf8(narrow.output().unwrap().stderr).unwrap();
    assert!(note.starts_with("note:") && note.lines().all(|line| line.len() <= 40), "{note}");
    let (_, text) = run(&daemon.site, &["--caller", "ejabberd", "probe"], "");
    assert!(text.contains("a daemon runs here"), "{text}");
    assert!(!daemon.log().contains("wrong again"));
}

#[test]
fn the_control_socket_is_where_the_configuration_says() {
    let config = CORP.replace("{servers}", NOWHERE);
    let listen =
        "[listen.admin]\ncontrol = \"{dir}/admin.sock\"\n[listen.a]\nsocket = \"{dir}/a.sock\"\n";
    let site = site(&format!("{listen}{config}"));
    let daemon = Daemon::spawn(site, |_| {});
    let start = std::time::Instant::now();
    while std::os::unix::net::UnixStream::connect(daemon.socket("admin.sock")).is_err() {
        assert!(start.elapsed() < crate::support::PATIENCE);
    }
    let (code, text) = run(&daemon.site, &["status"], "");
    assert!(code == Some(0) && text.contains("listener admin"), "{text}");
    assert!(!daemon.socket("control.sock").exists());
}

#[test]
fn nonsense_harms_nobody() {
    let daemon = Daemon::start(site(&corp(NOWHERE)));
    let control = daemon.socket("control.sock");
    for line in
        ["", "{}", "status", "{\"command\":\"stop\"}", "{\"command\":\"forgive\",\"jid\":7}"]
    {
        assert!(order(&control, line)["error"].is_string(), "{line}");
    }
    let answer = order(&control, "{\"command\":\"forgive\",\"jid\":\"no jid\"}");
    assert!(answer["error"].is_string());
    // Who says nothing is not waited for when it ends.
    let _silent = Client::silent(&control);
    let mut daemon = daemon;
    assert_eq!(daemon.stop().code(), Some(0));
}

#[test]
fn a_sign_in_whose_administrator_is_gone_is_logged_as_one_that_was_not_told() {
    let server = Embedded::start().unwrap();
    let proxy = Proxy::start(server.url().trim_start_matches("ldap://").parse().unwrap()).unwrap();
    proxy.set(Fault::Delay(Duration::from_millis(500)));
    let daemon = Daemon::start(site(&corp(&proxy.url())));
    let mut client = Client::silent(&daemon.socket("control.sock"));
    client.say(
        r#"{"command":"login","jid":"alice@example.com","password":"secret","within_ms":20000}"#,
    );
    daemon.is_asked_through("control");
    drop(client);
    daemon.logs("told=false");
}

/// However long it is typed: the daemon lets nobody stay who has no question.
#[test]
fn while_a_password_is_typed_the_daemon_is_not_connected_to() {
    let site = site(&corp(NOWHERE));
    let listener = UnixListener::bind(site.path().join("control.sock")).unwrap();
    let accept = || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        BufReader::new(stream)
    };
    let mut command = site.command();
    command.env("RUNTIME_DIRECTORY", site.path());
    command.args(["login", "--password-stdin", "alice@example.com"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut asked = String::new();
    // Whether a daemon runs here is asked first, and nothing else.
    assert_eq!(accept().read_line(&mut asked).unwrap(), 0);
    child.stdin.take().unwrap().write_all(b"secret\n").unwrap();
    let mut daemon = accept();
    daemon.read_line(&mut asked).unwrap();
    assert!(asked.contains("\"secret\""), "{asked}");
    daemon.get_mut().write_all(b"{\"verdict\":\"yes\",\"reason\":\"ok\"}\n").unwrap();
    drop(daemon);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn no_password_is_told_to_a_strangers_socket() {
    assert!(geteuid().is_root(), "only root gives a socket to a stranger: run these tests as root");
    let site = site(&corp(NOWHERE));
    let path = site.path().join("control.sock");
    let listener = UnixListener::bind(&path).unwrap();
    listener.set_nonblocking(true).unwrap();
    chown(&path, Some(65_533), None).unwrap();
    for arguments in [&["status"][..], &["login", "--password-stdin", "alice@example.com"]] {
        let (code, text) = run(&site, arguments, "secret");
        assert!(code != Some(0) && text.contains("65533"), "{arguments:?}: {text}");
    }
    assert!(listener.accept().is_err());
}

#[test]
fn a_writer_that_is_refused_keeps_nobody_from_signing_in() {
    let server = Embedded::start().unwrap();
    let listen = "[listen.auth]\nsocket = \"{dir}/auth.sock\"\nverbs = [\"auth\", \"setpass\"]\n";
    let write = "[directory.corp.write]\nbind_dn = \"cn=writer,ou=services,dc=example,dc=com\"\n\
        bind_password_file = \"{dir}/old\"\n";
    let site = site(&format!("{listen}{}{write}", corp(&server.url())));
    site.secret("old", "of yesterday");
    let daemon = Daemon::start(site);
    let mut client = daemon.client();
    let set = crate::client::request(1, "setpass", "alice", "new");
    assert_eq!(client.ask(&set), "unknown service-bind");
    assert_eq!(client.ask(&auth(2, "alice", "secret")), "yes ok");
    assert_eq!(daemon.status()["directories"][0]["state"], "up");
    let login =
        r#"{"command":"login","jid":"alice@example.com","password":"secret","within_ms":20000}"#;
    assert_eq!(order(&daemon.socket("control.sock"), login)["verdict"], "yes");
}
