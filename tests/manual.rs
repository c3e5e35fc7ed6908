//! README, and the manual as it is printed: pages that `man` and a browser read without a complaint.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// Every page, as files in a directory.
fn all(arguments: &[&str]) -> (TempDir, Vec<PathBuf>) {
    let directory = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_xmpp-ldap-auth"))
        .args(["man", "--all"])
        .arg(directory.path())
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let entries = fs::read_dir(directory.path()).unwrap();
    let paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    assert!(paths.len() > 20, "{paths:?}");
    (directory, paths)
}

fn names(paths: &[PathBuf]) -> Vec<&str> {
    paths.iter().filter_map(|path| path.file_name().and_then(OsStr::to_str)).collect()
}

#[test]
fn mandoc_has_no_complaint() {
    let (_directory, paths) = all(&[]);
    let names = names(&paths);
    for name in ["xmpp-ldap-auth.1", "xmpp-ldap-auth-check.1", "xmpp-ldap-auth.toml.5"] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    let output =
        Command::new("mandoc").args(["-T", "lint", "-W", "warning"]).args(&paths).output().unwrap();
    let complaints = String::from_utf8_lossy(&output.stdout);
    let complaints: Vec<&str> = complaints
        .lines()
        // A page has no date but that of its version.
        .filter(|line| !line.contains("missing date"))
        .collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert!(output.status.code().is_some_and(|code| code < 3), "{output:?}");
}

#[test]
fn every_link_of_the_site_leads_to_a_page() {
    let (directory, paths) = all(&["--html"]);
    assert!(names(&paths).contains(&"index.html"));
    for path in &paths {
        let text = fs::read_to_string(path).unwrap();
        for link in text.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            let is_page = Path::new(link).extension().is_some_and(|kind| kind == "html")
                && directory.path().join(link).exists();
            assert!(is_page || link.starts_with("https://"), "{}: {link}", path.display());
        }
    }
}

#[test]
fn readme_is_short_and_leads_to_the_rest() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    assert!(readme.lines().count() <= 200);
    let mut linked = 0;
    for link in readme.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        let (file, _) = link.split_once('#').unwrap_or((link, ""));
        assert!(root.join(file).exists() || file.starts_with("https://"), "{file}");
        linked += usize::from(file.starts_with("src/manual/"));
    }
    assert!(linked > 20, "{linked}");
}
