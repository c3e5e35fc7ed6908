//! What a person sees at a terminal.

use rustix::termios::{Winsize, tcsetwinsize};

use super::*;

#[test]
fn who_waits_sees_at_once_for_what_and_no_line_is_wider_than_the_terminal() {
    // Connections are established, and nobody ever answers on them.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let config = NOBODY.replace("127.0.0.1:9", &address);
    let site = Site::new(&format!("answer_within = \"2s\"\n{config}"));
    let terminal = Terminal::new();
    let size = Winsize { ws_row: 24, ws_col: 48, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&terminal.slave, size).unwrap();
    let mut command = site.command();
    command.args(["--caller", "ejabberd", "login", "--password-stdin", "alice@example.com"]);
    command.env("NO_COLOR", "1");
    let mut child = terminal.spawn(command);
    child.terminal.send("secret\n");
    let mut seen = String::new();
    while !seen.contains("\ncannot tell: ") {
        let part = child.terminal.read_within(PATIENCE);
        assert!(!part.is_empty(), "{seen}");
        if seen.is_empty() {
            assert!(part.contains("waiting: "), "{part}");
        }
        seen.push_str(&part);
    }
    assert_eq!(child.wait().code(), Some(69));
    // Each is written over by the next, and the last by nothing.
    let (waiting, screen) = seen.rsplit_once("\r\u{1b}[K").unwrap();
    assert!(waiting.contains("waiting: bind as the user on ldap://"), "{seen}");
    let too_wide = |line: &&str| line.chars().count() > 48;
    assert_eq!(screen.lines().find(too_wide), None, "{screen}");
    assert!(!screen.contains("waiting") && screen.contains("no answer came"), "{screen}");
}
