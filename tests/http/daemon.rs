//! The real daemon, with a real directory behind it.

use std::fs;
use std::time::{Duration, Instant};

use ldap_fixtures::embedded::Embedded;
use ldap_fixtures::process::free_port;
use ldap_fixtures::proxy::{Fault, Proxy};
use rustix::process::Signal;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::sleep;

use crate::client::{Answer, Client};
use crate::native::{self, auth, corp, request, site};
use crate::support::{PATIENCE, Site};
use crate::{AUTHORIZATION, get, post};

const LISTEN: &str = r#"
log.level = "debug"
[listen.chat]
http = "{dir}/http.sock"
credentials_file = "{dir}/credentials"
verbs = ["auth", "isuser", "setpass"]
[listen.watch]
metrics = "{dir}/metrics.sock"
[listen.auth]
socket = "{dir}/auth.sock"
verbs = ["auth", "isuser", "setpass"]
"#;

const RIGHT: &str = "/check_password?user=alice&server=example.com&pass=secret";

const WRONG: &str = "/check_password?user=alice&server=example.com&pass=hush-hush";

/// A daemon that is asked over HTTP, watched, and asked by the native protocol.
pub(crate) struct Daemon(pub(crate) native::Daemon);

fn written(text: &str) -> Site {
    let site = site(text);
    site.secret("credentials", "prosody:s3cret\n");
    site
}

impl Daemon {
    /// Starts one that asks this server, and waits until it answers.
    pub(crate) fn asking(url: &str) -> Self {
        Self::asking_also(url, "")
    }

    /// The same with more tables.
    pub(crate) fn asking_also(url: &str, tables: &str) -> Self {
        Self(native::Daemon::start(written(&format!("{LISTEN}{tables}{}", corp(url)))))
    }

    /// The same with a port, which is told as well.
    pub(crate) async fn on_port(url: &str) -> (Self, u16) {
        let corp = corp(url);
        // Between choosing a port and using it somebody else may take it.
        for _ in 0..4 {
            let port = free_port().unwrap();
            let listen = LISTEN.replace("{dir}/http.sock", &format!("127.0.0.1:{port}"));
            let site = written(&(listen + &corp));
            let started = tokio::task::spawn_blocking(|| native::Daemon::start(site)).await;
            if let Ok(daemon) = started {
                return (Self(daemon), port);
            }
        }
        panic!("no port can be had");
    }

    pub(crate) async fn client(&self) -> Client<UnixStream> {
        Client::new(UnixStream::connect(self.0.socket("http.sock")).await.unwrap())
    }

    /// What whoever watches is told.
    pub(crate) async fn watch(&self, target: &str, fields: &str) -> Answer {
        let stream = UnixStream::connect(self.0.socket("metrics.sock")).await.unwrap();
        let request = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n");
        Client::new(stream).ask(request).await
    }

