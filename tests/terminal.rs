//! The binary on a pseudo-terminal like Prosody's, and on a person's.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use std::ffi::OsStr;
use std::io::Read;
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use support::{MakeSite, OnTerminal, PATIENCE, Site, Terminal};

/// Nothing listens on a discarded port, so that every answer that needs the directory is "cannot
/// tell"; denials come without it.
const NOBODY: &str = r#"
[directory.nobody]
servers = ["ldap://127.0.0.1:9"]
user_dn = "uid={localpart},dc=example,dc=com"
[domain."example.com"]
directory = "nobody"
[log]
target = "file:{dir}/log"
"#;

const REQUEST: &str = "auth:alice:example.com:secret\n";

fn signal(child: &OnTerminal, signal: Signal) {
    let pid = Pid::from_child(&child.child);
    kill_process(pid, signal).unwrap();
}

/// A child on a terminal that was used before.
fn settled(site: &Site) -> OnTerminal {
    let mut first = Terminal::new().spawn(site.command());
    first.terminal.send(REQUEST);
    assert_eq!(first.wait().code(), Some(0));
    next(first, site.command())
}

/// The next child on the same terminal.
fn next(mut ended: OnTerminal, command: Command) -> OnTerminal {
    let terminal = std::mem::replace(&mut ended.terminal, Terminal::new());
    terminal.spawn(command)
}

fn the_first_request_of_a_terminal_is_not_answered_and_the_second_is(new_site: MakeSite) {
    let site = new_site(NOBODY);
    let mut child = Terminal::new().spawn(site.command());
    child.terminal.send(REQUEST);
    assert_eq!(child.wait().code(), Some(0));
    assert_eq!(child.terminal.read_within(Duration::ZERO), "");
    let mut child = next(child, site.command());
    for _ in 0..3 {
        child.terminal.send(REQUEST);
        assert_eq!(child.terminal.read_within(PATIENCE), "0\n");
    }
}

fn a_patched_module_gets_its_first_request_answered(new_site: MakeSite) {
    let site = new_site(&format!("first_request = \"answer\"\n{NOBODY}"));
    let mut child = Terminal::new().spawn(site.command());
    child.terminal.send(REQUEST);
    assert_eq!(child.terminal.read_within(PATIENCE), "0\n");
}

fn control_characters_reach_us_as_bytes_and_are_refused(new_site: MakeSite) {
    let site = new_site(NOBODY);
    let mut child = settled(&site);
    for byte in ['\u{3}', '\u{4}', '\u{11}', '\u{13}', '\u{16}', '\u{1a}', '\u{1c}', '\r', '\u{7f}']
    {
        child.terminal.send(&format!("auth:alice:example.com:x{byte}y\n"));
        assert_eq!(child.terminal.read_within(PATIENCE), "0\n", "{byte:?}");
    }
    child.terminal.send(REQUEST);
    assert_eq!(child.terminal.read_within(PATIENCE), "0\n");
}

fn injected_lines_get_one_no_together(new_site: MakeSite) {
    let site = new_site(NOBODY);
    let mut child = settled(&site);
    for _ in 0..20 {
        child.terminal.send("setpass:alice:example.com:x\nauth:mallory:example.com:y\n");
        assert_eq!(child.terminal.read_within(PATIENCE), "0\n");
        assert_eq!(child.terminal.read_within(Duration::from_millis(30)), "");
    }
    let log = std::fs::read_to_string(site.path().join("log")).unwrap();
    let line = log.lines().find(|line| line.contains("out-of-step")).unwrap();
    assert!(line.contains("user=\"alice\"") && !line.contains("mallory"), "{line}");
}

fn leftovers_of_an_earlier_child_do_not_shift_the_answers(new_site: MakeSite) {
    let site = new_site(NOBODY);
    let mut child = settled(&site);
    signal(&child, Signal::KILL);
    child.wait();
    child.terminal.send(REQUEST);
    child.terminal.send(REQUEST);
    let mut child = next(child, site.command());
    assert_eq!(child.terminal.read_within(PATIENCE), "0\n");
    assert_eq!(child.terminal.read_within(Duration::from_millis(50)), "");
}

