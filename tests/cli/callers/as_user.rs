//! Checks for another user than the one that asks.

use std::os::unix::fs::chown;

use super::*;

/// Root may read everything, and so sees none of the mistakes that keep the XMPP server's user out.
#[test]
fn root_checks_as_the_user_who_will_run_the_program() {
    let site = site(NOBODY);
    let as_user = |user: &str| {
        let mut command = site.command();
        let theirs = site.write("ejabberd.yml", EJABBERD);
        command.args(["check", "--as-user", user, "--ejabberd"]).arg(theirs);
        let output = command.output().unwrap();
        (output.status.code(), told(&output))
    };
    if !rustix::process::geteuid().is_root() {
        assert!(matches!(as_user("root"), (Some(64), told) if told.contains("only root can")));
        return;
    }
    assert!(
        matches!(as_user("no such user"), (Some(64), told) if told.contains("there is no user"))
    );
    assert!(matches!(as_user("root"), (Some(0), told) if told.contains("checked as root")));
    chmod(&site.config(), 0o644);
    let (_, told) = as_user("nobody");
    assert!(!told.contains("checked as root") && !told.contains("permission denied"), "{told}");
    for (path, words) in [
        ("config.toml", "its owner is root, its group root and its mode 0600: let it have a group"),
        ("xmpp-ldap-auth-ejabberd", "is not there"),
    ] {
        chmod(&site.path().join("config.toml"), if path == "config.toml" { 0o600 } else { 0o644 });
        if path != "config.toml" {
            chmod(site.path(), 0o711);
            fs::remove_file(site.path().join(path)).unwrap();
        }
        let (code, told) = as_user("nobody");
        assert!(code == Some(78) && told.contains(words), "{told}");
    }
}

/// Whoever may read the daemon's configuration is not who asks through Prosody's socket.
#[test]
fn prosodys_socket_is_judged_by_prosodys_user() {
    let is_root = rustix::process::geteuid().is_root();
    assert!(is_root, "only root looks with another user's rights: run these tests as root");
    let site = site(NOBODY);
    let theirs = site.write("prosody.cfg.lua", &format!("prosody_user = \"daemon\"\n{BY_DAEMON}"));
    let socket = site.path().join("auth.sock");
    let _listener = UnixListener::bind(&socket).unwrap();
    chown(&socket, Some(0), Some(1)).unwrap();
    for (path, mode) in [(site.path(), 0o711), (&site.config(), 0o644)] {
        chmod(path, mode);
    }
    let check = |mode| {
        chmod(&socket, mode);
        let mut command = site.command();
        told(
            &command
                .args(["check", "--as-user", "nobody", "--prosody"])
                .arg(&theirs)
                .output()
                .unwrap(),
        )
    };
    let refused = "daemon may not connect to";
    assert!(check(0o600).contains(refused));
    let told = check(0o660);
    assert!(!told.contains("may not connect"), "{told}");
}
