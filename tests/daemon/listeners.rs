//! Where the daemon listens, and who may ask what there.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use ldap_fixtures::embedded::Embedded;
use ldap_fixtures::proxy::{Fault, Proxy};
use rustix::process::{Signal, getegid, geteuid, getgroups};
use serde_json::json;

use crate::client::{Client, Daemon, NOWHERE, auth, corp, request, site, words};
use crate::support::PATIENCE;

#[test]
fn each_listener_lets_through_what_it_may() {
    let server = Embedded::start().unwrap();
    let listen = "[listen.a]\nsocket = \"{dir}/a.sock\"\nverbs = [\"isuser\"]\n\
        [listen.b]\nsocket = \"{dir}/b.sock\"\ndomains = [\"Other.example\"]\n\
        [listen.c]\nsocket = \"{dir}/c.sock\"\ndomains = [\"EXAMPLE.com\"]\nmode = \"0600\"\n";
    let daemon = Daemon::asking(&server, listen);
    let client = |name| Client::greeting(&daemon.socket(name));
    assert_eq!(client("a.sock").ask(&auth(1, "alice", "secret")), "no not-allowed");
    assert_eq!(client("a.sock").ask(&request(1, "isuser", "alice", "")), "yes ok");
    assert_eq!(client("b.sock").ask(&auth(1, "alice", "secret")), "no unknown-domain");
    assert_eq!(client("c.sock").ask(&auth(1, "alice", "secret")), "yes ok");
    // "setpass" only by name.
    assert_eq!(client("c.sock").ask(&request(1, "setpass", "alice", "x")), "no not-allowed");
    let mode = std::fs::metadata(daemon.socket("c.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    assert!(!daemon.socket("auth.sock").exists());
    daemon.logs("listener=\"a\"");
}

#[test]
fn a_socket_is_given_to_its_group() {
    // Only root, or a member, can give a file to a group.
    let others = [getegid()].into_iter().chain(getgroups().unwrap());
    let member = others.map(|group| group.as_raw()).max().unwrap();
    let groups = std::fs::read_to_string("/etc/group").unwrap();
    let is_it = |line: &&str| match geteuid().is_root() {
        true => line.starts_with("daemon:"),
        false => line.split(':').nth(2) == Some(&member.to_string()),
    };
    let line = groups.lines().find(is_it).unwrap();
    let [name, _, group, ..] = line.split(':').collect::<Vec<_>>()[..] else { panic!("{line}") };
    let listen = format!("[listen.a]\nsocket = \"{{dir}}/a.sock\"\ngroup = \"{name}\"\n");
    let daemon = Daemon::start(site(&format!("{listen}{}", corp(NOWHERE))));
    assert_eq!(std::fs::metadata(daemon.socket("a.sock")).unwrap().gid().to_string(), group);
}

#[test]
fn only_processes_of_the_users_named_are_let_in() {
    let own = geteuid().as_raw();
    let listen = format!(
        "[listen.ours]\nsocket = \"{{dir}}/ours.sock\"\nusers = [{own}]\n\
         [listen.named]\nsocket = \"{{dir}}/named.sock\"\nusers = \"nobody\"\n\
         [listen.others]\nsocket = \"{{dir}}/others.sock\"\nusers = [\"nobody\", 64999]\n"
    );
    let daemon = Daemon::start(site(&format!("{listen}{}", corp(NOWHERE))));
    let mut ours = Client::greeting(&daemon.socket("ours.sock"));
    assert_eq!(ours.ask(&auth(1, "alice", "")), "no empty-password");
    for other in ["named.sock", "others.sock", "others.sock", "others.sock"] {
        let refused = Client::silent(&daemon.socket(other));
        let hello = refused.stream().write_all(b"{\"hello\":1}\n");
        // What is closed with something unread is reset.
        let read = refused.stream().read(&mut [0; 100]);
        assert!(hello.is_err() || matches!(read, Ok(0) | Err(_)), "{other}");
    }
    // Whoever comes again and again does not fill the log.
    assert_eq!(ours.ask(&auth(2, "marker", "")), "no empty-password");
    daemon.logs("marker");
    for name in ["named", "others"] {
        let told = |line: &&str| line.contains("may not connect") && line.contains(name);
        let log = daemon.log();
        assert_eq!(log.lines().filter(told).count(), 1, "{name}: {log}");
    }
}

#[test]
fn whoever_may_not_connect_any_more_is_answered_and_then_let_go() {
    let server = Embedded::start().unwrap();
    let proxy = Proxy::start(server.url().trim_start_matches("ldap://").parse().unwrap()).unwrap();
    proxy.set(Fault::Delay(Duration::from_millis(200)));
    let own = geteuid().as_raw();
    let config = |users: &[u32]| {
        format!(
            "[listen.auth]\nsocket = \"{{dir}}/auth.sock\"\nusers = {users:?}\n\
             [listen.open]\nsocket = \"{{dir}}/open.sock\"\n\
             [listen.web]\nhttp = \"{{dir}}/web.sock\"\nusers = {users:?}\n\
             credentials_file = \"{{dir}}/credentials\"\n{}",
            corp(&proxy.url())
        )
    };
    let site = site(&config(&[own, 64999]));
    site.secret("credentials", "prosody:s3cret\n");
    let daemon = Daemon::start(site);
    let (mut busy, mut idle) = (daemon.client(), daemon.client());
    let mut open = Client::greeting(&daemon.socket("open.sock"));
    let web = UnixStream::connect(daemon.socket("web.sock")).unwrap();
    web.set_read_timeout(Some(PATIENCE)).unwrap();
    let question = "GET /user_exists?user=alice&server=other.example HTTP/1.1\r\nHost: h\r\n\
        Authorization: Basic cHJvc29keTpzM2NyZXQ=\r\n\r\n";
    (&web).write_all(question.as_bytes()).unwrap();
    let mut reply = [0; 1000];
    let length = (&web).read(&mut reply).unwrap();
    assert!(reply.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&reply[..length]));
    busy.say(&auth(1, "alice", "secret"));
    daemon.is_asked();
    daemon.site.write("config.toml", &config(&[64999]));
    daemon.signal(Signal::HUP);
    assert_eq!(idle.rest(), [json!({ "bye": 1 })]);
    let told = busy.rest();
    let answer = told.iter().find(|told| told["id"] == 1);
    assert_eq!(answer.map(words).as_deref(), Some("yes ok"), "{told:?}");
    assert!(told.contains(&json!({ "bye": 1 })), "{told:?}");
    assert_eq!((&web).read(&mut reply).unwrap(), 0);
    assert_eq!(open.ask(&auth(1, "alice", "")), "no empty-password");
}

#[test]
fn one_connection_too_many_waits_until_another_ends() {
    let listen = "[listen.a]\nsocket = \"{dir}/a.sock\"\nmax_connections = 2\n";
    let daemon = Daemon::start(site(&format!("{listen}{}", corp(NOWHERE))));
    let path = daemon.socket("a.sock");
    let (first, _second) = (Client::greeting(&path), Client::greeting(&path));
    let mut third = Client::silent(&path);
    third.say("{\"hello\":1}");
    assert!(third.is_silent_for(Duration::from_millis(200)));
    assert_eq!(daemon.listener("a")["connections"], 2);
    drop(first);
    assert_eq!(third.hear()["hello"], 1);
}

#[test]
fn without_descriptors_accepting_pauses_and_nothing_dies() {
    let config = site(&corp(NOWHERE));
    let mut daemon = Daemon::spawn(config, |command| {
        in_shell(command, "ulimit -n 40; ");
    });
    daemon.ready();
    let mut first = daemon.client();
    let path = daemon.socket("auth.sock");
    let crowd: Vec<UnixStream> = (0..60).map(|_| UnixStream::connect(&path).unwrap()).collect();
    assert_eq!(first.ask(&auth(1, "alice", "")), "no empty-password");
    drop(crowd);
    assert_eq!(daemon.client().ask(&auth(1, "alice", "")), "no empty-password");
}

/// Lets a shell do something before it becomes the command.
fn in_shell(command: &mut Command, before: &str) {
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(format!("{before}exec \"$0\" \"$@\"")).arg(command.get_program());
    shell.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    *command = shell;
}

/// Passes two sockets as systemd does: from descriptor 3 on, with names.
pub fn pass(command: &mut Command, sockets: [&dyn AsFd; 2], names: &str) {
    let given = "exec 3<&0 4<&1 </dev/null >/dev/null; export LISTEN_PID=$$ LISTEN_FDS=2";
    in_shell(command, &format!("{given} LISTEN_FDNAMES={names}; "));
    let [first, second] = sockets.map(|it| it.as_fd().try_clone_to_owned().unwrap());
    command.stdin(first).stdout(second);
}

#[test]
fn sockets_of_systemd_are_listeners_of_their_names_and_outlive_the_daemon() {
    let server = Embedded::start().unwrap();
    let config = "[listen.b]\nsocket = \"systemd:second\"\nverbs = [\"isuser\"]\n";
    let site = site(&format!("{config}{}", corp(&server.url())));
    let paths = ["first.sock", "second.sock"].map(|name| site.path().join(name));
    let sockets = [&paths[0], &paths[1]].map(|path| UnixListener::bind(path).unwrap());
    let mut daemon = Daemon::spawn(site, |command| {
        pass(command, [&sockets[0], &sockets[1]], "prosody:second");
    });
    daemon.ready();
    let mut first = Client::greeting(&paths[0]);
    assert_eq!(first.ask(&auth(1, "alice", "secret")), "yes ok");
    let mut second = Client::greeting(&paths[1]);
    assert_eq!(second.ask(&auth(1, "alice", "secret")), "no not-allowed");
    assert_eq!(daemon.listener("prosody")["place"], "systemd:prosody");
    assert_eq!(daemon.listener("b")["place"], "systemd:second");
    assert!(!daemon.socket("auth.sock").exists());
    assert_eq!(daemon.stop().code(), Some(0));
    assert!(paths.iter().all(|path| path.exists()));
    // Who comes meanwhile waits in the backlog.
    let waiting = UnixStream::connect(&paths[0]).unwrap();
    drop((waiting, sockets));
}

#[test]
fn each_socket_of_a_name_is_listened_on_alike() {
    let site = site(&format!(
        "[listen.prosody]\nsocket = \"systemd:prosody\"\nmax_connections = 2\n{}",
        corp(NOWHERE)
    ));
    let paths = ["first.sock", "second.sock"].map(|name| site.path().join(name));
    let sockets = [&paths[0], &paths[1]].map(|path| UnixListener::bind(path).unwrap());
    let mut daemon = Daemon::spawn(site, |command| {
        pass(command, [&sockets[0], &sockets[1]], "prosody:prosody");
    });
    daemon.ready();
    let mut clients = paths.each_ref().map(|path| Client::greeting(path));
    for client in &mut clients {
        assert_eq!(client.ask(&auth(1, "alice", "")), "no empty-password");
    }
    assert_eq!(daemon.listener("prosody")["connections"], 2);
    let names = daemon.status()["listeners"].as_array().unwrap().len();
    assert_eq!(names, 2, "and that of administrators");
}

#[test]
fn what_systemd_passes_is_held_to_what_the_configuration_may_say() {
    const HTTP: &str = "http = \"systemd:web\"\ncredentials_file = \"{dir}/credentials\"\n";
    const METRICS: &str = "metrics = \"systemd:web\"\n";
    let directory = tempfile::tempdir().unwrap();
    let port = |address: &str| TcpListener::bind((address, 0)).unwrap();
    let (here, wide) = (port("127.0.0.1"), port("0.0.0.0"));
    let unix = UnixListener::bind(directory.path().join("socket")).unwrap();
    let (connection, _other) = UnixStream::pair().unwrap();
    let users = format!("{HTTP}users = [0]\n");
    let cases: [(&str, &str, &dyn AsFd, &str); 9] = [
        (HTTP, "web", &wide, "only this machine"),
        (METRICS, "web", &wide, "only this machine"),
        ("", "wide", &wide, "a port has no users"),
        ("", "here", &here, "a port has no users"),
        ("socket = \"systemd:web\"\n", "web", &here, "a port has no users"),
        (&users, "web", &here, "users: "),
        ("", "control", &unix, "FileDescriptorName="),
        ("control = \"/run/none/web.sock\"\n", "web", &unix, "FileDescriptorName="),
        ("", "web", &connection, "Accept=yes"),
    ];
    for (keys, name, passed, words) in cases {
        let listen = if keys.is_empty() { String::new() } else { format!("[listen.web]\n{keys}") };
        let site = site(&format!("{listen}{}", corp(NOWHERE)));
        site.secret("credentials", "prosody:s3cret\n");
        let log = site.path().join("log");
        let mut daemon = Daemon::spawn(site, |command| {
            pass(command, [passed, &unix], &format!("{name}:other"));
            command.stderr(File::options().append(true).open(log).unwrap());
        });
        assert_eq!(daemon.wait().code(), Some(78), "{name}: {keys}{}", daemon.log());
        let log = daemon.log();
        assert!(log.contains(words), "{name}: {keys}{log}");
    }
}

#[test]
fn mistakes_in_a_listener_are_named_by_check() {
    for (listen, words) in [
        ("control = \"systemd:x\"", "find the daemon by this path"),
        ("verbs = [\"auth\"]", "exactly one of"),
        ("socket = \"/run/a\"\ncontrol = \"/run/b\"", "exactly one of"),
        ("socket = \"a.sock\"", "whole path"),
        ("socket = \"systemd:\"", "name of the descriptor"),
        ("socket = \"systemd:x\"\nmode = \"0660\"", "SocketMode="),
        ("socket = \"systemd:x\"\ngroup = \"daemon\"", "SocketGroup="),
        ("socket = \"/run/a\"\nmode = \"0999\"", "octal"),
        ("socket = \"/run/a\"\nmode = 660", "string"),
        ("socket = \"/run/a\"\ngroup = \"no such group\"", "no group"),
        ("socket = \"/run/a\"\nusers = \"no such user\"", "no user"),
        ("socket = \"/run/a\"\nverbs = [\"login\"]", "write one of"),
        ("socket = \"/run/a\"\nverb = \"auth\"", "did you mean verbs"),
    ] {
        let site = site(&format!("[listen.a]\n{listen}\n{}", corp(NOWHERE)));
        let output = site.command().args(["--caller", "prosody", "check"]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(78), "{listen}: {text}");
        assert!(text.contains(words), "{listen}: {text}");
    }
}

#[test]
fn the_file_of_a_daemon_needs_no_caller_to_be_checked() {
    let listen = "[listen.a]\nsocket = \"/run/a\"\nusers = [0, \"root\"]\n";
    let site = site(&format!("{listen}{}", corp(NOWHERE)));
    let output = site.command().arg("check").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("listen.a.socket") && !text.contains("Prosody alone"), "{text}");
    assert!(!text.contains("ejabberd"), "{text}");
}