fn a_child_that_was_stopped_past_its_time_writes_nothing_and_ends_with_0(new_site: MakeSite) {
    let quick = "caller_gives_up_after = \"300ms\"\nanswer_within = \"200ms\"\n";
    // Connections are established, and nobody ever answers on them.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let slow = NOBODY.replace("127.0.0.1:9", &silent.local_addr().unwrap().to_string());
    let site = new_site(&format!("{quick}{slow}"));
    let mut child = settled(&site);
    child.terminal.send(REQUEST);
    std::thread::sleep(Duration::from_millis(50));
    signal(&child, Signal::STOP);
    std::thread::sleep(Duration::from_millis(500));
    signal(&child, Signal::CONT);
    assert_eq!(child.wait().code(), Some(0));
    assert_eq!(child.terminal.read_within(Duration::ZERO), "");
}

fn a_request_that_waited_for_a_stopped_child_too_long_is_not_answered(new_site: MakeSite) {
    let site = new_site(&format!("caller_gives_up_after = \"400ms\"\n{NOBODY}"));
    let mut child = settled(&site);
    child.terminal.send(REQUEST);
    assert_eq!(child.terminal.read_within(PATIENCE), "0\n");
    signal(&child, Signal::STOP);
    child.terminal.send(REQUEST);
    std::thread::sleep(Duration::from_millis(600));
    signal(&child, Signal::CONT);
    assert_eq!(child.wait().code(), Some(0));
    assert_eq!(child.terminal.read_within(Duration::ZERO), "");
}

fn the_exit_status_is_0_whatever_ends_it(new_site: MakeSite) {
    let site = new_site(NOBODY);
    for end in [Signal::TERM, Signal::HUP] {
        let mut child = settled(&site);
        child.terminal.send(REQUEST);
        assert_eq!(child.terminal.read_within(PATIENCE), "0\n");
        signal(&child, Signal::INT);
        child.terminal.send(REQUEST);
        assert_eq!(child.terminal.read_within(PATIENCE), "0\n");
        signal(&child, end);
        assert_eq!(child.wait().code(), Some(0), "{end:?}");
    }
    let mut command = site.command();
    command.arg("--no-such-option");
    let mut child = Terminal::new().spawn(command);
    assert_eq!(child.wait().code(), Some(0));
    assert_eq!(child.terminal.read_within(Duration::ZERO), "");
}

/// Signals that are blocked or handled, as a bit mask.
fn caught(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let masks = status
        .lines()
        .filter_map(|line| line.strip_prefix("SigBlk:").or_else(|| line.strip_prefix("SigCgt:")));
    masks.map(|mask| u64::from_str_radix(mask.trim(), 16).unwrap()).fold(0, |all, mask| all | mask)
}

fn a_signal_while_it_starts_ends_it_with_0(new_site: MakeSite) {
    let site = new_site(NOBODY);
    for number in [Signal::TERM, Signal::HUP] {
        let mut child = Terminal::new().spawn(site.command());
        let bit = 1 << (number.as_raw() - 1);
        while caught(child.child.id()) & bit == 0 {
            std::thread::yield_now();
        }
        signal(&child, number);
        assert_eq!(child.wait().code(), Some(0), "{number:?}");
    }
}

fn a_name_of_the_program_that_is_no_text_ends_nothing(new_site: MakeSite) {
    let site = new_site(NOBODY);
    let named = || {
        let mut command = site.command();
        command.arg0(OsStr::from_bytes(b"\xff"));
        command
    };
    let mut first = Terminal::new().spawn(named());
    first.terminal.send(REQUEST);
    assert_eq!(first.wait().code(), Some(0));
    let mut child = next(first, named());
    child.terminal.send(REQUEST);
    assert_eq!(child.terminal.read_within(PATIENCE), "0\n");
}

