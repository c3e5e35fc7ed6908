//! Passwords leave no trace: not in the process's memory when its connections are closed, not in its
//! log, and not in a core file.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::Stdio;

use ldap_fixtures::process::wait_until;
use ldap_fixtures::slapd::{Options, Slapd, WRITER_PASSWORD};
use ldap_fixtures::tls::Authority;
use tempfile::TempDir;

use crate::daemon::Daemon;
use crate::load::expect;
use crate::support::Answer::{No, Yes};
use crate::support::{Adapter, Answer, Framing, PATIENCE, Site};
use crate::{Lookup, site};

const ALICE: &str = "uid=alice,ou=people,dc=example,dc=com";

/// Nobody, on each system.
const NOBODY: u32 = 65534;

/// How a directory is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    Clear,
    StartTls,
    Ldaps,
}

impl Transport {
    const ALL: [Self; 3] = [Self::Clear, Self::StartTls, Self::Ldaps];
}

/// Passwords that nothing else can be taken for.
#[derive(Debug, Default)]
struct Passwords(Vec<String>);

impl Passwords {
    fn another(&mut self) -> String {
        let password: String = std::iter::repeat_with(fastrand::alphanumeric).take(48).collect();
        self.0.push(password.clone());
        password
    }

    /// Which of them are in there, if only a part that the memory's allocator would leave, and what
    /// stands before it.
    fn found_in(&self, bytes: &[u8]) -> Vec<(usize, String)> {
        const PART: usize = 16;
        let numbered = self.0.iter().enumerate();
        let parts: Vec<(usize, &[u8])> = numbered
            .flat_map(|(number, it)| it.as_bytes().chunks(PART).map(move |part| (number, part)))
            .collect();
        // Most bytes of a memory begin none.
        let mut begins = [false; 256];
        parts.iter().for_each(|(_, part)| begins[usize::from(part[0])] = true);
        let windows = bytes.windows(PART).enumerate();
        windows
            .filter(|(_, window)| begins[usize::from(window[0])])
            .filter_map(|(at, window)| {
                let (number, _) = parts.iter().find(|(_, part)| *part == window)?;
                let before = &bytes[at.saturating_sub(24)..at];
                Some((*number, before.escape_ascii().to_string()))
            })
            .collect()
    }
}

/// A part of a process's memory, with what it is for.
struct Region {
    name: String,
    bytes: Vec<u8>,
}

/// Everything that a process can have written.
fn memory(process: u32) -> Vec<Region> {
    let memory = File::open(format!("/proc/{process}/mem")).unwrap();
    let mut all = Vec::new();
    for line in fs::read_to_string(format!("/proc/{process}/maps")).unwrap().lines() {
        let mut fields = line.split_whitespace();
        let (range, access) = (fields.next().unwrap(), fields.next().unwrap());
        if !access.starts_with("rw") {
            continue;
        }
        let (start, end) = range.split_once('-').unwrap();
        let [start, end] = [start, end].map(|text| u64::from_str_radix(text, 16).unwrap());
        let mut region = vec![0; usize::try_from(end - start).unwrap()];
        // What lies behind the end of a mapped file cannot be read.
        if memory.read_exact_at(&mut region, start).is_ok() {
            let name = fields.last().unwrap_or("no file").to_owned();
            all.push(Region { name, bytes: region });
        }
    }
    all
}

fn sockets(process: u32) -> usize {
    fs::read_dir(format!("/proc/{process}/fd"))
        .unwrap()
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .filter(|target| target.to_string_lossy().starts_with("socket:"))
        .count()
}

/// A slapd, and a site that reaches it in this way and soon closes its connections.
struct Bed {
    slapd: Slapd,
    site: Site,
    _place: TempDir,
}

impl Bed {
    fn new(transport: Transport, tables: &str) -> Self {
        let place = tempfile::tempdir().unwrap();
        let authority = Authority::create(place.path()).unwrap();
        let tls = Some((authority.certificate().to_owned(), authority.good().unwrap()));
        let slapd = Options { tls, ..Options::default() }.start().unwrap();
        let (url, start_tls) = match transport {
            Transport::Clear => (slapd.url(), ""),
            Transport::StartTls => (slapd.url(), "start_tls = true\n"),
            Transport::Ldaps => (slapd.ldaps_url(), ""),
        };
        let directory = format!("{start_tls}set_password = \"exop\"\npool.idle = \"1s\"");
        let tls = match transport {
            Transport::Clear => String::new(),
            _ => format!("[directory.corp.tls]\nca_file = {:?}\n", authority.certificate()),
        };
        // The guard remembers what it is given, and lets all of it through.
        let guard = "[throttle]\nfailures = 1000\n";
        let tables = format!("[log]\nlevel = \"trace\"\n{guard}{tls}{tables}");
        let site = site(&[&url], Lookup::Search, &directory, &tables);
        Self { slapd, site, _place: place }
    }
}

