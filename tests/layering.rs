//! Who may know whom: the modules of `src/` keep to their places.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
    found
}

/// The code of a file without comments and tests, by its path below `src/`.
fn code() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    sources(&root)
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap().lines();
            let code = code.filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>();
            (path.strip_prefix(&root).unwrap().display().to_string(), code.join("\n"))
        })
        .collect()
}

#[test]
fn each_thing_is_known_only_where_it_belongs() {
    for (word, allowed) in [
        ("ldap3::", &["directory/"][..]),
        ("libgssapi::", &["directory/sasl/gssapi/context.rs"]),
        (
            "use ring::",
            &[
                "directory/sasl/gssapi/channel_binding.rs",
                "directory/tls/trust.rs",
                "policy/digest.rs",
            ],
        ),
        ("hickory_resolver::", &["directory/locate/dns.rs"]),
        ("deadpool::", &["directory/pool/users.rs"]),
        ("rustls", &["directory/tls", "config/tls.rs"]),
        (
            ".expose_secret()",
            &[
                "authenticator.rs",
                "directory/account/set_password.rs",
                "directory/pool/users.rs",
                "directory/pool/service.rs",
                "policy/digest.rs",
            ],
        ),
        ("std::env::", &["main.rs", "config/"]),
        ("crate::config", &["commands/"]),
        ("crate::commands", &[]),
        ("crate::session", &["commands/", "config/"]),
        ("crate::protocol", &["session", "commands/", "config/", "cli.rs"]),
        ("crate::authenticator", &["commands/"]),
        ("crate::directory", &["directory/", "authenticator", "commands/", "config/"]),
        (
            "Instant::now()",
            &[
                "session",
                "authenticator",
                "deadline.rs",
                "directory/",
                "observe",
                "stdio.rs",
                "commands/",
                "config/",
                "protocol/",
            ],
        ),
        ("tokio::spawn", &["session.rs", "directory/session/multiplexer.rs", "commands/"]),
        ("process::exit", &[]),
        ("serde::", &["config/problem.rs"]),
        ("toml::", &["config/"]),
    ] {
        for (path, code) in code() {
            let is_allowed = allowed.iter().any(|prefix| path.starts_with(prefix));
            assert!(is_allowed || !code.contains(word), "{path} must not know {word}");
        }
    }
}

#[test]
fn files_have_one_subject() {
    for (path, _) in code() {
        let text =
            fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(&path))
                .unwrap();
        assert!(text.starts_with("//! "), "{path} does not say what it is about");
        assert!(text.lines().count() <= 450, "{path} is long; is it still about one thing?");
    }
}
