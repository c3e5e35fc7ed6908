//! One `[directory.NAME.tls]` of the file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::ServerName;

use super::file::Table;
use super::rules::named;
use crate::directory::tls::{Pin, Settings, Tls, Trust, Version};

/// Reads how to speak TLS, which no server may need; `None` where there is a mistake.
pub(super) fn read(table: &Table<'_>, is_needed: bool) -> Option<Arc<Tls>> {
    let ca_file = table.string("ca_file");
    let pins = table.list("pins", Pin::parse);
    let pins_only = table.flag("pins_only");
    let server_name = table.parsed("server_name", |name| {
        ServerName::try_from(name.to_owned())
            .map_err(|_| "write a host name or an IP address".to_owned())
    });
    let client = match (table.string("client_cert_file"), table.string("client_key_file")) {
        (Some(certificate), Some(key)) => Some((PathBuf::from(certificate), PathBuf::from(key))),
        (None, None) => None,
        _ => {
            table.problem("client_cert_file", "write both client_cert_file and client_key_file");
            None
        }
    };
    for file in ["ca_file", "client_cert_file", "client_key_file"] {
        if let Some(path) = table.string(file) {
            table.reads(Path::new(path));
        }
    }
    let min_version = table.parsed("min_version", |name| named(&Version::ALL, name));
    if pins_only && !table.has("pins") {
        table
            .problem("pins_only", "write the pins of the servers beside it: pins = [\"sha256/…\"]");
    }
    let unused = ["ca_file", "server_name"].into_iter().find(|key| pins_only && table.has(key));
    if let Some(unused) = unused {
        table.problem(unused, "with pins_only, nobody looks at it: leave one of both out");
    }
    let trust = match ca_file {
        _ if pins_only => Trust::Pins,
        Some(path) => Trust::File(PathBuf::from(path)),
        None if is_needed => Trust::System,
        None => Trust::Nobody,
    };
    let min_version = min_version.unwrap_or(Version::Tls12);
    Tls::new(Settings { trust, pins, server_name, client, min_version })
        .map_err(|fault| table.problem(fault.key, fault.text))
        .map(Arc::new)
        .ok()
}
