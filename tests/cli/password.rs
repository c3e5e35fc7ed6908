//! A password that is asked for at a terminal.

use super::*;

/// Starts a shell on a terminal of its own, which runs `login` as `"$@"`, and waits for the question.
fn asked_for_a_password(site: &Site, script: &str) -> OnTerminal {
    // Whoever started the tests in the background may have had signals of the keyboard ignored.
    let mut command = Command::new("env");
    command.args(["--default-signal", "setsid", "--ctty", "/bin/sh", "-c", script, "sh"]);
    command.arg(env!("CARGO_BIN_EXE_xmpp-ldap-auth"));
    command.arg("--config").arg(site.config());
    command.args(["--caller", "ejabberd", "login", "alice@example.com"]);
    let mut child = Terminal::new().of_a_person().spawn(command);
    shows(&mut child, QUESTION);
    child
}

fn shows(child: &mut OnTerminal, expected: &str) {
    let mut seen = String::new();
    while !seen.contains(expected) {
        let part = child.terminal.read_within(PATIENCE);
        assert!(!part.is_empty(), "no {expected:?} in {seen:?}");
        seen.push_str(&part);
        assert!(!seen.contains("tops3cret"), "{seen}");
    }
}

#[test]
fn a_terminal_that_was_asked_for_a_password_is_left_as_it_was() {
    let site = Site::new(NOBODY);
    let before = tcgetattr(Terminal::new().of_a_person().slave).unwrap().local_modes;
    let modes = |child: &OnTerminal| tcgetattr(&child.terminal.slave).unwrap().local_modes;
    for (key, signal) in [("\u{3}", Signal::INT), ("\u{1c}", Signal::QUIT)] {
        let mut child = asked_for_a_password(&site, "exec \"$@\"");
        assert!(!modes(&child).contains(LocalModes::ECHO));
        child.terminal.send("tops3cret");
        child.terminal.send(key);
        assert_eq!(child.wait().signal(), Some(signal.as_raw()));
        assert_eq!(modes(&child), before, "{signal:?}");
    }
    let script = "set -m; \"$@\"; echo has stopped; read -r go; fg; exit $?";
    let mut child = asked_for_a_password(&site, script);
    child.terminal.send("tops3cret");
    child.terminal.send("\u{1a}");
    shows(&mut child, "has stopped");
    assert_eq!(modes(&child), before);
    child.terminal.send("go\n");
    shows(&mut child, QUESTION);
    child.terminal.send("tops3cret\n");
    shows(&mut child, "cannot tell");
    assert_eq!(child.wait().code(), Some(69));
    assert_eq!(modes(&child), before);
}

#[test]
fn what_is_typed_is_refused_as_run_refuses_it() {
    let site = Site::new(NOBODY);
    let output = log_in(&site, b"tops3\tcret");
    assert_eq!(output.status.code(), Some(77));
    assert!(told(&output).contains("denied: malformed"), "{}", told(&output));
    assert!(!told(&output).contains("tops3"));
}

#[test]
fn one_that_is_written_as_an_argument_is_not_repeated() {
    let all = [
        "login alice@example.com tops3cret",
        "explain alice@example.com tops3cret",
        "forgive alice@example.com tops3cret",
        "run tops3cret",
        "status tops3cret",
        "login alice@example.com --password=tops3cret",
        "login alice@example.com --password tops3cret",
        "login alice@example.com --password-stdin=tops3cret",
        "login alice@example.com -wtops3cret",
        "login tops3cret alice@example.com",
    ];
    // Each takes its time to end, for ejabberd's sake.
    std::thread::scope(|scope| {
        for arguments in all {
            scope.spawn(move || {
                let mut command = binary();
                let output = command.args(arguments.split(' ')).stdin(Stdio::null()).output();
                let output = output.unwrap();
                let said = told(&output);
                assert_eq!(output.status.code(), Some(64), "{arguments}: {said}");
                assert!(!said.contains("tops3cret"), "{arguments}: {said}");
            });
        }
    });
}