/// Uses passwords in every way; each is in the result.
fn use_passwords(slapd: &Slapd, adapter: &mut Adapter, framing: Framing) -> Passwords {
    let mut passwords = Passwords::default();
    let right = passwords.another();
    slapd.set_password(ALICE, &right).unwrap();
    let (wrong, new) = (passwords.another(), passwords.another());
    let refused: Answer = match framing {
        Framing::Line => No,
        Framing::Packet => Answer::CannotTell,
    };
    for (request, expected) in [
        (format!("auth:alice:example.com:{right}"), Yes),
        (format!("auth:alice:example.com:{wrong}"), No),
        (format!("auth:alice:example.com:{wrong}"), No),
        (format!("setpass:alice:example.com:{new}"), Yes),
        (format!("auth:alice:example.com:{new}"), Yes),
        (format!("auth:alice:example.com:{new}"), Yes),
        (format!("auth:alice:example.com:{right}"), No),
        // Refused for each reason there is before the directory is asked, and by the directory.
        (format!("auth:alice:elsewhere.example:{}", passwords.another()), No),
        (format!("auth:nobody:example.com:{}", passwords.another()), No),
        (format!("auth:alice:example.com:{}\u{1}", passwords.another()), No),
        (format!("auth:dave:example.com:{}", passwords.another()), No),
        (format!("setpass:nobody:example.com:{}", passwords.another()), refused),
        (format!("tryregister:alice:example.com:{}", passwords.another()), No),
        (format!("removeuser3:alice:example.com:{}", passwords.another()), No),
        (format!("isuser:alice:example.com:{}", passwords.another()), No),
        (passwords.another(), No),
        (format!("auth:alice:example.com:{}{}", passwords.another(), "x".repeat(2000)), No),
    ] {
        expect(adapter, &request, expected);
    }
    // Several at once, so that they share buffers.
    let many: Vec<String> = (0..20).map(|_| passwords.another()).collect();
    for password in &many {
        adapter.send(&format!("auth:bob:example.com:{password}"));
    }
    for _ in &many {
        assert_eq!(adapter.answer(), No);
    }
    passwords
}

/// Uses passwords, and waits until the process that asks the directory has closed its connections.
fn use_and_close(
    slapd: &Slapd,
    adapter: &mut Adapter,
    framing: Framing,
    process: u32,
) -> Passwords {
    let before = sockets(process);
    let passwords = use_passwords(slapd, adapter, framing);
    let are_closed = || sockets(process) <= before;
    wait_until("the end of the connections", PATIENCE, are_closed).unwrap();
    passwords
}

/// Searches the process that asks the directory, and its log of each step.
#[track_caller]
fn holds_none(process: u32, log: &str, passwords: &Passwords, context: &str) {
    let memory = memory(process);
    // This one must be kept, so it shows that the search finds what is there.
    let kept = WRITER_PASSWORD.as_bytes();
    let holds = |region: &Region| region.bytes.windows(kept.len()).any(|window| window == kept);
    assert!(memory.iter().any(holds), "{context}");
    assert_free_of(&memory, passwords, context);
    assert!(log.contains("bind as the user"), "{context}: that is no log of each step");
    assert!(passwords.found_in(log.as_bytes()).is_empty(), "{context}: in the log");
    assert!(!log.contains(WRITER_PASSWORD), "{context}");
}

#[track_caller]
fn assert_free_of(memory: &[Region], passwords: &Passwords, context: &str) {
    for Region { name, bytes } in memory {
        let found = passwords.found_in(bytes);
        assert!(found.is_empty(), "{context}: in {name}: {found:#?}");
    }
}

