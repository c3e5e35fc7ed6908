//! As whom the program signs in to a directory.

use secrecy::SecretString;

use super::file::Table;
use super::gssapi;
use super::secret;
use crate::directory::locate::server::{Endpoint, Server};
use crate::directory::pool::service::{Credential, Identity};

/// The keys that say as whom.
const KEYS: [&str; 3] = ["bind_dn", "sasl", "anonymous"];

/// The mechanisms that `sasl` can name.
#[derive(Clone, Copy, Debug)]
enum Mechanism {
    External,
    Gssapi,
}

/// Whether anything is said about it, be it right or wrong.
pub(super) fn is_written(table: &Table<'_>) -> bool {
    KEYS.into_iter().any(|key| table.has(key))
}

/// Reads the identity of `[directory.NAME]` or of `[directory.NAME.write]`. `tls` is the table with
/// the client certificate that `sasl = "external"` needs.
pub(super) fn read(table: &Table<'_>, tls: &Table<'_>, servers: &[Server]) -> Option<Identity> {
    let password = read_password(table);
    let bind_dn = table.string("bind_dn");
    let mechanism = table.parsed("sasl", |mechanism| match mechanism {
        "external" => Ok(Mechanism::External),
        "gssapi" => Ok(Mechanism::Gssapi),
        _ => Err("write \"external\" or \"gssapi\", or bind_dn with bind_password_file".to_owned()),
    });
    let anonymous = table.flag("anonymous");
    let rotation = table.has("rotation").then(|| table.table("rotation"));
    let identity = match (bind_dn, mechanism, anonymous) {
        (Some(name), None, false) => read_simple(table, name, password, rotation.as_ref()),
        (None, Some(Mechanism::Gssapi), false) => gssapi::read(table, servers),
        (None, Some(Mechanism::External), false) => {
            let has_socket =
                servers.iter().any(|server| matches!(server.endpoint, Endpoint::Unix(_)));
            if !has_socket && !tls.has("client_cert_file") {
                table.problem("sasl", "external needs tls.client_cert_file or an ldapi:// server");
            }
            Some(Identity::External)
        }
        (None, None, true) => Some(Identity::Anonymous),
        (None, None, false) => None,
        _ => {
            table.problem("bind_dn", "write only one of bind_dn, sasl and anonymous");
            None
        }
    };
    if let Some(rotation) = rotation {
        if bind_dn.is_none() {
            table.problem("rotation", "it is a second password for bind_dn, which is missing");
        }
        rotation.finish();
    }
    identity
}

fn read_simple(
    table: &Table<'_>,
    name: &str,
    password: Option<SecretString>,
    rotation: Option<&Table<'_>>,
) -> Option<Identity> {
    if !has_password(table) {
        table.problem("bind_dn", "write bind_password_file = \"/path\" beside it, readable for the XMPP server's user alone");
    }
    let second = rotation.and_then(|rotation| {
        let name = rotation.string("bind_dn").unwrap_or(name).to_owned();
        if !has_password(rotation) {
            rotation.problem("bind_password_file", "write the file with the other password");
        }
        Some(Credential { name, password: read_password(rotation)? })
    });
    let first = Credential { name: name.to_owned(), password: password? };
    Some(Identity::Simple { first, second })
}

fn has_password(table: &Table<'_>) -> bool {
    ["bind_password_file", "bind_password_env", "bind_credential"]
        .into_iter()
        .any(|key| table.has(key))
}

fn read_password(table: &Table<'_>) -> Option<SecretString> {
    if table.has("bind_password") {
        table.problem("bind_password", "a password does not belong in this file; put it into a file of its own and write bind_password_file");
    }
    let sources = [
        table.parsed("bind_password_file", |path| {
            let path = secret::path(path)?;
            table.reads(path);
            secret::from_file(path)
        }),
        table.parsed("bind_password_env", secret::from_environment),
        table.parsed("bind_credential", secret::from_credential),
    ];
    let mut given = sources.into_iter().flatten();
    let password = given.next();
    if given.next().is_some() {
        table.problem(
            "bind_password_file",
            "write only one of bind_password_file, bind_password_env and bind_credential",
        );
    }
    password
}