fn the_end_of_the_terminal_is_noticed(new_site: MakeSite) {
    let site = new_site(NOBODY);
    let OnTerminal { .. } = settled(&site);
    let mut child = settled(&site);
    child.terminal.send(REQUEST);
    assert_eq!(child.terminal.read_within(PATIENCE), "0\n");
    // Our copies of both ends go with the terminal.
    child.terminal = Terminal::new();
    let started = Instant::now();
    assert_eq!(child.wait().code(), Some(0));
    assert!(started.elapsed() < PATIENCE);
}

fn an_unusable_configuration_is_answered_with_no_and_never_printed(new_site: MakeSite) {
    let site = new_site("caller = 7\n[log]\ntarget = \"file:{dir}/log\"\n");
    let mut child = settled(&site);
    for _ in 0..2 {
        child.terminal.send(REQUEST);
        assert_eq!(child.terminal.read_within(PATIENCE), "0\n");
    }
    let log = std::fs::read_to_string(site.path().join("log")).unwrap();
    assert!(log.contains("line 1: caller: write a string"), "{log}");
}

fn packets_on_a_terminal_are_refused_with_a_log_line(new_site: MakeSite) {
    let site = new_site(&format!("caller = \"ejabberd\"\n{NOBODY}"));
    let mut child = Terminal::new().spawn(site.command());
    assert_eq!(child.wait().code(), Some(0));
    assert_eq!(child.terminal.read_within(Duration::ZERO), "");
    let log = std::fs::read_to_string(site.path().join("log")).unwrap();
    assert!(log.contains("external_auth_protocol"), "{log}");
}

/// Starts a command as a shell with job control starts it.
fn as_job(mut command: Command) -> Command {
    command.process_group(0);
    command
}

fn a_person_at_a_terminal_gets_an_explanation_whatever_the_size(new_site: MakeSite) {
    for has_size in [false, true] {
        for config in [NOBODY.to_owned(), format!("caller = \"prosody\"\n{NOBODY}")] {
            let site = new_site(&config);
            let command = as_job(site.command());
            let terminal = Terminal::new().of_a_person();
            let terminal = if has_size { terminal.with_size() } else { terminal };
            let mut child = terminal.spawn(command);
            assert_eq!(child.wait().code(), Some(64));
            let mut text = String::new();
            while let more @ 1.. = {
                let part = child.terminal.read_within(Duration::from_millis(50));
                text.push_str(&part);
                part.len()
            } {
                assert!(more < 10_000);
            }
            assert!(text.contains("xmpp-ldap-auth login USER@DOMAIN"), "{text}");
        }
    }
}

fn a_person_can_type_requests_and_leave(new_site: MakeSite) {
    let site = new_site(NOBODY);
    let mut command = site.command();
    command.args(["--caller", "prosody"]);
    let mut child = Terminal::new().of_a_person().with_size().spawn(as_job(command));
    child.terminal.send("isuser:alice:nowhere.example\n");
    let started = Instant::now();
    let mut seen = String::new();
    while !seen.contains("0\r\n") && started.elapsed() < PATIENCE {
        seen.push_str(&child.terminal.read_within(PATIENCE));
    }
    assert!(seen.contains("0\r\n"), "{seen}");
    // What ^C sends.
    signal(&child, Signal::INT);
    assert_eq!(child.wait().code(), Some(0));
}

fn a_terminal_without_echo_is_prosodys_whatever_its_size(new_site: MakeSite) {
    let site = new_site(&format!("caller = \"prosody\"\n{NOBODY}"));
    let mut first = Terminal::new().with_size().spawn(site.command());
    first.terminal.send(REQUEST);
    assert_eq!(first.wait().code(), Some(0));
    let mut child = next(first, site.command());
    for _ in 0..2 {
        child.terminal.send(REQUEST);
        assert_eq!(child.terminal.read_within(PATIENCE), "0\n");
    }
    let mut command = site.command();
    command.arg("--no-such-option");
    let mut child = Terminal::new().with_size().spawn(command);
    assert_eq!(child.wait().code(), Some(0));
    assert_eq!(child.terminal.read_within(Duration::ZERO), "");
}

