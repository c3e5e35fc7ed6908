//! Secrets are references, and never shown.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::binary;
use crate::{GOOD, problems, read, site};

#[test]
fn a_secret_is_never_echoed() {
    for line in [
        "bind_password = \"tops3cret\"",
        "bind_password = 12345678",
        "bind_password_file = 12345678",
        "bind_password_file = [\"tops3cret\"]",
        "bind_password = tops3cret",
        "password = \"tops3cret",
        "bind_password_file = \"tops3cret\"",
        "bind_password_env = \"tops3cret\"",
        "bind_credential = \"tops3cret\"",
        "\"tops3cret\" = \"bind_password\"",
        "'tops3cret' = 1",
        "tls.\"tops3cret\".b = 1",
        "bind_password.\"tops3cret\" = 1",
        "bind_password = { \"tops3cret\" = \"\" }",
        "bind_password_file = { \"tops3cret\" = \"\" }",
        "a.b = [{ \"tops3cret\" = 1 }]",
        "bindpw = \"tops3cret\"",
        "bind_pw = \"tops3cret\"",
        "bindpw = tops3cret",
        "bind_pw = tops3cret",
        "ldap_default_authtok = \"tops3cret\"",
    ] {
        let config = GOOD.replace("bind_password_file = \"{dir}/password\"", line);
        let text = problems(&config);
        assert!(!text.contains("tops3cret") && !text.contains("12345678"), "{line}: {text}");
        let site = site(&config);
        for mode in ["--json", "--config"] {
            let mut command = binary();
            command.arg("check").arg("--config").arg(site.config());
            command.env("CREDENTIALS_DIRECTORY", site.path());
            if mode == "--json" {
                command.arg(mode);
            }
            let output = command.output().unwrap();
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert_eq!(output.status.code(), Some(78));
            assert!(!text.contains("tops3cret") && !text.contains("12345678"), "{line}: {text}");
        }
    }
}

#[test]
fn only_a_quoted_key_that_is_like_none_is_hidden() {
    for (line, told) in [
        ("\"hunter\" = 1", "line 1: …: there is no such key"),
        ("\"anser_within\" = 1", "line 1: anser_within: there is no such key"),
        ("hunter = 1", "line 1: hunter: there is no such key"),
    ] {
        let text = problems(&format!("{line}\n{GOOD}"));
        assert!(text.contains(told), "{text}");
    }
    let text = problems(&GOOD.replace("[directory.corp]", "[directory.corp]\n\"hunter\" = 1"));
    assert!(text.contains("directory.corp.…: there is no such key"), "{text}");
}

#[test]
fn secrets_that_others_can_read_are_refused() {
    let site = site(GOOD);
    let secret = site.path().join("password");
    for (mode, refused) in
        [(0o600, false), (0o640, false), (0o644, true), (0o602, true), (0o601, true)]
    {
        fs::set_permissions(&secret, fs::Permissions::from_mode(mode)).unwrap();
        match read(&site).configuration {
            Ok(_) => assert!(!refused, "{mode:o}"),
            Err(problems) => {
                assert!(refused, "{mode:o}: {problems}");
                assert!(problems.to_string().contains("run chmod o= "), "{problems}");
            }
        }
    }
    fs::write(&secret, "").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(read(&site).configuration.unwrap_err().to_string().contains("the secret is empty"));
}
