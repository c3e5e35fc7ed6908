//! The real daemon, with a real directory behind it.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use ldap_fixtures::embedded::Embedded;
use ldap_fixtures::process::free_port;
use rustix::process::{Pid, Signal, kill_process};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::sleep;

use crate::client::{Answer, Client};
use crate::support::{PATIENCE, Site};
use crate::{AUTHORIZATION, get, post};

const LISTEN: &str = r#"
log.level = "debug"
log.target = "file:{dir}/log"
[listen.chat]
http = "{dir}/http.sock"
credentials_file = "{dir}/credentials"
verbs = ["auth", "isuser", "setpass"]
[listen.watch]
metrics = "{dir}/metrics.sock"
"#;

const CORP: &str = r#"
[directory.corp]
servers = ["SERVER"]
bind_dn = "cn=reader,ou=services,dc=example,dc=com"
bind_password_file = "{dir}/password"
base = "ou=people,dc=example,dc=com"
user_filter = "(uid={localpart})"
set_password = "exop"
[directory.corp.write]
bind_dn = "cn=writer,ou=services,dc=example,dc=com"
bind_password_file = "{dir}/writer-password"
[domain."example.com"]
directory = "corp"
"#;

const RIGHT: &str = "/check_password?user=alice&server=example.com&pass=secret";

const WRONG: &str = "/check_password?user=alice&server=example.com&pass=hush-hush";

pub(crate) struct Daemon {
    pub(crate) site: Site,
    child: Child,
}

impl Daemon {
    /// Starts one that asks this server, and waits until it answers.
    pub(crate) async fn asking(url: &str) -> Self {
        Self::configured(&(LISTEN.to_owned() + &CORP.replace("SERVER", url))).await
    }

    /// The same on a port, which is told as well.
    pub(crate) async fn on_port(url: &str) -> (Self, u16) {
        // Between choosing a port and using it somebody else may take it.
        for _ in 0..4 {
            let port = free_port().unwrap();
            let listen = LISTEN.replace("{dir}/http.sock", &format!("127.0.0.1:{port}"));
            let text = listen + &CORP.replace("SERVER", url);
            let started = tokio::spawn(async move { Self::configured(&text).await });
            if let Ok(daemon) = started.await {
                return (daemon, port);
            }
        }
        panic!("no port can be had");
    }

    async fn configured(text: &str) -> Self {
        let site = Site::new(text);
        site.secret("password", "reader-secret");
        site.secret("writer-password", "writer-secret");
        site.secret("credentials", "prosody:s3cret\n");
        let child = site
            .command()
            .arg("daemon")
            .env("RUNTIME_DIRECTORY", site.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(site.path().join("errors")).unwrap())
            .spawn()
            .unwrap();
        let mut daemon = Self { site, child };
        let start = Instant::now();
        while !daemon.answers().await {
            let ended = daemon.child.try_wait().unwrap();
            assert!(ended.is_none(), "it ended with {ended:?}:\n{}", daemon.log());
            assert!(start.elapsed() < PATIENCE, "it does not answer:\n{}", daemon.log());
            sleep(Duration::from_millis(2)).await;
        }
        daemon
    }

    async fn answers(&self) -> bool {
        let Ok(stream) = UnixStream::connect(self.path("metrics.sock")).await else { return false };
        Client::new(stream).ask(plain("/healthz")).await.status > 0
    }

    fn path(&self, name: &str) -> PathBuf {
        self.site.path().join(name)
    }

    pub(crate) async fn client(&self) -> Client<UnixStream> {
        Client::new(UnixStream::connect(self.path("http.sock")).await.unwrap())
    }

    /// What whoever watches is told.
    pub(crate) async fn watch(&self, target: &str, fields: &str) -> Answer {
        let stream = UnixStream::connect(self.path("metrics.sock")).await.unwrap();
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
        self.signal(Signal::HUP);
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    async fn ended(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "it does not end:\n{}", self.log());
            sleep(Duration::from_millis(2)).await;
        }
    }

    pub(crate) fn log(&self) -> String {
        ["log", "errors"]
            .map(|name| fs::read_to_string(self.path(name)).unwrap_or_default())
            .concat()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn plain(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

#[tokio::test]
async fn a_client_that_keeps_its_connection_is_answered_by_the_directory() {
    let directory = Embedded::start().unwrap();
    let mut daemon = Daemon::asking(&directory.url()).await;
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
    assert_eq!(stranger.ask(plain(RIGHT)).await.status, 401);
    daemon.signal(Signal::TERM);
    assert!(client.next().await.is_none());
    assert!(daemon.ended().await.success(), "{}", daemon.log());
    let log = daemon.log();
    assert!(log.contains("user=\"alice\""), "{log}");
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
    let daemon = Daemon::asking(&directory.url()).await;
    let mut client = daemon.client().await;
    assert_eq!(client.ask(get(RIGHT)).await.brief(), (200, "true"));
    daemon.site.secret("credentials", "prosody:other\n");
    daemon.reload();
    let other = get(RIGHT).replace(AUTHORIZATION, "Authorization: Basic cHJvc29keTpvdGhlcg==\r\n");
    let start = Instant::now();
    while client.ask(&other).await.status == 401 {
        assert!(start.elapsed() < PATIENCE, "{}", daemon.log());
        sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(client.ask(get(RIGHT)).await.status, 401);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    fs::set_permissions(daemon.path("credentials"), mode).unwrap();
    daemon.reload();
    daemon.becomes(503, "listen.chat.credentials_file").await;
    assert_eq!(client.ask(&other).await.brief(), (200, "true"));
}

#[tokio::test]
async fn connections_without_a_request_leave_room_for_others() {
    let directory = Embedded::start().unwrap();
    let daemon = Daemon::asking(&directory.url()).await;
    let mut idle = Vec::new();
    for number in 0..600 {
        // Those beyond the backlog are not connected yet.
        let connecting = UnixStream::connect(daemon.path("http.sock"));
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
        match UnixStream::connect(daemon.path("http.sock")).await {
            Ok(stream) => break Client::new(stream),
            Err(error) => assert!(start.elapsed() < PATIENCE, "{error}"),
        }
        sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(client.ask(get(RIGHT)).await.brief(), (200, "true"));
    drop(idle);
}
