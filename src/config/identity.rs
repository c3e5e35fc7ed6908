//! As whom the program signs in to a directory.

use secrecy::SecretString;

use super::gssapi;
use super::keys::directory::Mechanism;
use super::keys::tls::CLIENT_CERT_FILE;
use super::keys::{AnyKey, directory as keys};
use super::secret;
use super::table::Table;
use crate::directory::account::preset::Preset;
use crate::directory::locate::server::{Endpoint, Server};
use crate::directory::names::dn::Dn;
use crate::directory::names::placeholder::TextTemplate;
use crate::directory::pool::identity::{Credential, Identity};

/// The keys that say as whom.
static NAMES: [&AnyKey; 3] = [&keys::BIND_DN, &keys::SASL, &keys::ANONYMOUS];

/// The keys that say where a password is.
static SECRETS: [&AnyKey; 3] =
    [&keys::BIND_PASSWORD_FILE, &keys::BIND_PASSWORD_ENV, &keys::BIND_CREDENTIAL];

/// Whether anything is said about it, be it right or wrong.
pub(super) fn is_written(table: &Table<'_>) -> bool {
    table.has_any(&NAMES)
}

/// Reads the identity of `[directory.NAME]` or of `[directory.NAME.write]`. `tls` is the table with
/// the client certificate that `sasl = "external"` needs.
pub(super) fn read(table: &Table<'_>, tls: &Table<'_>, servers: &[Server]) -> Option<Identity> {
    let password = read_password(table);
    let bind_dn = table.parsed(&keys::BIND_DN, name);
    let mechanism = table.get(&keys::SASL);
    let anonymous = table.get_or_default(&keys::ANONYMOUS);
    let must_seal = table.get_or_default(&keys::SASL_SEAL);
    if mechanism != Some(Mechanism::Gssapi) {
        gssapi::refuse_keys(table);
    }
    let rotation = table.table(&keys::ROTATION_TABLE);
    let rotation = table.has(&keys::ROTATION_TABLE).then_some(rotation);
    if rotation.is_some() && bind_dn.is_none() {
        table.problem(
            &keys::ROTATION_TABLE,
            "it is a second password for bind_dn, which is missing",
        );
    }
    match (bind_dn, mechanism, anonymous) {
        (Some(name), None, false) => read_simple(table, name, password, rotation.as_ref()),
        (None, Some(Mechanism::Gssapi), false) => gssapi::read(table, servers, must_seal),
        (None, Some(Mechanism::External), false) => {
            let has_socket =
                servers.iter().any(|server| matches!(server.endpoint, Endpoint::Unix(_)));
            if !has_socket && !tls.has(&CLIENT_CERT_FILE) {
                table.problem(
                    &keys::SASL,
                    "external needs tls.client_cert_file or an ldapi:// server",
                );
            }
            Some(Identity::External)
        }
        (None, None, true) => Some(Identity::Anonymous),
        (None, None, false) => None,
        _ => {
            table.problem(&keys::BIND_DN, "write only one of bind_dn, sasl and anonymous");
            None
        }
    }
}

fn read_simple(
    table: &Table<'_>,
    name: String,
    password: Option<SecretString>,
    rotation: Option<&Table<'_>>,
) -> Option<Identity> {
    if !SECRETS.iter().any(|key| table.seems_to_have(key)) {
        table.problem(&keys::BIND_DN, "write bind_password_file = \"/path\" beside it, readable for the XMPP server's user alone");
    }
    let second = rotation.and_then(|rotation| {
        let name =
            rotation.parsed(&keys::ROTATION_BIND_DN, self::name).unwrap_or_else(|| name.clone());
        if !rotation.has_any(&SECRETS) {
            rotation.problem(&keys::BIND_PASSWORD_FILE, "write the file with the other password");
        }
        Some(Credential { name, password: read_password(rotation)? })
    });
    let first = Credential { name, password: password? };
    Some(Identity::Simple { first, second })
}

/// Remarks on a name to bind with that most servers would not take.
pub(super) fn remark_name(table: &Table<'_>, identity: Option<&Identity>, preset: Option<Preset>) {
    let Some(Identity::Simple { first, second }) = identity else { return };
    for name in std::iter::once(first).chain(second).map(|credential| &credential.name) {
        let is_login_name = name.contains(['@', '\\']);
        let text = if name.contains('=') {
            Dn::written(name).err()
        } else if preset.is_some_and(Preset::is_active_directory) {
            let text =
                "domain controllers take a DN, name@domain or 'DOMAIN\\name', and no bare name";
            (!is_login_name).then(|| text.to_owned())
        } else {
            let text = "it is no DN, which is what most servers take, such as \"cn=xmpp,ou=services,dc=example,dc=com\"";
            (preset.is_some() || !is_login_name).then(|| text.to_owned())
        };
        if let Some(text) = text {
            table.remark(&keys::BIND_DN, &text);
        }
    }
}

/// A name to bind with: with an empty one, servers let anybody in as nobody (RFC 4513, section 5.1.2).
fn name(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err(
            "write the name of the service account, or anonymous = true to search without one"
                .to_owned(),
        );
    }
    if TextTemplate::parse(text).is_ok() {
        return Err("this is the service account's own name, in which nothing is filled in; what users bind with is user_dn".to_owned());
    }
    Ok(text.to_owned())
}

fn read_password(table: &Table<'_>) -> Option<SecretString> {
    let sources = [
        table.path(&keys::BIND_PASSWORD_FILE).and_then(|path| {
            let secret = secret::from_file(&path);
            secret.map_err(|text| table.problem(&keys::BIND_PASSWORD_FILE, text)).ok()
        }),
        table.parsed(&keys::BIND_PASSWORD_ENV, secret::from_environment),
        table.parsed(&keys::BIND_CREDENTIAL, secret::from_credential),
    ];
    for (key, secret) in SECRETS.into_iter().zip(&sources) {
        let oddity = secret.as_ref().and_then(|secret| secret.oddity);
        oddity.into_iter().for_each(|text| table.remark(key, text));
    }
    let mut given = sources.into_iter().flatten();
    let password = given.next().map(|secret| secret.password);
    if given.next().is_some() {
        table.problem(
            &keys::BIND_PASSWORD_FILE,
            "write only one of bind_password_file, bind_password_env and bind_credential",
        );
    }
    password
}
