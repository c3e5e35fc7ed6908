//! The `[listen.NAME]` tables: what the daemon listens on.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::unistd::{Group, User};

use super::configuration::Configuration;
use super::effective::Origin;
use super::keys::listen as keys;
use super::keys::top;
use super::keys::{AnyKey, Key};
use super::secret;
use super::startup::check_socket;
use super::table::Table;
use super::value::{Text, UserName};
use crate::files::RUN_DIRECTORY;
use crate::jid::Account;
use crate::listen::http::credentials::Credentials;
use crate::listen::settings::{
    HttpTerms, ListenAddress, ListenerKind, ListenerSettings, ListenerTerms, NOT_OF_PORTS, SYSTEMD,
};
use crate::protocol::dialect::Dialect;

/// The names of the listeners that there are if nothing is written.
pub const AUTH: &str = "auth";
/// See [`AUTH`].
pub const CONTROL: &str = "control";

const KINDS: [ListenerKind; 4] =
    [ListenerKind::Native, ListenerKind::Http, ListenerKind::Metrics, ListenerKind::Control];

/// Of each kind, the key that says where it listens.
fn key_of(kind: ListenerKind) -> &'static Key<Text> {
    match kind {
        ListenerKind::Native => &keys::SOCKET,
        ListenerKind::Http => &keys::HTTP,
        ListenerKind::Metrics => &keys::METRICS,
        ListenerKind::Control => &keys::CONTROL,
    }
}

/// A question over HTTP is worked on for so long, if nothing else is said; that of MongooseIM, which
/// waits 2 s by default, for less.
const HTTP_WITHIN: Duration = Duration::from_secs(8);
const MONGOOSEIM_WITHIN: Duration = Duration::from_millis(1800);

const SOCKET_MODE: u32 = 0o660;
const CONTROL_MODE: u32 = 0o600;

/// The directory of the sockets: systemd's `RuntimeDirectory=`, or the usual one.
pub fn directory() -> PathBuf {
    let given = std::env::var_os("RUNTIME_DIRECTORY").filter(|given| !given.is_empty());
    let first = given.and_then(|given| std::env::split_paths(&given).next());
    first.unwrap_or_else(|| RUN_DIRECTORY.into())
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
    let address = ListenAddress::Unix { path, mode: SOCKET_MODE, group: None };
    ListenerSettings::plain(AUTH, address, ListenerKind::Native)
}

/// The listener for administrators that there is where none is written.
pub fn default_control() -> ListenerSettings {
    let path = directory().join("control.sock");
    let address = ListenAddress::Unix { path, mode: CONTROL_MODE, group: None };
    ListenerSettings::plain(CONTROL, address, ListenerKind::Control)
}

/// The listeners that are written, without those in which there is a mistake; `caller` is the one that
/// the file names.
pub(super) fn read(top: &Table<'_>, caller: Option<Dialect>) -> Vec<ListenerSettings> {
    let mut listeners: Vec<ListenerSettings> = Vec::new();
    for (name, table) in top.tables_if_any(&top::LISTENERS) {
        let Some(listener) = read_listener(name, &table, caller) else { continue };
        match listeners.iter().find(|other| other.address.excludes(&listener.address)) {
            Some(other) => {
                let text = format!("[listen.{}] is there as well: write another", other.name);
                table.problem(key_of(listener.kind), text);
            }
            None => listeners.push(listener),
        }
    }
    listeners
}

/// Remarks on listeners that were read, beside what is served.
pub(super) fn remark(top: &Table<'_>, listeners: &[ListenerSettings], served: &Configuration) {
    let domains = served.domains();
    for (name, table) in top.tables_if_any(&top::LISTENERS) {
        let Some(listener) = listeners.iter().find(|it| it.name == name) else { continue };
        let of_listener = listener.terms.domains.iter().flatten();
        for domain in of_listener.filter(|it| !domains.contains_key(it.as_str())) {
            let text =
                format!("{domain} is not served here: write a [domain] that is, or this one");
            table.remark(&keys::DOMAINS, &text);
        }
        let ListenAddress::Unix { path, mode, .. } = &listener.address else { continue };
        if mode & 0o006 != 0 && listener.terms.users.is_none() {
            table.remark(
                &keys::MODE,
                "every user of this machine may connect: write \"0660\" and a group, or users",
            );
        }
        let parent = path.parent().unwrap_or(path);
        if parent != directory() && !parent.exists() {
            let text = format!(
                "there is no directory {}: make it before the daemon starts, or let its unit do so (RuntimeDirectory=)",
                parent.display()
            );
            table.remark(key_of(listener.kind), &text);
        }
    }
}

