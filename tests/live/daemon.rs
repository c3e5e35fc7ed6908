//! A daemon, and all who may ask it: relays, HTTP and the native protocol.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use ldap_fixtures::process::{Process, wait_until};
use serde_json::{Value, json};

use crate::support::{PATIENCE, Site, wait_for_words};

/// Listeners of all kinds, to be written before the tables of a site.
pub const LISTEN: &str = "[listen.auth]\nsocket = \"{dir}/auth.sock\"\n\
    verbs = [\"auth\", \"isuser\", \"setpass\"]\n\
    [listen.http]\nhttp = \"{dir}/http.sock\"\ncredentials_file = \"{dir}/credentials\"\n";

/// One whose log and sockets lie in its site.
pub struct Daemon {
    site: Site,
    process: Process,
}

impl Daemon {
    /// Starts one for this site, whose configuration needs no listeners.
    pub fn start(site: Site) -> Self {
        let config = fs::read_to_string(site.config()).unwrap();
        site.write("config.toml", &format!("{config}\n{LISTEN}"));
        site.secret("credentials", "xmpp:asks\n");
        let process = spawn(&site);
        Self { site, process }
    }

    /// A site of relays for this one.
    pub fn relay(&self, caller: &str) -> Site {
        Site::new(&format!("daemon = {:?}\ncaller = \"{caller}\"\n", self.socket("auth.sock")))
    }

    /// Ends it, however much it is asked.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again after its end.
    pub fn restart(&mut self) {
        self.process = spawn(&self.site);
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Waits for words in the log.
    #[track_caller]
    pub fn logs(&self, words: &str) {
        wait_for_words(words, || self.log());
    }

    /// A client of the native protocol.
    pub fn native(&self) -> Native {
        let mut stream = BufReader::new(self.connect("auth.sock"));
        stream.get_mut().write_all(b"{\"hello\":1}\n").unwrap();
        let mut native = Native { stream };
        assert_eq!(native.hear()["hello"], 1);
        native
    }

    /// What a client of HTTP is told about a user's password: `true`, `false`, or why nobody knows.
    pub fn check_password(&self, user: &str, password: &str) -> String {
        let mut stream = self.connect("http.sock");
        // xmpp:asks, in Base64
        write!(
            stream,
            "GET /check_password?user={user}&server=example.com&pass={password} HTTP/1.1\r\n\
             Host: localhost\r\nAuthorization: Basic eG1wcDphc2tz\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split_once("\r\n\r\n").unwrap().1.trim().to_owned()
    }

    fn socket(&self, name: &str) -> PathBuf {
        self.site.path().join(name)
    }

    fn connect(&self, name: &str) -> UnixStream {
        let stream = UnixStream::connect(self.socket(name)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }
}

/// A client of the native protocol.
pub struct Native {
    stream: BufReader<UnixStream>,
}

impl Native {
    /// Sends a request of this number, whose answer comes whenever it is known.
    pub fn send(&mut self, id: usize, verb: &str, user: &str, password: &str) {
        let request = json!({
            "id": id, "verb": verb, "user": user, "domain": "example.com", "password": password,
            "within_ms": 20_000,
        });
        writeln!(self.stream.get_mut(), "{request}").unwrap();
    }

    /// The next line.
    pub fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    /// Asks, and gives the verdict.
    pub fn ask(&mut self, verb: &str, user: &str, password: &str) -> String {
        self.send(1, verb, user, password);
        self.hear()["verdict"].as_str().unwrap().to_owned()
    }
}

/// Starts it, and waits until it can be asked.
fn spawn(site: &Site) -> Process {
    let mut command = site.command();
    command.arg("daemon").env("RUNTIME_DIRECTORY", site.path());
    let process = Process::spawn(command, &site.path().join("daemon.log")).unwrap();
    // The last one that it makes.
    let listens = || UnixStream::connect(site.path().join("control.sock")).is_ok();
    let ready = wait_until("the daemon", PATIENCE, listens);
    assert!(ready.is_ok(), "{}", process.log());
    process
}
