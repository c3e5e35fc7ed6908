//! Tells the program what it is built of, which `--version` shows.

#![allow(clippy::print_stdout, reason = "so it speaks to cargo")]

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

fn main() {
    let mut features: Vec<_> =
        env::vars_os().filter_map(|(name, _)| feature(name.to_str()?)).collect();
    features.sort();
    let features = if features.is_empty() { "none".to_owned() } else { features.join(", ") };
    let commit = commit().map_or_else(String::new, |commit| format!("commit {commit}, "));
    println!("cargo::rustc-env=XMPP_LDAP_AUTH_BUILD={commit}features {features}");
}

fn feature(variable: &str) -> Option<String> {
    let name = variable.strip_prefix("CARGO_FEATURE_")?.to_lowercase();
    (name != "default").then_some(name)
}

/// The commit, where it is known: told by whoever builds a package, or left by cargo in a published
/// one, or that of the repository. That is asked for a release alone: every test would be built anew
/// after each commit.
fn commit() -> Option<String> {
    println!("cargo::rerun-if-env-changed=XMPP_LDAP_AUTH_COMMIT");
    if let Ok(commit) = env::var("XMPP_LDAP_AUTH_COMMIT") {
        return Some(commit);
    }
    if let Ok(text) = fs::read_to_string(".cargo_vcs_info.json") {
        let (_, commit) = text.split_once("\"sha1\": \"")?;
        return commit.get(..12).map(str::to_owned);
    }
    // A repository around the unpacked sources is another's.
    if env::var("PROFILE").ok()? != "release" || !Path::new(".git").exists() {
        return None;
    }
    let changes = git(&["rev-parse", "--git-path", "logs/HEAD"])?;
    println!("cargo::rerun-if-changed={changes}");
    git(&["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