fn read_listener(
    name: &str,
    table: &Table<'_>,
    caller: Option<Dialect>,
) -> Option<ListenerSettings> {
    let mut written = KINDS.into_iter().filter(|kind| table.has(key_of(*kind)));
    let (Some(kind), None) = (written.next(), written.next()) else {
        table.problem(&keys::SOCKET, "write exactly one of socket, http, metrics and control");
        return None;
    };
    let mode = table.parsed(&keys::MODE, read_mode);
    let group = table.parsed(&keys::GROUP, read_group);
    let default_mode = if kind == ListenerKind::Control { CONTROL_MODE } else { SOCKET_MODE };
    let address = table.parsed(key_of(kind), |text| match text.strip_prefix(SYSTEMD) {
        Some(_) if kind == ListenerKind::Control => Err(
            "commands find the daemon by this path: write one, of a socket that the daemon makes"
                .to_owned(),
        ),
        Some("") => Err("write the name of the descriptor behind systemd:".to_owned()),
        Some(name) => Ok(ListenAddress::Systemd(name.to_owned())),
        None if Path::new(text).is_absolute() => {
            let mode = mode.unwrap_or_else(|| {
                table.stand_in(&keys::MODE, format!("{default_mode:04o}"), Origin::Default);
                default_mode
            });
            check_socket(Path::new(text))?;
            Ok(ListenAddress::Unix { path: text.into(), mode, group })
        }
        None => read_port(text, kind).map(ListenAddress::Tcp),
    })?;
    check_address(table, &address);
    if !matches!(address, ListenAddress::Unix { .. }) {
        table.forget(&keys::MODE);
        table.forget(&keys::GROUP);
    }
    let http = read_http(table, kind);
    let defaults = ListenerTerms::default();
    let within = match kind {
        ListenerKind::Http if table.get(&keys::CALLER).or(caller) == Some(Dialect::MongooseIm) => {
            MONGOOSEIM_WITHIN
        }
        ListenerKind::Http => HTTP_WITHIN,
        ListenerKind::Native | ListenerKind::Metrics | ListenerKind::Control => {
            defaults.answer_within
        }
    };
    let users = table.get(&keys::USERS).map(|users| read_users(table, &users));
    if matches!(address, ListenAddress::Tcp(_)) {
        table.forget(&keys::USERS);
    }
    let domains = table.get(&keys::DOMAINS);
    let domains =
        domains.map(|domains| domains.iter().map(|domain| Account::domain(domain)).collect());
    let terms = ListenerTerms {
        users,
        verbs: table.get(&keys::VERBS_ALLOWED).unwrap_or(defaults.verbs),
        domains,
        answer_within: table.get_or(&keys::ANSWER_WITHIN, within),
        window: table.get_or_default(&keys::MAX_IN_FLIGHT),
        http: http?,
    };
    let max_connections = table.get_or_default(&keys::MAX_CONNECTIONS);
    // A default in the place of a mistake could let in more than what was meant.
    let settings =
        ListenerSettings { name: name.to_owned(), address, kind, max_connections, terms };
    table.is_right().then_some(settings)
}

/// A port of this machine.
fn read_port(text: &str, kind: ListenerKind) -> Result<SocketAddr, String> {
    const PATH: &str = "write the whole path of a socket, from / on";
    match (text.parse::<SocketAddr>(), kind) {
        (Ok(address), _) => kind.check_port(address).map(|()| address).map_err(str::to_owned),
        (Err(_), ListenerKind::Control) => Err(PATH.to_owned()),
        (Err(_), ListenerKind::Native) => Err(format!("{PATH}, or \"systemd:NAME\"")),
        (Err(_), ListenerKind::Http | ListenerKind::Metrics) => Err(format!(
            "write an address such as \"127.0.0.1:5281\"; or {PATH}, or \"systemd:NAME\""
        )),
    }
}

