//! Where the binary's log goes: to all kinds of places, none of which delays an answer.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ldap_fixtures::embedded::Embedded;
use rustix::process::{Pid, Signal, kill_process};
use support::Answer::{No, Yes};
use support::{Adapter, Framing, MakeSite, NOBODY, PATIENCE, Site};

/// A configuration whose requests need no directory.
fn config(target: &str) -> String {
    format!("{NOBODY}[log]\ntarget = \"{target}\"\n")
}

const REQUEST: &str = "isuser:alice:nowhere.example";

fn check(site: &Site) -> (Option<i32>, String) {
    let output = site.command().args(["--caller", "ejabberd", "check"]).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

fn a_name_of_the_protocols_stream_is_refused(new_site: MakeSite) {
    let site = new_site(&config("file:{dir}/link"));
    symlink("/dev/fd/1", site.path().join("other")).unwrap();
    symlink("other", site.path().join("link")).unwrap();
    let (code, text) = check(&site);
    assert_eq!(code, Some(78), "{text}");
    assert!(text.contains("log.target") && text.contains("replies"), "{text}");
    let mut adapter = Adapter::start(&site, Framing::Packet);
    adapter.send(REQUEST);
    adapter.send("auth:alice:example.com:secret");
    let (answers, _) = adapter.finish();
    assert_eq!(answers, [support::Answer::CannotTell; 2]);
}

fn a_log_file_that_is_removed_is_made_anew(new_site: MakeSite) {
    let site = new_site(&config("file:{dir}/log"));
    let mut adapter = Adapter::start(&site, Framing::Packet);
    let log = site.path().join("log");
    for _ in 0..2 {
        assert_eq!(adapter.ask(REQUEST), No);
        let start = Instant::now();
        while !std::fs::read_to_string(&log).is_ok_and(|log| log.contains("nowhere.example")) {
            assert!(start.elapsed() < PATIENCE, "no line");
            std::thread::yield_now();
        }
        std::fs::remove_file(&log).unwrap();
    }
}

/// Its lines would be read as the configuration, or as a password.
#[test]
fn a_file_that_is_read_is_no_place_for_a_log() {
    for (target, more) in [
        ("config.toml", ""),
        ("link", ""),
        ("password", "bind_dn = \"cn=x\"\nbind_password_file = \"{dir}/password\"\n"),
    ] {
        let config = config(&format!("file:{{dir}}/{target}"));
        let site = Site::new(&config.replacen("[domain", &format!("{more}[domain"), 1));
        let password = site.secret("password", "secret");
        symlink("config.toml", site.path().join("link")).unwrap();
        let read = || [&site.config(), &password].map(|path| std::fs::read(path).unwrap());
        let before = read();
        let (code, text) = check(&site);
        assert!(code == Some(78) && text.contains("log.target: this is"), "{text}");
        let mut adapter = Adapter::start(&site, Framing::Packet);
        assert_eq!(adapter.ask("auth:alice:example.com:x"), support::Answer::CannotTell);
        adapter.logs("log.target");
        assert_eq!(read(), before, "{target}");
    }
}

#[test]
fn check_says_what_is_no_place_for_a_log() {
    let site = Site::new(&config("file:{dir}/log"));
    let log = site.path().join("log");
    symlink("log", &log).unwrap();
    assert!(check(&site).1.contains("cannot be written to here"));
    std::fs::remove_file(&log).unwrap();
    std::fs::create_dir(&log).unwrap();
    assert!(check(&site).1.contains("cannot be written to here"));
}

#[test]
fn standard_error_that_is_the_same_pipe_as_standard_output_gets_no_line() {
    for target in ["auto", "stderr", "file:/dev/stderr", "file:/proc/self/fd/2"] {
        let site = Site::new(&config(target));
        let mut child = Command::new("/bin/sh")
            .args(["-c", "exec \"$0\" --config \"$1\" --caller ejabberd 2>&1"])
            .arg(env!("CARGO_BIN_EXE_xmpp-ldap-auth"))
            .arg(site.config())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        std::io::Write::write_all(&mut input, &Framing::Packet.frame(REQUEST.as_bytes())).unwrap();
        drop(input);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.stdout, [0, 2, 0, 0], "{target}");
    }
}

fn a_log_file_that_becomes_the_protocols_stream_is_not_reopened(new_site: MakeSite) {
    let site = new_site(&format!("confine = false\n{}", config("file:{dir}/log")));
    let log = site.path().join("log");
    let mut adapter = Adapter::start(&site, Framing::Packet);
    assert_eq!(adapter.ask(REQUEST), No);
    let rotated = site.path().join("log.1");
    std::fs::rename(&log, &rotated).unwrap();
    symlink("/proc/self/fd/1", &log).unwrap();
    hang_up(&adapter);
    let started = Instant::now();
    while !std::fs::read_to_string(&rotated).unwrap().contains("cannot be reopened") {
        assert!(started.elapsed() < PATIENCE);
        assert_eq!(adapter.ask(REQUEST), No);
    }
    let (rest, _) = adapter.finish();
    assert!(rest.is_empty(), "{rest:?}");
}

