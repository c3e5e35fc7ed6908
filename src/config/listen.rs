//! The `[listen.NAME]` tables: what the daemon listens on.

use std::path::{Path, PathBuf};

use nix::unistd::{Group, User};

use super::file::Table;
use super::keys::listen as keys;
use super::keys::top;
use super::value::UserName;
use crate::jid::Account;
use crate::listen::settings::{ANSWER_WITHIN, Kind, ListenerSettings, Place, SYSTEMD, Terms};
use crate::request::Verb;

/// Where the sockets are, unless systemd names another directory.
pub const DIRECTORY: &str = "/run/xmpp-ldap-auth";

/// The names of the listeners that there are if nothing is written.
pub const AUTH: &str = "auth";
/// See [`AUTH`].
pub const CONTROL: &str = "control";

const SOCKET_MODE: u32 = 0o660;
const CONTROL_MODE: u32 = 0o600;

/// The directory of the sockets: systemd's `RuntimeDirectory=`, or the usual one.
pub fn directory() -> PathBuf {
    let given = std::env::var_os("RUNTIME_DIRECTORY").filter(|given| !given.is_empty());
    let first = given.and_then(|given| std::env::split_paths(&given).next());
    first.unwrap_or_else(|| DIRECTORY.into())
}

/// The names of the sockets that systemd passed, with colons between them.
pub fn passed_names() -> String {
    std::env::var("LISTEN_FDNAMES").unwrap_or_default()
}

/// Whether systemd is told of our state through a socket that is no file.
pub fn notifies_abstract_socket() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some_and(|name| name.as_encoded_bytes().starts_with(b"@"))
}

/// The listener for requests that there is where none is written.
pub fn default_auth() -> ListenerSettings {
    let path = directory().join("auth.sock");
    let place = Place::Unix { path, mode: SOCKET_MODE, group: None };
    ListenerSettings::plain(AUTH, place, Kind::Native)
}

/// The listener for administrators that there is where none is written.
pub fn default_control() -> ListenerSettings {
    let path = directory().join("control.sock");
    let place = Place::Unix { path, mode: CONTROL_MODE, group: None };
    ListenerSettings::plain(CONTROL, place, Kind::Control)
}

/// The listeners that are written, without those in which there is a mistake.
pub(super) fn read(top: &Table<'_>) -> Vec<ListenerSettings> {
    let tables = top.tables_if_any(&top::LISTENERS);
    tables.into_iter().filter_map(|(name, table)| read_listener(name, &table)).collect()
}

fn read_listener(name: &str, table: &Table<'_>) -> Option<ListenerSettings> {
    let (kind, key) = match (table.has(&keys::SOCKET), table.has(&keys::CONTROL)) {
        (true, false) => (Kind::Native, &keys::SOCKET),
        (false, true) => (Kind::Control, &keys::CONTROL),
        (false, false) | (true, true) => {
            table.problem(&keys::SOCKET, "write exactly one of socket and control");
            return None;
        }
    };
    let mode = table.parsed(&keys::MODE, read_mode);
    let group = table.parsed(&keys::GROUP, read_group);
    let default_mode = if kind == Kind::Control { CONTROL_MODE } else { SOCKET_MODE };
    let place = table.parsed(key, |text| match text.strip_prefix(SYSTEMD) {
        Some("") => Err("write the name of the descriptor behind systemd:".to_owned()),
        Some(name) => Ok(Place::Systemd(name.to_owned())),
        None if Path::new(text).is_absolute() => {
            let mode = mode.unwrap_or(default_mode);
            Ok(Place::Unix { path: text.into(), mode, group })
        }
        None => Err("write the whole path of a socket, from / on, or \"systemd:NAME\"".to_owned()),
    })?;
    if matches!(place, Place::Systemd(_)) {
        if table.has(&keys::MODE) {
            table
                .problem(&keys::MODE, "systemd has made the socket: write SocketMode= in its unit");
        }
        if table.has(&keys::GROUP) {
            table.problem(
                &keys::GROUP,
                "systemd has made the socket: write SocketGroup= in its unit",
            );
        }
    }
    let users = table.get(&keys::USERS).map(|users| read_users(table, &users));
    let domains = table.get(&keys::DOMAINS);
    let domains =
        domains.map(|domains| domains.iter().map(|domain| Account::domain(domain)).collect());
    let terms = Terms {
        users,
        verbs: table.get(&keys::VERBS_ALLOWED).unwrap_or_else(|| vec![Verb::Auth, Verb::IsUser]),
        domains,
        answer_within: table.get(&keys::ANSWER_WITHIN).unwrap_or(ANSWER_WITHIN),
        window: table.get_or_default(&keys::MAX_IN_FLIGHT),
    };
    let max_connections = table.get_or_default(&keys::MAX_CONNECTIONS);
    Some(ListenerSettings { name: name.to_owned(), place, kind, max_connections, terms })
}

fn read_mode(text: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777);
    mode.ok_or_else(|| "write an octal number such as \"0660\"".to_owned())
}

fn read_group(name: &str) -> Result<u32, String> {
    match Group::from_name(name) {
        Ok(Some(group)) => Ok(group.gid.as_raw()),
        Ok(None) => Err("there is no group of this name on this machine".to_owned()),
        Err(error) => Err(format!("nobody can tell whether there is such a group: {error}")),
    }
}

/// Nobody can connect as a user that there is not.
fn read_users(table: &Table<'_>, users: &[UserName]) -> Vec<u32> {
    let number = |user: &UserName| match user {
        UserName::Number(number) => Some(*number),
        UserName::Name(name) => {
            let found = User::from_name(name);
            let problem = match found {
                Ok(Some(user)) => return Some(user.uid.as_raw()),
                Ok(None) => "there is no user of this name on this machine".to_owned(),
                Err(error) => format!("nobody can tell whether there is such a user: {error}"),
            };
            table.problem(&keys::USERS, problem);
            None
        }
    };
    users.iter().filter_map(number).collect()
}