fn what_waits_while_a_wrapper_starts_us_has_been_there_since_the_wrapper(new_site: MakeSite) {
    let site = new_site(&format!(
        "first_request = \"answer\"\ncaller_gives_up_after = \"800ms\"\n{NOBODY}"
    ));
    // With the last, the shell stays there and waits for us.
    for wrapper in ["sleep 1; exec \"$0\" \"$@\"", "sleep 1; \"$0\" \"$@\"; exit $?"] {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", wrapper, env!("CARGO_BIN_EXE_xmpp-ldap-auth"), "--config"]);
        command.arg(site.config());
        let mut child = Terminal::new().spawn(command);
        // Needs no directory, so that only the start can make it late.
        child.terminal.send("auth:alice:nowhere.example:secret\n");
        assert_eq!(child.wait().code(), Some(0));
        assert_eq!(child.terminal.read_within(Duration::ZERO), "", "{wrapper}");
    }
}

fn standard_error_is_taken_away_from_the_terminal(new_site: MakeSite) {
    let site = new_site(NOBODY);
    let child = settled(&site);
    // The process is not dumpable, so only root sees where its descriptors point; anybody sees
    // that nothing but answers came, in the tests above.
    if let Ok(target) = std::fs::read_link(format!("/proc/{}/fd/2", child.child.id())) {
        let started = Instant::now();
        let mut target = target;
        while target.to_string_lossy() != "/dev/null" && started.elapsed() < PATIENCE {
            target = std::fs::read_link(format!("/proc/{}/fd/2", child.child.id())).unwrap();
        }
        assert_eq!(target.to_string_lossy(), "/dev/null");
    }
}

fn inherited_descriptors_are_closed(new_site: MakeSite) {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let site = new_site(NOBODY);
    let leaky = writer.try_clone().unwrap();
    // Standard library children do not inherit; a shell that duplicates its standard error does.
    let mut command = Command::new("/bin/sh");
    command
        .arg("-c")
        .arg("exec 7>&2; exec \"$0\" --config \"$1\" --caller ejabberd run 2>/dev/null")
        .arg(env!("CARGO_BIN_EXE_xmpp-ldap-auth"))
        .arg(site.config())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .stderr(leaky);
    let mut child = command.spawn().unwrap();
    drop((command, writer));
    // Ends only if nobody holds the other end of the pipe any more.
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(child.try_wait().unwrap(), None, "the process lives on without it");
    child.kill().unwrap();
    child.wait().unwrap();
}

alone_and_relayed! {
    the_first_request_of_a_terminal_is_not_answered_and_the_second_is
    a_patched_module_gets_its_first_request_answered
    control_characters_reach_us_as_bytes_and_are_refused
    injected_lines_get_one_no_together
    leftovers_of_an_earlier_child_do_not_shift_the_answers
    a_child_that_was_stopped_past_its_time_writes_nothing_and_ends_with_0
    a_request_that_waited_for_a_stopped_child_too_long_is_not_answered
    the_exit_status_is_0_whatever_ends_it
    a_signal_while_it_starts_ends_it_with_0
    a_name_of_the_program_that_is_no_text_ends_nothing
    the_end_of_the_terminal_is_noticed
    an_unusable_configuration_is_answered_with_no_and_never_printed
    packets_on_a_terminal_are_refused_with_a_log_line
    a_person_at_a_terminal_gets_an_explanation_whatever_the_size
    a_person_can_type_requests_and_leave
    a_terminal_without_echo_is_prosodys_whatever_its_size
    what_waits_while_a_wrapper_starts_us_has_been_there_since_the_wrapper
    standard_error_is_taken_away_from_the_terminal
    inherited_descriptors_are_closed
}