fn leaves_no_trace(transport: Transport, framing: Framing, tables: &str) {
    let bed = Bed::new(transport, tables);
    let mut adapter = Adapter::start(&bed.site, framing);
    adapter.logs("ready");
    let process = adapter.id();
    let passwords = use_and_close(&bed.slapd, &mut adapter, framing, process);
    holds_none(process, &adapter.log(), &passwords, &format!("{transport:?} {framing:?}"));
}

fn daemon_leaves_no_trace(transport: Transport, framing: Framing) {
    let Bed { slapd, site, _place } = Bed::new(transport, "");
    let daemon = Daemon::start(site);
    let relay = daemon.relay(framing.caller());
    let mut adapter = Adapter::start(&relay, framing);
    // By then it has its connection, which stays.
    expect(&mut adapter, "auth:alice:elsewhere.example:secret", No);
    let passwords = use_and_close(&slapd, &mut adapter, framing, daemon.id());
    let context = format!("{transport:?} {framing:?}");
    holds_none(daemon.id(), &daemon.log(), &passwords, &format!("daemon, {context}"));
    assert_free_of(&memory(adapter.id()), &passwords, &format!("relay, {context}"));
    assert!(passwords.found_in(adapter.log().as_bytes()).is_empty(), "{context}");
}

#[test]
fn no_password_stays_in_memory_or_gets_into_a_log() {
    std::thread::scope(|scope| {
        for transport in Transport::ALL {
            for framing in Framing::BOTH {
                scope.spawn(move || leaves_no_trace(transport, framing, ""));
            }
        }
    });
}

#[test]
fn nor_in_the_memory_or_a_log_of_a_daemon_and_its_relay() {
    std::thread::scope(|scope| {
        for transport in Transport::ALL {
            for framing in Framing::BOTH {
                scope.spawn(move || daemon_leaves_no_trace(transport, framing));
            }
        }
    });
}

#[test]
fn nor_does_one_that_a_cache_knows() {
    for mode in ["ttl", "stale-if-unavailable"] {
        let cache = format!("[cache]\nmode = \"{mode}\"\ndn_ttl = \"10m\"");
        leaves_no_trace(Transport::Clear, Framing::Packet, &cache);
    }
}

#[test]
fn a_password_is_found_in_memory_while_it_is_needed() {
    let bed = Bed::new(Transport::Clear, "");
    let mut adapter = Adapter::start(&bed.site, Framing::Packet);
    expect(&mut adapter, "isuser:alice:example.com", Yes);
    bed.slapd.pause();
    let mut passwords = Passwords::default();
    adapter.send(&format!("auth:alice:example.com:{}", passwords.another()));
    let is_found = |region: &Region| !passwords.found_in(&region.bytes).is_empty();
    let finds = || memory(adapter.id()).iter().any(is_found);
    wait_until("a password in memory", PATIENCE, finds).unwrap();
    bed.slapd.resume();
    assert_eq!(adapter.answer(), No);
}

#[test]
fn a_process_writes_no_core_and_shows_its_memory_to_nobody() {
    let bed = Bed::new(Transport::Clear, "");
    fs::set_permissions(bed.site.path(), fs::Permissions::from_mode(0o755)).unwrap();
    std::os::unix::fs::chown(bed.site.path().join("password"), Some(NOBODY), None).unwrap();
    for (arguments, code) in [
        (&["--caller", "ejabberd", "run"][..], 0),
        (&["--caller", "ejabberd", "login", "--password-stdin", "alice@example.com"], 77),
    ] {
        let mut command = bed.site.command();
        command.args(arguments).uid(NOBODY).gid(NOBODY);
        // A daemon of this machine is none of theirs.
        command.env("RUNTIME_DIRECTORY", bed.site.path());
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let files = format!("/proc/{}", child.id());
        // A process that is not dumpable has files that belong to root, whoever it runs as.
        let are_roots = || fs::metadata(format!("{files}/mem")).unwrap().uid() == 0;
        wait_until("a memory that its user cannot read", PATIENCE, are_roots).unwrap();
        let status = fs::read_to_string(format!("{files}/status")).unwrap();
        assert!(status.contains(&format!("Uid:\t{NOBODY}\t{NOBODY}")), "{status}");
        let limits = fs::read_to_string(format!("{files}/limits")).unwrap();
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"]);
        drop(child.stdin.take());
        assert_eq!(child.wait().unwrap().code(), Some(code));
    }
}