/// What is said of a socket that cannot be said of one that is made elsewhere, or of a port.
fn check_address(table: &Table<'_>, address: &ListenAddress) {
    let keys: [(&AnyKey, &str); 3] = match address {
        ListenAddress::Unix { .. } => return,
        ListenAddress::Tcp(_) => [
            (&keys::MODE, NOT_OF_PORTS),
            (&keys::GROUP, NOT_OF_PORTS),
            (&keys::USERS, NOT_OF_PORTS),
        ],
        ListenAddress::Systemd(_) => [
            (&keys::MODE, "systemd has made the socket: write SocketMode= in its unit"),
            (&keys::GROUP, "systemd has made the socket: write SocketGroup= in its unit"),
            (&keys::USERS, ""),
        ],
    };
    for (key, text) in keys.into_iter().filter(|(key, text)| !text.is_empty() && table.has(key)) {
        table.problem(key, text);
    }
}

/// What holds for HTTP alone; `None` if nobody could be let in by it.
fn read_http(table: &Table<'_>, kind: ListenerKind) -> Option<HttpTerms> {
    if kind != ListenerKind::Http {
        let only: [&AnyKey; 3] =
            [&keys::CREDENTIALS_FILE, &keys::CALLER, &keys::UNAVAILABLE_STATUS];
        for key in only.into_iter().filter(|key| table.has(key)) {
            table.problem(key, "this is for http alone; leave it out");
        }
        return Some(HttpTerms::default());
    }
    let unavailable = table.get(&keys::UNAVAILABLE_STATUS);
    let Some(path) = table.path(&keys::CREDENTIALS_FILE) else {
        table.problem(
            &keys::HTTP,
            "any user of this machine could guess passwords: write credentials_file, a file with one user:password a line",
        );
        return None;
    };
    let read = secret::text_of_file(&path)
        .and_then(|text| Credentials::parse(&text).map_err(|error| error.to_string()));
    let credentials = read.map_err(|text| table.problem(&keys::CREDENTIALS_FILE, text)).ok()?;
    let unavailable = unavailable.unwrap_or(HttpTerms::default().unavailable);
    Some(HttpTerms { credentials, unavailable })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[test]
    fn a_mistake_in_a_listener_leaves_no_other_listener_in_its_place() {
        let listeners = |more: &str| {
            let text = format!("[listen.ab]\nsocket = \"/b\"\n[listen.a]\nsocket = \"/a\"\n{more}");
            let reading = config::read(&text, Some(Dialect::Ejabberd), None);
            reading.listeners.into_iter().map(|it| it.name).collect::<Vec<_>>()
        };
        assert_eq!(listeners("mode = \"0600\""), ["a", "ab"]);
        for mistake in [
            "mode = \"066O\"",
            "mode = 660",
            "group = \"no such group\"",
            "users = \"no such user\"",
            "user = \"root\"",
            "verbs = [\"login\"]",
            "domains = 7",
            "answer_within = \"soon\"",
            "max_connections = 0",
            "max_in_flight = 0",
            "unavailable_status = 400",
        ] {
            assert_eq!(listeners(mistake), ["ab"], "{mistake}");
        }
    }

    #[test]
    fn what_the_catalogue_says_of_a_default_is_what_stands_in() {
        let directory = tempfile::tempdir().unwrap();
        let credentials = directory.path().join("credentials");
        std::fs::write(&credentials, "a:b\n").unwrap();
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&credentials, private).unwrap();
        let http = format!("http = \"127.0.0.1:1\"\ncredentials_file = {credentials:?}\n");
        let of_mongooseim = format!("{http}caller = \"mongooseim\"\n");
        let (socket, control) = ("socket = \"/a\"\n", "control = \"/a\"\n");
        let defaults: [(&AnyKey, &[&str]); 4] = [
            (&keys::MODE, &[socket, control]),
            (&keys::VERBS_ALLOWED, &[socket]),
            (&keys::UNAVAILABLE_STATUS, &[&http]),
            (&keys::ANSWER_WITHIN, &[socket, &http, &of_mongooseim]),
        ];
        for (key, listeners) in defaults {
            // Each value stands between backticks, and so does the key of a listener that it is for.
            let values = key.otherwise.unwrap().split('`').skip(1).step_by(2);
            let values: Vec<_> = values.filter(|text| *text != "control").collect();
            assert_eq!(values.len(), listeners.len(), "{values:?}");
            for (value, listener) in values.iter().zip(listeners) {
                let read = |more: &str| {
                    let text = format!("[listen.a]\n{listener}{more}");
                    let mut read = config::read(&text, Some(Dialect::Prosody), None).listeners;
                    format!("{:?}", read.pop().unwrap())
                };
                assert_eq!(read(""), read(&format!("{} = {value}", key.name)), "{listener}");
            }
        }
    }
}
