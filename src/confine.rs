//! What the process gives up once it has started: it reads what it needs to and writes its log, and
//! nothing else, starts no programs, and cannot gain rights.
//!
//! A defect in what reads a network's or a user's bytes then has little to offer. By Landlock, which
//! Linux has since 5.13; older kernels only forgo new rights.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetError, RulesetStatus, Scope, path_beneath_rules,
};

/// What the system's resolver, its certificates and Kerberos read.
const SYSTEM: [&str; 8] =
    ["/dev", "/etc", "/lib", "/lib64", "/proc/self", "/run", "/usr", "/var/lib/sss"];

/// Whose rights are known here. Later kernels know more, of which nothing is given up.
const KNOWN: ABI = ABI::V6;

/// How far the process is confined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// As far as this module knows how to.
    Fully,
    /// As far as this kernel can.
    Partly,
    /// Not at all: the kernel has no Landlock, or was started without it.
    Not,
}

/// Confines this process, for good. Besides the system's own files it can read those in the
/// directories of `readable`, where a file may be replaced by a new one, and write in the directory
/// of `log`.
pub fn confine<'a>(
    readable: impl Iterator<Item = &'a Path>,
    log: Option<&Path>,
) -> Result<Extent, RulesetError> {
    let system = SYSTEM.iter().map(PathBuf::from);
    let readable: BTreeSet<PathBuf> = readable.map(directory_of).chain(system).collect();
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(KNOWN))?
        .handle_access(AccessNet::BindTcp)?
        .scope(Scope::AbstractUnixSocket | Scope::Signal)?
        .create()?
        .add_rules(path_beneath_rules(readable, AccessFs::ReadFile | AccessFs::ReadDir))?
        .add_rules(path_beneath_rules(
            log.map(directory_of),
            AccessFs::ReadDir | AccessFs::MakeReg | AccessFs::WriteFile,
        ))?
        .set_compatibility(landlock::CompatLevel::BestEffort)
        .restrict_self()?;
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced => Extent::Fully,
        RulesetStatus::PartiallyEnforced => Extent::Partly,
        RulesetStatus::NotEnforced => Extent::Not,
    })
}

fn directory_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}
