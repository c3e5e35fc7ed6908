//! A daemon as its units run it, where systemd is the first process.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use ldap_fixtures::embedded::Embedded;
use ldap_fixtures::process::wait_until;
use ldap_fixtures::systemd::Machine;

use crate::client::corp;
use crate::support::PATIENCE;
use crate::systemd::{INSTALLED, SERVICE, SOCKET};

/// The commands that a unit's comments tell an administrator to give.
fn commands(unit: &str) -> Vec<String> {
    let text = fs::read_to_string(examples().join(unit)).unwrap();
    let header = text.split("\n[Unit]").next().unwrap();
    header.lines().filter_map(|line| line.strip_prefix("#   ")).map(str::to_owned).collect()
}

fn examples() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/systemd")
}

/// A machine with the program, its units, the users of two XMPP servers, and a configuration in the
/// directory in which commands are given.
fn machine(server: &Embedded) -> Machine {
    let config = corp(&server.url()).replace("{dir}", "/etc/xmpp-ldap-auth");
    let machine = Machine::boot(|files| {
        let lay = |path: &str| {
            let path = files.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            path
        };
        fs::copy(env!("CARGO_BIN_EXE_xmpp-ldap-auth"), lay(&INSTALLED[1..]))?;
        for unit in [SERVICE, SOCKET] {
            fs::copy(examples().join(unit), lay(&format!("etc/systemd/system/{unit}")))?;
        }
        fs::write(lay("root/config.toml"), &config)?;
        fs::write(lay("root/password"), "writer-secret")?;
        for name in ["prosody", "ejabberd"] {
            let relay = format!("daemon = \"/run/xmpp-ldap-auth/{name}.sock\"\n");
            fs::write(lay(&format!("etc/{name}-relay.toml")), relay)?;
        }
        Ok(())
    });
    let machine = machine.unwrap();
    run(&machine, "useradd --system prosody && useradd --system ejabberd");
    machine
}

#[track_caller]
fn run(machine: &Machine, line: &str) -> String {
    let output = machine.run(line).unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{line}: {said}{}", journal(machine));
    said
}