fn hang_up(adapter: &Adapter) {
    let pid = Pid::from_raw(i32::try_from(adapter.id()).unwrap()).unwrap();
    kill_process(pid, Signal::HUP).unwrap();
}

fn a_link_into_another_directory_can_be_rotated(new_site: MakeSite) {
    let other = tempfile::tempdir().unwrap();
    let site = new_site(&config("file:{dir}/log"));
    let real = other.path().join("real");
    symlink(&real, site.path().join("log")).unwrap();
    let mut adapter = Adapter::start(&site, Framing::Line);
    assert_eq!(adapter.ask(REQUEST), No);
    std::fs::rename(&real, other.path().join("real.1")).unwrap();
    hang_up(&adapter);
    let started = Instant::now();
    while !real.exists() {
        assert!(
            started.elapsed() < PATIENCE,
            "{}",
            std::fs::read_to_string(other.path().join("real.1")).unwrap()
        );
        assert_eq!(adapter.ask(REQUEST), No);
    }
}

#[test]
fn a_level_has_the_lines_of_itself_and_of_what_matters_more() {
    let lines = |level: &str| {
        let site = Site::new(&format!(
            "answer_within = \"500ms\"\n{}level = \"{level}\"\n",
            config("file:{dir}/log")
        ));
        let mut adapter = Adapter::start(&site, Framing::Line);
        assert_eq!(adapter.ask(REQUEST), No);
        // Nobody answers there.
        assert_eq!(adapter.ask("auth:alice:example.com:secret"), No);
        adapter.finish();
        let log = std::fs::read_to_string(site.path().join("log")).unwrap();
        [" ERROR ", " WARN ", " INFO ", " DEBUG "].map(|level| log.contains(level))
    };
    for (level, expected) in [
        ("error", [true, false, false, false]),
        ("warn", [true, true, false, false]),
        ("info", [true, true, true, false]),
        ("debug", [true; 4]),
    ] {
        assert_eq!(lines(level), expected, "{level}");
    }
}

/// The binary where the journal and syslog listen at these sockets, and nothing else does.
fn in_namespace(site: &Site, sockets: &Path) -> Command {
    const MOUNT: &str = r#"
        set -e
        mkdir -p "$0/dev" "$0/run"
        for device in null urandom; do
            : > "$0/dev/$device"
            mount --bind "/dev/$device" "$0/dev/$device"
        done
        if [ -e "$0/log" ]; then ln -s "$0/log" "$0/dev/log"; fi
        mount --rbind "$0/dev" /dev
        mkdir -p "$0/run/systemd/journal"
        if [ -e "$0/journal" ]; then ln -s "$0/journal" "$0/run/systemd/journal/socket"; fi
        mount --bind "$0/run" /run
        exec "$@"
    "#;
    let inner = site.command();
    let mut command = Command::new("unshare");
    command.args(["--mount", "--map-root-user", "sh", "-c", MOUNT]).arg(sockets);
    command.arg(inner.get_program()).args(inner.get_args()).args(["--caller", "prosody"]);
    command.env_remove("XMPP_LDAP_AUTH_CONFIG");
    command
}