    /// Waits until there is this at `/healthz`.
    pub(crate) async fn becomes(&self, status: u16, words: &str) {
        let start = Instant::now();
        loop {
            let answer = self.watch("/healthz", "").await;
            if answer.status == status && answer.body.contains(words) {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "{answer:?}\n{}", self.log());
            sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) fn reload(&self) {
        self.0.signal(Signal::HUP);
    }

    pub(crate) fn log(&self) -> String {
        self.0.log()
    }
}

fn plain(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

#[tokio::test]
async fn a_client_that_keeps_its_connection_is_answered_by_the_directory() {
    let directory = Embedded::start().unwrap();
    let mut daemon = Daemon::asking(&directory.url());
    let mut client = daemon.client().await;
    let change =
        |pass| post("/set_password", &format!("server=example.com&pass={pass}&user=alice"));
    let new = "/check_password?server=example.com&user=alice&pass=%F0%9F%98%80+%2b";
    for (request, status, body) in [
        (get(RIGHT), 200, "true"),
        (get(WRONG), 200, "false"),
        (get("/user_exists?user=alice&server=example.com&pass="), 200, "true"),
        (get("/user_exists?user=nobody&server=example.com&pass="), 200, "false"),
        (get("/user_exists?user=alice&server=other.example&pass="), 200, "false"),
        // As fusco does where a connection ended before the reply.
        (change("%F0%9F%98%80+%2B"), 204, ""),
        (change("%F0%9F%98%80+%2B"), 204, ""),
        (get(new), 200, "true"),
        (get(RIGHT), 200, "false"),
        (get("/get_password?user=alice&server=example.com&pass="), 403, "unsupported"),
    ] {
        let answer = client.ask(&request).await;
        assert_eq!(answer.brief(), (status, body), "{request}\n{}", daemon.log());
    }
    let mut stranger = daemon.client().await;
    for _ in 0..3 {
        assert_eq!(stranger.ask(plain(RIGHT)).await.status, 401);
    }
    daemon.0.signal(Signal::TERM);
    assert!(client.next().await.is_none());
    assert!(daemon.0.wait().success(), "{}", daemon.log());
    let log = daemon.log();
    assert!(log.contains("user=\"alice\""), "{log}");
    assert_eq!(log.matches("no credentials, or wrong ones").count(), 1, "{log}");
    for secret in ["hush", "pass=", "s3cret", "cHJv", "%F0", "\u{1f600}"] {
        assert!(!log.contains(secret), "{secret} is in {log}");
    }
}

#[tokio::test]
async fn a_port_of_this_machine_serves_as_a_socket_does() {
    let directory = Embedded::start().unwrap();
    let (daemon, port) = Daemon::on_port(&directory.url()).await;
    let mut client = Client::new(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
    assert_eq!(client.ask(get(RIGHT)).await.brief(), (200, "true"), "{}", daemon.log());
    assert_eq!(client.ask(plain(RIGHT)).await.status, 401);
}

#[tokio::test]
async fn other_credentials_count_after_a_reload_and_exposed_ones_never() {
    let directory = Embedded::start().unwrap();
    let daemon = Daemon::asking(&directory.url());
    let mut client = daemon.client().await;
    assert_eq!(client.ask(get(RIGHT)).await.brief(), (200, "true"));
    daemon.0.site.secret("credentials", "prosody:other\n");
    daemon.reload();
    let other = get(RIGHT).replace(AUTHORIZATION, "Authorization: Basic cHJvc29keTpvdGhlcg==\r\n");
    let start = Instant::now();
    while client.ask(&other).await.status == 401 {
        assert!(start.elapsed() < PATIENCE, "{}", daemon.log());
        sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(client.ask(get(RIGHT)).await.status, 401);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    fs::set_permissions(daemon.0.socket("credentials"), mode).unwrap();
    daemon.reload();
    daemon.becomes(503, "listen.chat.credentials_file").await;
    assert_eq!(client.ask(&other).await.brief(), (200, "true"));
}

#[tokio::test]
async fn connections_without_a_request_leave_room_for_others() {
    let directory = Embedded::start().unwrap();
    let daemon = Daemon::asking(&directory.url());
    let mut idle = Vec::new();
    for number in 0..600 {
        // Those beyond the backlog are not connected yet.
        let connecting = UnixStream::connect(daemon.0.socket("http.sock"));
        match tokio::time::timeout(Duration::from_millis(200), connecting).await {
            Ok(Ok(stream)) => idle.push(stream),
            Ok(Err(_)) | Err(_) => assert!(number > 200, "only {number} could connect"),
        }
        if idle.len() < number {
            break;
        }
    }
    let start = Instant::now();
    let mut client = loop {
        match UnixStream::connect(daemon.0.socket("http.sock")).await {
            Ok(stream) => break Client::new(stream),
            Err(error) => assert!(start.elapsed() < PATIENCE, "{error}"),
        }
        sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(client.ask(get(RIGHT)).await.brief(), (200, "true"));
    drop(idle);
}

#[tokio::test]
async fn an_answer_that_nobody_is_there_to_take_is_logged_as_one_that_was_not_told() {
    let directory = Embedded::start().unwrap();
    let address = directory.url().trim_start_matches("ldap://").parse().unwrap();
    let proxy = Proxy::start(address).unwrap();
    proxy.set(Fault::Delay(Duration::from_millis(500)));
    let daemon = Daemon::asking(&proxy.url());
    let mut client = daemon.client().await;
    client.send(get(RIGHT)).await;
    daemon.0.is_asked_through("chat");
    drop(client);
    daemon.0.logs("told=false");
    assert_eq!(daemon.0.listener("chat")["late_answers"], 1);
}

#[tokio::test]
async fn strangers_that_ask_leave_room_for_who_may_ask() {
    const PLACES: usize = 16;
    let directory = Embedded::start().unwrap();
    let most = format!("verbs = [\"auth\"]\nmax_connections = {PLACES}\n[listen.watch]");
    let listen =
        LISTEN.replace("verbs = [\"auth\", \"isuser\", \"setpass\"]\n[listen.watch]", &most);
    let daemon = Daemon(native::Daemon::start(written(&(listen + &corp(&directory.url())))));
    let mut admitted = daemon.client().await;
    assert_eq!(admitted.ask(get(RIGHT)).await.brief(), (200, "true"));
    let mut strangers = Vec::new();
    for _ in 1..PLACES {
        let mut stranger = daemon.client().await;
        assert_eq!(stranger.ask(plain(RIGHT)).await.status, 401);
        strangers.push(stranger);
    }
    let mut late = daemon.client().await;
    assert_eq!(late.ask(get(RIGHT)).await.brief(), (200, "true"));
    // The one that had tried for the longest time made room, and no other.
    assert!(strangers[0].next().await.is_none());
    assert_eq!(strangers[PLACES - 2].ask(plain(RIGHT)).await.status, 401);
    assert_eq!(admitted.ask(get(RIGHT)).await.brief(), (200, "true"));
}

#[tokio::test]
async fn one_guard_counts_for_every_listener() {
    let directory = Embedded::start().unwrap();
    let daemon = Daemon::asking_also(&directory.url(), "[throttle]\nfailures = 3\n");
    let (mut http, mut native) = (daemon.client().await, daemon.0.client());
    assert_eq!(http.ask(get(RIGHT)).await.brief(), (200, "true"));
    let before = directory.binds();
    let mut held = 0;
    for number in 0..8 {
        let target = RIGHT.replace("secret", &format!("http-{number}"));
        held += usize::from(http.ask(get(&target)).await.status == 400);
        let answer = native.ask(&auth(number + 1, "alice", &format!("native-{number}")));
        held += usize::from(answer == "unknown too-many-failures");
    }
    // The last is kept for the right password.
    assert_eq!(directory.binds() - before, 2, "{}", daemon.log());
    assert_eq!(held, 14);
    assert_eq!(http.ask(get(RIGHT)).await.brief(), (200, "true"));
    assert_eq!(native.ask(&auth(20, "alice", "http-0")), "no wrong-password");
    let answer = http.ask(post("/set_password", "user=alice&server=example.com&pass=http-0")).await;
    assert_eq!(answer.status, 204, "{}", daemon.log());
    assert_eq!(native.ask(&auth(21, "alice", "http-0")), "yes ok");
    assert_eq!(native.ask(&request(22, "setpass", "alice", "native-0")), "yes ok");
    let target = RIGHT.replace("secret", "native-0");
    assert_eq!(http.ask(get(&target)).await.brief(), (200, "true"));
}

#[tokio::test]
async fn a_wrong_configuration_is_told_where_it_can_be() {
    let directory = Embedded::start().unwrap();
    let text = LISTEN.to_owned() + &corp(&directory.url()).replace("exop", "somehow");
    let daemon = Daemon(native::Daemon::start(written(&text)));
    daemon.becomes(503, "directory.corp.set_password").await;
    let mut client = daemon.client().await;
    assert_eq!(client.ask(get(RIGHT)).await.brief(), (400, "misconfigured"));
    assert_eq!(client.ask(plain(RIGHT)).await.status, 401);
    daemon.0.site.write("config.toml", &text.replace("somehow", "exop"));
    daemon.reload();
    daemon.becomes(200, "ok").await;
}
