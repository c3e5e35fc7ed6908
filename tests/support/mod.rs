//! The real binary as its callers start it: on pipes and on a pseudo-terminal.

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    missing_docs,
    reason = "each test binary uses its part"
)]

mod terminal;

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tempfile::TempDir;

pub use self::terminal::{OnTerminal, Terminal};

/// Longer than any answer may take on a loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A configuration whose directory is a port on which nobody listens: every answer that needs it is
/// "cannot tell", and denials come without it.
pub const NOBODY: &str = r#"
[directory.nobody]
servers = ["ldap://127.0.0.1:9"]
user_dn = "uid={localpart},dc=example,dc=com"
[domain."example.com"]
directory = "nobody"
"#;

/// Waits for words in a log, whose lines are written behind what they tell of.
#[track_caller]
pub fn wait_for_words(words: &str, log: impl Fn() -> String) {
    let start = Instant::now();
    while !log().contains(words) {
        assert!(start.elapsed() < PATIENCE, "no {words:?} in {}", log());
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The binary under test.
pub fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xmpp-ldap-auth"));
    command.env_remove("XMPP_LDAP_AUTH_CONFIG");
    // Not that of the machine, which may be asked in place of a test's.
    command.env("RUNTIME_DIRECTORY", "/nonexistent");
    // So wide that each sentence is in one line.
    command.env("COLUMNS", "10000");
    command
}

/// A configuration in a throw-away directory.
pub struct Site {
    directory: TempDir,
    variables: Vec<(&'static str, String)>,
    /// What the binary with this configuration asks, if that is a relay.
    daemon: Option<Child>,
}

/// How a site is made: [`Site::new`], or [`Site::relayed`].
pub type MakeSite = fn(&str) -> Site;

/// Runs tests that take a [`MakeSite`] with a process that stands alone, and with a relay.
#[macro_export]
macro_rules! alone_and_relayed {
    ($($test:ident)*) => {
        mod alone {
            $(#[test] fn $test() { super::$test($crate::support::Site::new); })*
        }

        mod relayed {
            $(#[test] fn $test() { super::$test($crate::support::Site::relayed); })*
        }
    };
}

impl Site {
    /// A site with this configuration; `{dir}` in it stands for its directory.
    pub fn new(config: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let site = Self { directory, variables: Vec::new(), daemon: None };
        site.write("config.toml", config);
        site
    }

    /// A site whose binary is a relay, before a daemon that answers by this configuration.
    pub fn relayed(config: &str) -> Self {
        let mut of_caller: toml::Table = toml::from_str(config).unwrap();
        let mut of_daemon = toml::Table::new();
        for key in ["directory", "domain", "throttle", "cache"] {
            if let Some(value) = of_caller.remove(key) {
                of_daemon.insert(key.to_owned(), value);
            }
        }
        of_caller.insert("daemon".to_owned(), "{dir}/auth.sock".into());
        let mut site = Self::new(&of_caller.to_string());
        let daemon = site.write("daemon.toml", &of_daemon.to_string());
        let log = File::create(site.path().join("daemon.log")).unwrap();
        let mut command = binary();
        command.arg("--config").arg(daemon).arg("daemon").env("RUNTIME_DIRECTORY", site.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        site.daemon = Some(command.spawn().unwrap());
        let start = Instant::now();
        while UnixStream::connect(site.path().join("auth.sock")).is_err() {
            assert!(start.elapsed() < PATIENCE, "the daemon does not listen");
            std::thread::sleep(Duration::from_millis(2));
        }
        site
    }

    /// The same with a variable in the binary's environment.
    pub fn with_variable(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    pub fn config(&self) -> PathBuf {
        self.path().join("config.toml")
    }

    /// Writes a file, `{dir}` replaced.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, text.replace("{dir}", self.path().to_str().unwrap())).unwrap();
        path
    }

    /// Writes a file that only its owner can read.
    pub fn secret(&self, name: &str, text: &str) -> PathBuf {
        let path = self.write(name, text);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// The binary with this configuration.
    pub fn command(&self) -> Command {
        let mut command = binary();
        command.arg("--config").arg(self.config());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(daemon) = &mut self.daemon {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

/// The framing of a conversation over pipes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    Line,
    Packet,
}

impl Framing {
    pub const BOTH: [Self; 2] = [Self::Line, Self::Packet];

    pub fn caller(self) -> &'static str {
        match self {
            Self::Line => "prosody",
            Self::Packet => "ejabberd",
        }
    }

    pub fn frame(self, request: &[u8]) -> Vec<u8> {
        match self {
            Self::Line => [request, b"\n"].concat(),
            Self::Packet => {
                [&u16::try_from(request.len()).unwrap().to_be_bytes(), request].concat()
            }
        }
    }

    fn reply_length(self) -> usize {
        match self {
            Self::Line => 2,
            Self::Packet => 4,
        }
    }
}

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Yes,
    No,
    /// ejabberd's third value.
    CannotTell,
}

impl Answer {
    fn read(bytes: &[u8]) -> Self {
        match bytes {
            b"1\n" | [0, 2, 0, 1] => Self::Yes,
            b"0\n" | [0, 2, 0, 0] => Self::No,
            [0, 2, 0, 2] => Self::CannotTell,
            other => panic!("{other:?} is no reply"),
        }
    }
}

/// The binary on pipes, as ejabberd starts it.
pub struct Adapter {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    framing: Framing,
    log: PathBuf,
}

impl Adapter {
    /// Starts `run` for this site; the log goes to a file in it.
    pub fn start(site: &Site, framing: Framing) -> Self {
        let log = site.path().join(format!("{}.log", framing.caller()));
        let mut child = site
            .command()
            .args(["--caller", framing.caller(), "run"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::options().append(true).create(true).open(&log).unwrap())
            .spawn()
            .unwrap();
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().unwrap());
        Self { child, stdin, stdout, framing, log }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// The end of the log, for messages where it may be long.
    pub fn last_of_log(&self) -> String {
        let mut log = File::open(&self.log).unwrap();
        let length = log.metadata().unwrap().len();
        log.seek(SeekFrom::Start(length.saturating_sub(8192))).unwrap();
        let mut end = Vec::new();
        log.read_to_end(&mut end).unwrap();
        String::from_utf8_lossy(&end).into_owned()
    }

    /// Waits for words in the log, which is written behind the reply.
    #[track_caller]
    pub fn logs(&self, words: &str) {
        wait_for_words(words, || self.log());
    }

    /// Writes bytes as they are.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.stdin.as_mut().unwrap().write_all(bytes).unwrap();
    }

    /// Sends one request.
    pub fn send(&mut self, request: &str) {
        let frame = self.framing.frame(request.as_bytes());
        self.send_raw(&frame);
    }

    /// The next answer.
    pub fn answer(&mut self) -> Answer {
        let mut reply = vec![0; self.framing.reply_length()];
        let mut read = 0;
        while read < reply.len() {
            assert!(
                readable_within(&self.stdout, PATIENCE),
                "no reply; log:\n{}",
                self.last_of_log()
            );
            match self.stdout.read(&mut reply[read..]).unwrap() {
                0 => panic!("the process ended; log:\n{}", self.last_of_log()),
                length => read += length,
            }
        }
        Answer::read(&reply)
    }

    /// One request and its answer.
    pub fn ask(&mut self, request: &str) -> Answer {
        self.send(request);
        self.answer()
    }

    /// Whether anything was written within this time that nobody asked for.
    pub fn is_silent_for(&self, limit: Duration) -> bool {
        !readable_within(&self.stdout, limit)
    }

    /// Closes our end of standard input.
    pub fn close_input(&mut self) {
        self.stdin = None;
    }

    /// Closes standard input; gives every reply that was still to come and the exit status.
    pub fn finish(mut self) -> (Vec<Answer>, ExitStatus) {
        self.close_input();
        let mut rest = Vec::new();
        self.stdout.read_to_end(&mut rest).unwrap();
        let answers = rest.chunks(self.framing.reply_length()).map(Answer::read).collect();
        (answers, wait(&mut self.child))
    }

    /// Closes both of its streams, as a caller does that gave up; gives what is left to wait for.
    pub fn abandon(&mut self) -> &mut Child {
        self.close_input();
        let (_, closed) = std::io::pipe().unwrap();
        drop(std::mem::replace(&mut self.stdout, ChildStdout::from(OwnedFd::from(closed))));
        &mut self.child
    }

    /// Waits until the process ends by itself.
    pub fn wait(&mut self) -> ExitStatus {
        wait(&mut self.child)
    }
}

impl Drop for Adapter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wait(child: &mut Child) -> ExitStatus {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(started.elapsed() < PATIENCE, "the process does not end");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn readable_within(fd: impl AsFd, limit: Duration) -> bool {
    let mut fds = [PollFd::new(&fd, PollFlags::IN)];
    let limit = Timespec::try_from(limit).unwrap();
    poll(&mut fds, Some(&limit)).unwrap() > 0
}
