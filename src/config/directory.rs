//! One `[directory.NAME]` of the file.

use std::path::Path;
use std::time::Duration;

use rustls::pki_types::ServerName;
use secrecy::SecretString;

use super::file::Table;
use super::problem::Problem;
use super::secret;
use crate::directory::connection::Connector;
use crate::directory::ldap::{Lookup, Settings};
use crate::directory::pool::{Identity, Limits};
use crate::directory::servers::{Endpoint, Server, Servers};
use crate::directory::template::{FilterTemplate, NameTemplate};
use crate::directory::tls::{self, Tls};

/// Reads a directory. `None` where so much is wrong that there is nothing to build; the problems
/// are recorded in any case.
pub(super) fn read(
    name: &str,
    table: Table<'_>,
    answer_within: Duration,
    remarks: &mut Vec<Problem>,
) -> Option<Settings> {
    let servers = table.list("servers", Server::parse);
    if servers.is_empty() {
        table.problem("servers", "write servers = [\"ldaps://ldap.example.com\"]");
    }
    let start_tls = table.flag("start_tls");
    let is_encrypted =
        |server: &Server| start_tls || matches!(server.endpoint, Endpoint::Tcp { ldaps: true, .. });
    let allow_clear_text = table.flag("allow_clear_text");
    if !allow_clear_text && servers.iter().any(|server| server.is_remote() && !is_encrypted(server))
    {
        table.problem("servers", "passwords would cross the network in clear text; write ldaps://, or start_tls = true, or, knowing what it means, allow_clear_text = true");
    }
    let connect_within =
        table.duration("connect_within").unwrap_or((answer_within / 4).min(Duration::from_secs(2)));
    if connect_within >= answer_within {
        table.problem(
            "connect_within",
            "write less than answer_within, so that there is time left for the answer",
        );
    }
    let needs_tls = servers.iter().any(is_encrypted);
    let tls = read_tls(table.table("tls"), needs_tls);
    let identity = read_identity(&table, &servers);
    let lookup = read_lookup(&table);
    let set_password =
        table.parsed("set_password", |word| match word {
            "off" => Ok(false),
            "exop" => Ok(true),
            _ => Err("write \"off\", or \"exop\" for the password modify operation of RFC 3062"
                .to_owned()),
        });
    let set_password = set_password.unwrap_or(false);
    let limits = read_limits(table.table("pool"));
    check_identity(&table, name, identity.as_ref(), lookup.as_ref(), set_password, remarks);
    table.finish();
    Some(Settings {
        name: name.to_owned(),
        connector: Connector {
            servers: Servers::new(servers),
            start_tls,
            tls: tls?,
            connect_within,
        },
        identity,
        lookup: lookup?,
        set_password,
        limits,
    })
}

fn read_lookup(table: &Table<'_>) -> Option<Lookup> {
    let base = table.string("base");
    let filter = table.parsed("user_filter", FilterTemplate::parse);
    let name = table.parsed("user_dn", NameTemplate::parse);
    if table.has("user_dn") {
        if table.has("user_filter") || table.has("base") {
            table.problem(
                "user_dn",
                "write either user_dn, to bind without a search, or base and user_filter",
            );
        }
        return name.map(Lookup::Name);
    }
    if !table.has("base") || base.is_some_and(str::is_empty) {
        table.problem(
            "base",
            "write the DN below which the users are, such as \"ou=people,dc=example,dc=com\"",
        );
    }
    if !table.has("user_filter") {
        table.problem("user_filter", "write how a user is found, such as \"(uid={localpart})\"");
    }
    Some(Lookup::Search { base: base?.to_owned(), filter: filter? })
}

fn read_identity(table: &Table<'_>, servers: &[Server]) -> Option<Identity> {
    let password = read_password(table);
    let bind_dn = table.string("bind_dn");
    let external = table.parsed("sasl", |mechanism| match mechanism {
        "external" => Ok(()),
        _ => Err("write \"external\", or bind_dn with bind_password_file".to_owned()),
    });
    let anonymous = table.flag("anonymous");
    match (bind_dn, external, anonymous) {
        (Some(name), None, false) => {
            if !table.has("bind_password_file")
                && !table.has("bind_password_env")
                && !table.has("bind_credential")
            {
                table.problem("bind_dn", "write bind_password_file = \"/path\" beside it, readable for the XMPP server's user alone");
            }
            Some(Identity::Simple { name: name.to_owned(), password: password? })
        }
        (None, Some(()), false) => {
            let has_socket =
                servers.iter().any(|server| matches!(server.endpoint, Endpoint::Unix(_)));
            let has_certificate = table.table("tls").has("client_cert_file");
            if !has_socket && !has_certificate {
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
    }
}

fn read_password(table: &Table<'_>) -> Option<SecretString> {
    if table.has("bind_password") {
        table.problem("bind_password", "a password does not belong in this file; put it into a file of its own and write bind_password_file");
    }
    let sources = [
        table.parsed("bind_password_file", |path| secret::from_file(Path::new(path))),
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

fn check_identity(
    table: &Table<'_>,
    name: &str,
    identity: Option<&Identity>,
    lookup: Option<&Lookup>,
    set_password: bool,
    remarks: &mut Vec<Problem>,
) {
    let written = ["bind_dn", "sasl", "anonymous"].iter().any(|key| table.has(key));
    if identity.is_some() || written {
        return;
    }
    match lookup {
        Some(Lookup::Name(_)) if set_password => table.problem("set_password", "it needs a service account: write bind_dn and bind_password_file"),
        Some(Lookup::Name(_)) => remarks.push(Problem {
            key: format!("directory.{name}"),
            line: None,
            text: "without bind_dn nobody can look a user up: isuser is answered with \"cannot tell\"".to_owned(),
        }),
        Some(Lookup::Search { .. }) | None => table.problem(
            "bind_dn",
            "a search needs an account: write bind_dn and bind_password_file, or sasl = \"external\", or anonymous = true",
        ),
    }
}

fn read_tls(table: Table<'_>, needed: bool) -> Option<Tls> {
    let ca_file = table.string("ca_file");
    let server_name = table.parsed("server_name", |name| {
        ServerName::try_from(name.to_owned())
            .map_err(|_| "write a host name or an IP address".to_owned())
    });
    let client = match (table.string("client_cert_file"), table.string("client_key_file")) {
        (Some(certificate), Some(key)) => secret::check_permissions(Path::new(key))
            .and_then(|()| tls::client_identity(Path::new(certificate), Path::new(key)))
            .map_err(|text| table.problem("client_key_file", text))
            .ok(),
        (None, None) => None,
        _ => {
            table.problem("client_cert_file", "write both client_cert_file and client_key_file");
            None
        }
    };
    let roots = match ca_file {
        Some(path) => tls::roots_from(Path::new(path)),
        None if needed => tls::system_roots(),
        None => Ok(rustls::RootCertStore::empty()),
    };
    let tls = roots.map_err(|text| table.problem("ca_file", text)).ok().and_then(|roots| {
        Tls::new(roots, client, server_name)
            .map_err(|text| table.problem("client_cert_file", text))
            .ok()
    });
    table.finish();
    tls
}

fn read_limits(table: Table<'_>) -> Limits {
    let limits = Limits {
        size: table.count("size", 1..=256).unwrap_or(8),
        idle: table.duration("idle").unwrap_or(Duration::from_secs(4 * 60)),
        lifetime: table.duration("lifetime").unwrap_or(Duration::from_secs(30 * 60)),
    };
    table.finish();
    limits
}