/// A socket of a log that nobody reads yet.
fn socket(directory: &Path, name: &str) -> UnixDatagram {
    let path = directory.join(name);
    let socket = UnixDatagram::bind(&path).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn receive(socket: &UnixDatagram) -> Option<String> {
    let mut bytes = vec![0; 1 << 16];
    let length = socket.recv(&mut bytes).ok()?;
    Some(String::from_utf8(bytes[..length].to_vec()).unwrap())
}

/// How many lines nobody reads.
const ASKED: usize = 800;

#[test]
fn a_journal_or_syslog_that_does_not_read_delays_nothing_and_hears_what_it_missed() {
    for (name, target) in
        [("journal", "auto"), ("journal", "journald"), ("log", "auto"), ("log", "syslog")]
    {
        let directory = tempfile::tempdir().unwrap();
        let socket = socket(directory.path(), name);
        let site = Site::new(&config(target));
        let mut child = in_namespace(&site, directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (mut input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut replies = std::io::BufReader::new(output);
        let mut ask = || {
            std::io::Write::write_all(&mut input, format!("{REQUEST}\n").as_bytes()).unwrap();
            let mut reply = String::new();
            std::io::BufRead::read_line(&mut replies, &mut reply).unwrap();
            assert_eq!(reply, "0\n");
        };
        let started = Instant::now();
        // More than systemd makes room for, which sets net.unix.max_dgram_qlen to 512 (unix(7)).
        (0..ASKED).for_each(|_| ask());
        assert!(started.elapsed() < PATIENCE);
        // What there was room for; the next line finds room again.
        let is_lost = |line: &String| line.contains("log lines were lost");
        let mut heard = Vec::new();
        socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        while let Some(line) = receive(&socket) {
            heard.push(line);
        }
        assert!(heard.len() < ASKED - 200, "{} lines without a reader", heard.len());
        ask();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut line = receive(&socket).unwrap();
        if is_lost(&line) {
            heard.push(std::mem::replace(&mut line, receive(&socket).unwrap()));
        }
        assert!(heard.iter().any(is_lost), "{heard:?}");
        let is_journal = name == "journal";
        let begin =
            if is_journal { "MESSAGE=request verb=\"isuser\"" } else { "<38>xmpp-ldap-auth[" };
        assert!(line.starts_with(begin), "{line}");
        assert!(
            line.contains(r#"user="alice" domain="nowhere.example" verdict="denied""#),
            "{line}"
        );
        assert_eq!(line.contains("\nXMPP_LDAP_AUTH_USER=alice\n"), is_journal, "{line}");
        drop(input);
        child.wait().unwrap();
    }
}

/// A file system that can be made to hang; needs root.
struct Disk(tempfile::TempDir);

impl Disk {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let image = std::fs::File::create(directory.path().join("image")).unwrap();
        image.set_len(32 << 20).unwrap();
        let disk = Self(directory);
        disk.does("mkfs.ext4 -q image && mkdir disk && mount -o loop image disk");
        disk
    }

    #[track_caller]
    fn does(&self, what: &str) {
        let status = Command::new("sh").args(["-c", what]).current_dir(&self.0).status().unwrap();
        assert!(status.success(), "{what}");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let end = "fsfreeze --unfreeze disk 2> /dev/null; umount --lazy disk";
        let _ = Command::new("sh").args(["-c", end]).current_dir(&self.0).status();
    }
}

#[test]
fn a_disk_that_hangs_delays_nothing_and_what_it_does_not_take_is_told() {
    let disk = Disk::new();
    let log = disk.0.path().join("disk/log");
    // Of a directory that answers, nothing is told but the requests.
    let directory = Embedded::start().unwrap();
    let config = config(&format!("file:{}", log.display()))
        .replace("ldap://127.0.0.1:9", &directory.url())
        .replace("{localpart},", "{localpart},ou=people,");
    let site = Site::new(&config);
    let mut adapter = Adapter::start(&site, Framing::Packet);
    let sign_in = "auth:alice:example.com:secret";
    assert_eq!(adapter.ask(sign_in), Yes);
    disk.does("fsfreeze --freeze disk");
    site.write("config.toml", &config.replace("\"example.com\"", "\"other.example\""));
    hang_up(&adapter);
    // That the configuration was read again is told before there is no room any more.
    let mut asked = 2;
    while adapter.ask(sign_in) == Yes {
        asked += 1;
    }
    // More lines than wait for a disk.
    let more = 40_000;
    (0..more).for_each(|_| assert_eq!(adapter.ask(REQUEST), No));
    disk.does("fsfreeze --unfreeze disk");
    assert_eq!(adapter.ask(REQUEST), No);
    adapter.finish();
    // Beside those of the requests there is the line that tells of the end.
    let told = asked + more + 1 + 1;
    let text = std::fs::read_to_string(log).unwrap();
    let lost = text.lines().filter(|line| line.contains("log lines were lost"));
    let lost: usize =
        lost.filter_map(|line| line.split(' ').find_map(|it| it.parse::<usize>().ok())).sum();
    let is_written = |line: &&str| line.contains(" request ") || line.contains(" ending ");
    let written = text.lines().filter(is_written).count();
    assert!(lost > 0 && lost + written == told, "{lost} lost, {written} written, {told} told");
}

#[test]
fn prosody_reads_in_its_log_that_there_is_no_other_and_check_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let site = Site::new("caller = \"prosody\"\nfirst_request = \"answer\"\n");
    let mut child = support::Terminal::new().spawn(in_namespace(&site, directory.path()));
    child.terminal.send("auth:alice:example.com:secret\n");
    let reply = child.terminal.read_within(PATIENCE);
    assert!(reply.starts_with("error: cannot tell: misconfigured"), "{reply}");
    assert!(
        reply.contains("[log]") && reply.ends_with('\n') && reply.lines().count() == 1,
        "{reply}"
    );

    let directory = tempfile::tempdir().unwrap();
    let site = Site::new(&config("auto"));
    let output = in_namespace(&site, directory.path()).arg("check").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success() && text.contains("remark: log.target: the log will go to nowhere"),
        "{text}"
    );
}

alone_and_relayed! {
    a_name_of_the_protocols_stream_is_refused
    a_log_file_that_becomes_the_protocols_stream_is_not_reopened
    a_link_into_another_directory_can_be_rotated
    a_log_file_that_is_removed_is_made_anew
}
