//! A daemon in a throw-away directory, and clients that say to it whatever a test wants.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use ldap_fixtures::embedded::Embedded;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{PATIENCE, Site, wait_for_words};

/// A directory whose users are found by a search; `{servers}` stands for the server.
pub const CORP: &str = r#"
[directory.corp]
servers = ["{servers}"]
bind_dn = "cn=writer,ou=services,dc=example,dc=com"
bind_password_file = "{dir}/password"
base = "ou=people,dc=example,dc=com"
user_filter = "(uid={localpart})"
set_password = "exop"
[directory.corp.pool]
size = 64
[domain."example.com"]
directory = "corp"
"#;

/// Nothing listens on a discarded port.
pub const NOWHERE: &str = "ldap://127.0.0.1:9";

/// The text of a configuration with this server, for a directory as [`CORP`] has it.
pub fn corp(servers: &str) -> String {
    CORP.replace("{servers}", servers)
}

/// A site whose configuration is this, and where the directory of [`CORP`] finds its password.
pub fn site(config: &str) -> Site {
    let site = Site::new(config);
    site.secret("password", "writer-secret");
    site
}

/// A running daemon.
pub struct Daemon {
    pub site: Site,
    child: Child,
}

impl Daemon {
    /// Starts one that asks this server; `listen` is written as well.
    pub fn asking(server: &Embedded, listen: &str) -> Self {
        Self::start(site(&format!("{listen}\n{}", corp(&server.url()))))
    }

    /// Starts one, and waits until it answers.
    pub fn start(site: Site) -> Self {
        let mut daemon = Self::spawn(site, |_| {});
        daemon.ready();
        daemon
    }

    /// Starts one by a command that may be changed.
    pub fn spawn(site: Site, change: impl FnOnce(&mut Command)) -> Self {
        let child = Self::child(&site, change);
        Self { site, child }
    }

    /// Starts it once more, after its end.
    pub fn respawn(&mut self, change: impl FnOnce(&mut Command)) {
        self.child = Self::child(&self.site, change);
    }

    fn child(site: &Site, change: impl FnOnce(&mut Command)) -> Child {
        let log = File::options().append(true).create(true).open(site.path().join("log")).unwrap();
        let mut command = site.command();
        command.arg("daemon").stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        command.env("RUNTIME_DIRECTORY", site.path());
        change(&mut command);
        command.spawn().unwrap()
    }

