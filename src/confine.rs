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

use crate::files::directories;

/// Where the system's resolver, its certificates and Kerberos are, on some systems in stores.
const SYSTEM: [&str; 10] = [
    "/dev",
    "/etc",
    "/gnu/store",
    "/lib",
    "/lib64",
    "/nix/store",
    "/proc/self",
    "/run",
    "/usr",
    "/var/lib/sss",
];

/// Files there that may be links to elsewhere.
const LINKS: [&str; 5] =
    ["/etc/hosts", "/etc/krb5.conf", "/etc/nsswitch.conf", "/etc/resolv.conf", "/etc/ssl/certs"];

/// Whose rights are known here. Later kernels know more, of which nothing is given up.
const KNOWN: ABI = ABI::V6;

/// How far the process is confined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confinement {
    /// As far as this module knows how to.
    Full,
    /// As far as this kernel can.
    Partial,
    /// Not at all: the kernel has no Landlock, or was started without it.
    None,
}

/// Confines this process, for good. Besides the system's own files it can read those in the
/// [`directories`] of `readable`, where a file may be replaced by a new one, write in those of `log`,
/// and remove `sockets`. Sockets that have no file are out of reach, unless it needs them.
pub fn confine<'a>(
    readable: impl Iterator<Item = &'a Path>,
    log: Option<&Path>,
    sockets: &[PathBuf],
    needs_abstract_sockets: bool,
) -> Result<Confinement, RulesetError> {
    let readable: BTreeSet<PathBuf> = readable
        .chain(LINKS.iter().map(Path::new))
        .flat_map(directories)
        .chain(SYSTEM.iter().map(PathBuf::from))
        .collect();
    let scope = if needs_abstract_sockets {
        Scope::Signal.into()
    } else {
        Scope::AbstractUnixSocket | Scope::Signal
    };
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(KNOWN))?
        .handle_access(AccessNet::BindTcp)?
        .scope(scope)?
        .create()?
        .add_rules(path_beneath_rules(readable, AccessFs::ReadFile | AccessFs::ReadDir))?
        .add_rules(path_beneath_rules(
            log.into_iter().flat_map(directories),
            AccessFs::ReadDir | AccessFs::MakeReg | AccessFs::WriteFile,
        ))?
        .add_rules(path_beneath_rules(
            sockets.iter().filter_map(|socket| socket.parent()),
            AccessFs::RemoveFile,
        ))?
        .set_compatibility(landlock::CompatLevel::BestEffort)
        .restrict_self()?;
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced => Confinement::Full,
        RulesetStatus::PartiallyEnforced => Confinement::Partial,
        RulesetStatus::NotEnforced => Confinement::None,
    })
}
