//! `sasl = "gssapi"`: signing in by Kerberos with a keytab.
//!
//! The Kerberos library takes the keytab from the environment of the process, which must have the
//! right one from its start.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::Path;

use super::keys::top::DIRECTORIES;
use super::keys::{AnyKey, directory as keys};
use super::keytab;
use super::table::Table;
use crate::directory::DirectorySettings;
use crate::directory::locate::server::{Endpoint, Server};
use crate::directory::pool::identity::Identity;
use crate::directory::sasl::{self, principal::KerberosAccount};
use crate::files::{self, Privacy};

/// Where the library looks for the keys of whoever signs in.
const KEYTAB_VARIABLE: &str = "KRB5_CLIENT_KTNAME";

/// Where it keeps tickets: in this process, so that nobody else's are used or overwritten.
const CACHE_VARIABLE: &str = "KRB5CCNAME";
const CACHE: &str = "MEMORY:xmpp-ldap-auth";

/// Reads the account of a directory that says `sasl = "gssapi"`.
pub(super) fn read(table: &Table<'_>, servers: &[Server], must_seal: bool) -> Option<Identity> {
    let needed: [(&AnyKey, &str); 2] = [
        (&keys::PRINCIPAL, "svc-xmpp@CORP.EXAMPLE"),
        (&keys::KEYTAB, "/etc/xmpp-ldap-auth/xmpp.keytab"),
    ];
    for (key, example) in needed {
        if !table.has(key) {
            table.problem(&keys::SASL, format!("gssapi needs {} = {example:?}", key.name));
        }
    }
    let principal = table.parsed(&keys::PRINCIPAL, |principal| match principal.split_once('@') {
        Some((name, realm)) if !name.is_empty() && !realm.is_empty() => Ok(principal.to_owned()),
        _ => Err("write it with its realm, such as \"svc-xmpp@CORP.EXAMPLE\"".to_owned()),
    });
    let keytab = table.path(&keys::KEYTAB).filter(|path| {
        let checked = check_keytab(path, principal.as_deref());
        checked.map_err(|text| table.problem(&keys::KEYTAB, text)).is_ok()
    });
    let host = table.get(&keys::SASL_HOST);
    if host.is_none() && !servers.iter().all(has_full_name) {
        table.problem(
            &keys::SERVERS,
            "Kerberos knows a server by its full host name: write that, or write it as sasl_host",
        );
    }
    let is_ldaps = |server: &Server| matches!(server.endpoint, Endpoint::Tcp { ldaps: true, .. });
    if must_seal && servers.iter().any(is_ldaps) {
        table.problem(
            &keys::SASL_SEAL,
            "ldaps:// is always TLS; write ldap:// and start_tls = true, which then is for the users' passwords",
        );
    }
    let account = KerberosAccount { name: principal?, keytab: keytab?, host, must_seal };
    sasl::kerberos(account)
        .map(Identity::Gssapi)
        .map_err(|text| table.problem(&keys::SASL, text))
        .ok()
}

/// Refuses the keys that mean something to Kerberos alone, where it is not used.
pub(super) fn refuse_keys(table: &Table<'_>) {
    let own: [&AnyKey; 4] = [&keys::PRINCIPAL, &keys::KEYTAB, &keys::SASL_HOST, &keys::SASL_SEAL];
    for key in own.into_iter().filter(|key| table.has(key)) {
        table.problem(key, "it belongs to sasl = \"gssapi\", which is missing");
    }
}

fn check_keytab(path: &Path, principal: Option<&str>) -> Result<(), String> {
    let bytes = files::read(path, Privacy::Secret)?;
    let principals = keytab::principals(&bytes)
        .ok_or("this file is no keytab; `samba-tool domain exportkeytab` or ktpass.exe make one")?;
    match principal {
        Some(principal) if !principals.iter().any(|known| known == principal) => {
            Err(format!("there is no key of principal in it, but of {}", principals.join(", ")))
        }
        _ => Ok(()),
    }
}

fn has_full_name(server: &Server) -> bool {
    match &server.endpoint {
        Endpoint::Tcp { host, .. } => host.parse::<IpAddr>().is_err() && host.contains('.'),
        Endpoint::Unix(_) => false,
    }
}

/// The keytabs that the directories need, each once.
fn keytabs<'a>(directories: impl Iterator<Item = &'a DirectorySettings>) -> Vec<&'a Path> {
    let identities = directories.flat_map(|settings| {
        let writer = settings.writer.as_ref().and_then(|writer| writer.identity.as_ref());
        [settings.identity.as_ref(), writer]
    });
    let principals = identities.flatten().filter_map(Identity::principal);
    let mut keytabs: Vec<&Path> =
        principals.map(|principal| &*principal.account().keytab).collect();
    keytabs.sort_unstable();
    keytabs.dedup();
    keytabs
}

/// Refuses directories that need different keytabs: a process has one.
pub(super) fn check_keytabs<'a>(
    top: &Table<'_>,
    directories: impl Iterator<Item = &'a DirectorySettings>,
) {
    if keytabs(directories).len() > 1 {
        top.problem(
            &DIRECTORIES,
            "there can be only one keytab; bring all keys into one file with ktutil, and name that everywhere",
        );
    }
}

/// What the environment of a process must say for the Kerberos library to serve these directories, if
/// that of this one does not.
pub fn missing_environment<'a>(
    directories: impl Iterator<Item = &'a DirectorySettings>,
) -> Option<[(&'static str, OsString); 2]> {
    let mut name = OsString::from("FILE:");
    name.push(keytabs(directories).first()?);
    let wanted = [(KEYTAB_VARIABLE, name), (CACHE_VARIABLE, OsString::from(CACHE))];
    let is_there =
        |(variable, value): &(&str, OsString)| std::env::var_os(variable).as_ref() == Some(value);
    (!wanted.iter().all(is_there)).then_some(wanted)
}