    /// Waits until an administrator is answered.
    #[track_caller]
    pub fn ready(&mut self) {
        let start = Instant::now();
        while !UnixStream::connect(self.socket("control.sock")).is_ok_and(|mut stream| {
            let mut answer = String::new();
            stream.write_all(b"{\"command\":\"status\"}\n").is_ok()
                && stream.read_to_string(&mut answer).is_ok_and(|length| length > 0)
        }) {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "it ended with {ended:?}:\n{}", self.log());
            assert!(start.elapsed() < PATIENCE, "it does not answer:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// The path of a file in its directory.
    pub fn socket(&self, name: &str) -> PathBuf {
        self.site.path().join(name)
    }

    /// A client of the usual socket that has said hello.
    pub fn client(&self) -> Client {
        Client::greeting(&self.socket("auth.sock"))
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.site.path().join("log")).unwrap()
    }

    /// Waits for words in the log.
    #[track_caller]
    pub fn logs(&self, words: &str) {
        wait_for_words(words, || self.log());
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Its status, as the control socket tells it.
    pub fn status(&self) -> Value {
        let mut value = order(&self.socket("control.sock"), "{\"command\":\"status\"}");
        value["status"].take()
    }

    /// The status of the listener of this name.
    pub fn listener(&self, name: &str) -> Value {
        let mut status = self.status();
        let listeners = status["listeners"].as_array_mut().unwrap();
        listeners.iter_mut().find(|listener| listener["name"] == name).unwrap().take()
    }

    /// Waits until it works on a request.
    #[track_caller]
    pub fn is_asked(&self) {
        self.is_asked_through("auth");
    }

    /// Waits until it works on a request of this listener.
    #[track_caller]
    pub fn is_asked_through(&self, listener: &str) {
        let start = Instant::now();
        while self.listener(listener)["in_flight"] == 0 {
            assert!(start.elapsed() < PATIENCE, "it is asked nothing:\n{}", self.log());
        }
    }

    /// Waits until it ends by itself.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "it does not end:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Ends it as a service manager does.
    #[track_caller]
    pub fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait()
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the control socket answers to a line.
pub fn order(socket: &Path, line: &str) -> Value {
    let mut stream = UnixStream::connect(socket).unwrap();
    writeln!(stream, "{line}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    serde_json::from_str(&answer).unwrap()
}

/// A client of the native protocol.
pub struct Client {
    stream: BufReader<UnixStream>,
}

impl Client {
    /// One that says nothing by itself.
    #[track_caller]
    pub fn silent(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream: BufReader::new(stream) }
    }

    /// One that has said hello and was greeted.
    #[track_caller]
    pub fn greeting(socket: &Path) -> Self {
        let mut client = Self::silent(socket);
        client.say(r#"{"hello":1,"client":"test 1.0"}"#);
        let greeting = client.hear();
        assert_eq!(greeting["hello"], 1, "{greeting}");
        assert!(greeting["server"].as_str().unwrap().starts_with("xmpp-ldap-auth "));
        client
    }

    pub fn stream(&self) -> &UnixStream {
        self.stream.get_ref()
    }

    /// Writes bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.get_ref().write_all(bytes).unwrap();
    }

    /// Writes a line.
    pub fn say(&mut self, line: &str) {
        self.send(format!("{line}\n").as_bytes());
    }

    /// The next line.
    #[track_caller]
    pub fn hear(&mut self) -> Value {
        let line = self.line().unwrap_or_else(|| panic!("the connection was closed"));
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    /// The next line, or nothing at the end.
    #[track_caller]
    pub fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let length = self.stream.read_line(&mut line).unwrap();
        assert!(length == 0 || line.ends_with('\n'), "{line:?}");
        (length > 0).then_some(line)
    }

    /// Everything that still comes.
    #[track_caller]
    pub fn rest(&mut self) -> Vec<Value> {
        let lines = std::iter::from_fn(|| self.line());
        lines.map(|line| serde_json::from_str(&line).unwrap()).collect()
    }

    /// The verdict and the reason of the answer to a request of this id, which is the next line.
    #[track_caller]
    pub fn answer(&mut self, id: u64) -> String {
        let answer = self.hear();
        assert_eq!(answer["id"], id, "{answer}");
        words(&answer)
    }

    /// Asks, and gives the answer.
    #[track_caller]
    pub fn ask(&mut self, line: &str) -> String {
        self.say(line);
        let (_, id) = line.split_once("\"id\":").unwrap();
        let end = id.find(|c: char| !c.is_ascii_digit()).unwrap();
        self.answer(id[..end].parse().unwrap())
    }

    /// Whether nothing comes for so long.
    pub fn is_silent_for(&mut self, limit: Duration) -> bool {
        self.stream().set_read_timeout(Some(limit)).unwrap();
        let silent = self.stream.fill_buf().is_err();
        self.stream().set_read_timeout(Some(PATIENCE)).unwrap();
        silent
    }
}

/// `verdict reason`.
pub fn words(answer: &Value) -> String {
    format!("{} {}", answer["verdict"].as_str().unwrap(), answer["reason"].as_str().unwrap())
}

/// A sign-in that may take long.
pub fn auth(id: u64, user: &str, password: &str) -> String {
    request(id, "auth", user, password)
}

/// A request that may take long.
pub fn request(id: u64, verb: &str, user: &str, password: &str) -> String {
    serde_json::json!({
        "id": id, "verb": verb, "user": user, "domain": "example.com", "password": password,
        "within_ms": 20_000,
    })
    .to_string()
}