fn journal(machine: &Machine) -> String {
    let output = machine.run("journalctl --no-pager --unit xmpp-ldap-auth --output cat").unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What a user of the machine is answered by its relay.
fn asks(machine: &Machine, user: &str, request: &str) -> String {
    let mut command: Command = machine.command("runuser").unwrap();
    command.args(["-u", user, "--", INSTALLED, "--caller", "prosody", "--config"]);
    command.arg(format!("/etc/{user}-relay.toml"));
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut relay = pipes.spawn().unwrap();
    relay.stdin.take().unwrap().write_all(format!("{request}\n").as_bytes()).unwrap();
    String::from_utf8(relay.wait_with_output().unwrap().stdout).unwrap()
}

#[track_caller]
fn property(machine: &Machine, name: &str) -> String {
    let said = run(machine, &format!("systemctl show --property {name} --value {SERVICE}"));
    said.trim().to_owned()
}

const RIGHT: &str = "auth:alice:example.com:secret";

#[test]
fn systemd_starts_reloads_watches_and_restarts_the_daemon_and_keeps_its_sockets() {
    let server = Embedded::start().unwrap();
    let machine = machine(&server);
    for command in commands(SERVICE) {
        run(&machine, &command);
        if command.starts_with("install") {
            run(&machine, "install -m 0640 -g xmpp-ldap-auth password /etc/xmpp-ldap-auth/");
        }
    }
    for command in commands(SOCKET) {
        run(&machine, &command);
    }
    assert_eq!(asks(&machine, "prosody", RIGHT), "1\n", "{}", journal(&machine));
    for command in commands(SOCKET) {
        run(&machine, &command.replace("prosody", "ejabberd"));
    }
    for (user, request, answer) in [
        ("prosody", RIGHT, "1\n"),
        ("prosody", "auth:alice:example.com:yesterdays", "0\n"),
        ("ejabberd", RIGHT, "1\n"),
    ] {
        assert_eq!(asks(&machine, user, request), answer, "{user} {request} {}", journal(&machine));
    }
    // The other's socket is closed to a user.
    let refused = machine.run("runuser -u prosody -- test -w /run/xmpp-ldap-auth/ejabberd.sock");
    assert!(!refused.unwrap().status.success());

    // As when the machine boots: the directory of the sockets is new, and they are there first.
    run(&machine, "systemctl stop 'xmpp-ldap-auth@*.socket' xmpp-ldap-auth.service");
    run(&machine, "rm -r /run/xmpp-ldap-auth");
    run(&machine, "systemctl start sockets.target && systemctl start xmpp-ldap-auth.service");
    for user in ["prosody", "ejabberd"] {
        assert_eq!(asks(&machine, user, RIGHT), "1\n", "{user} {}", journal(&machine));
    }

    let first = property(&machine, "MainPID");
    run(&machine, "systemctl reload xmpp-ldap-auth");
    assert_eq!(property(&machine, "MainPID"), first);
    assert_eq!(asks(&machine, "prosody", RIGHT), "1\n");

    let restarts = || property(&machine, "NRestarts").parse::<u32>().unwrap();
    run(&machine, &format!("kill -KILL {first}"));
    assert_eq!(asks(&machine, "prosody", RIGHT), "1\n", "{}", journal(&machine));
    wait_until("a restart", PATIENCE, || restarts() == 1).unwrap();

    // One that hangs is noticed, and nobody who asks meanwhile is told anything wrong.
    run(&machine, "mkdir /run/systemd/system/xmpp-ldap-auth.service.d");
    let drop_in = "printf '[Service]\\nWatchdogSec=500ms\\n' \
                   > /run/systemd/system/xmpp-ldap-auth.service.d/soon.conf";
    run(&machine, drop_in);
    run(&machine, "systemctl daemon-reload && systemctl restart xmpp-ldap-auth");
    run(&machine, &format!("kill -STOP {}", property(&machine, "MainPID")));
    assert_eq!(asks(&machine, "ejabberd", RIGHT), "1\n", "{}", journal(&machine));
    assert_eq!(property(&machine, "Result"), "success");
    assert!(restarts() >= 1, "{}", journal(&machine));

    // A socket that the daemon makes for a group is the group's, if the daemon is in it.
    run(
        &machine,
        "printf '[Service]\\nSupplementaryGroups=prosody\\n' > /run/systemd/system/xmpp-ldap-auth.service.d/group.conf",
    );
    run(
        &machine,
        "printf '[listen.own]\\nsocket = \"/run/xmpp-ldap-auth/own.sock\"\\ngroup = \"prosody\"\\n' >> /etc/xmpp-ldap-auth/config.toml",
    );
    run(&machine, "systemctl daemon-reload && systemctl restart xmpp-ldap-auth");
    assert_eq!(run(&machine, "stat --format %G:%a /run/xmpp-ldap-auth/own.sock"), "prosody:660\n");

    // Its lines are whole in the journal, with their fields beside them.
    let line = "journalctl --no-pager --output json XMPP_LDAP_AUTH_VERDICT=granted";
    let entry: serde_json::Value =
        serde_json::from_str(run(&machine, line).lines().next().unwrap()).unwrap();
    assert!(entry["MESSAGE"].as_str().unwrap().contains("verdict=\"granted\""), "{entry}");
    assert_eq!(entry["XMPP_LDAP_AUTH_USER"], "alice", "{entry}");

    // Whoever helps is given the journal, and no secret.
    run(&machine, &format!("{INSTALLED} support support.txt"));
    let bundle = fs::read_to_string(machine.path("/root/support.txt")).unwrap();
    for part in ["Started xmpp-ldap-auth.service", "verdict=\"granted\"", "prosody.sock"] {
        assert!(bundle.contains(part), "{part}: {bundle}");
    }
    assert!(!bundle.contains("writer-secret"), "{bundle}");

    run(&machine, "systemctl stop xmpp-ldap-auth");
    assert_eq!(property(&machine, "Result"), "success");
    assert!(journal(&machine).contains("Stopped"), "{}", journal(&machine));
}
