//! One `[directory.NAME.tls]` of the file.

use std::sync::Arc;

use rustls::pki_types::ServerName;

use super::keys::{AnyKey, tls as keys};
use super::table::Table;
use crate::directory::tls::{Pin, Tls, TlsSettings, Trust};

/// Reads how to speak TLS, which no server may need; `None` where there is a mistake.
pub(super) fn read(table: &Table<'_>, is_needed: bool) -> Option<Arc<Tls>> {
    let ca_file = table.path(&keys::CA_FILE);
    let pins = table.all_parsed(&keys::PINS, Pin::parse);
    let pins_only = table.get_or_default(&keys::PINS_ONLY);
    let server_name = table.parsed(&keys::SERVER_NAME, |name| {
        ServerName::try_from(name.to_owned())
            .map_err(|_| "write a host name or an IP address".to_owned())
    });
    let certificate = table.path(&keys::CLIENT_CERT_FILE);
    let key = table.path(&keys::CLIENT_KEY_FILE);
    if certificate.is_some() != key.is_some() {
        let text = "write both client_cert_file and client_key_file";
        table.problem(&keys::CLIENT_CERT_FILE, text);
    }
    if pins_only && !table.has(&keys::PINS) {
        let text = "write the pins of the servers beside it: pins = [\"sha256/…\"]";
        table.problem(&keys::PINS_ONLY, text);
    }
    let unused: [&AnyKey; 2] = [&keys::CA_FILE, &keys::SERVER_NAME];
    if let Some(unused) = unused.into_iter().find(|key| pins_only && table.has(key)) {
        table.problem(unused, "with pins_only, nobody looks at it: leave one of both out");
    }
    let trust = match ca_file {
        _ if pins_only => Trust::Pins,
        Some(path) => Trust::File(path),
        None if is_needed => Trust::System,
        None => Trust::Nobody,
    };
    trust.paths().iter().for_each(|path| table.reads(path));
    let client = certificate.zip(key);
    let min_version = table.get_or_default(&keys::MIN_VERSION);
    let tls = Tls::new(TlsSettings { trust, pins, server_name, client, min_version })
        .map_err(|error| table.problem_named(error.key, error.text))
        .ok()?;
    if !tls.authorities().is_empty() {
        table.show("authorities", tls.authorities().into());
    }
    if let Some(own) = tls.own_certificate() {
        table.show("client_certificate", own.into());
    }
    tls.remarks().iter().for_each(|(key, text)| table.remark_named(key, text));
    Some(Arc::new(tls))
}
