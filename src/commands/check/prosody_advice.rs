//! What hurts in Prosody's settings.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::findings::{FileLine, Findings};
use super::lua::LuaValue;
use super::own_configuration::{OwnConfiguration, PLAIN_IS_NEEDED, judge_socket};
use super::program::CommandLine;
use super::prosody::{Prosody, ProsodyHost};
use crate::commands::prosody_module::MODULE;
use crate::files;
use crate::protocol::dialect::Dialect;

/// By which a host asks the daemon.
const BY_DAEMON: &str = "xmpp_ldap";

/// By which a host asks a program on a terminal; the second is its older name.
const BY_TERMINAL: [&str; 2] = ["external_insecure", "external"];

/// Where Prosody's packages keep modules.
const MODULES: [&str; 4] = [
    "/usr/lib/prosody/modules",
    "/usr/lib64/prosody/modules",
    "/usr/local/lib/prosody/modules",
    "/var/lib/prosody/custom_plugins",
];

/// The defaults of mod_auth_xmpp_ldap.
const SOCKET: &str = "/run/xmpp-ldap-auth/prosody.sock";
const DAEMON_PATIENCE: f64 = 10.0;

/// Tells what hurts.
pub(super) fn judge(prosody: &Prosody, own: OwnConfiguration<'_>, found: &mut Findings) {
    let mut asking = Vec::new();
    for host in prosody.started() {
        let Some((LuaValue::Text(method), place)) = prosody.get(host, "authentication") else {
            continue;
        };
        let host = AskingHost { prosody, host, method, place };
        if method == BY_DAEMON {
            host.judge_module(found);
            host.judge_daemon(own, found);
        } else if BY_TERMINAL.contains(&method.as_str()) {
            host.judge_module(found);
            host.judge_terminal(own, found);
        } else {
            continue;
        }
        host.judge_sasl(found);
        asking.push((host.host.name.clone(), host.host.place.clone()));
    }
    if asking.is_empty() {
        const KEY: &str = "authentication";
        let mut written = prosody.started().filter_map(|host| prosody.get(host, KEY));
        let place = written.next().map_or(&prosody.file, |(_, place)| place);
        if prosody.is_computed() {
            let text =
                "which hosts ask this program is computed, so that nobody but Prosody can tell";
            found.remark(place, KEY, text);
        } else if prosody.started().next().is_none() {
            let text =
                "there is no VirtualHost in this file that is enabled, so that nobody can sign in";
            found.error(place, KEY, text);
        } else {
            let text = format!("no host asks this program; write authentication = \"{BY_DAEMON}\"");
            found.error(place, KEY, text);
        }
    }
    let all = prosody.started().map(|host| (host.name.clone(), host.place.clone()));
    own.judge_hosts(&asking, &all.collect::<Vec<_>>(), "VirtualHost", found);
}

/// A host that asks this program.
#[derive(Clone, Copy)]
struct AskingHost<'a> {
    prosody: &'a Prosody,
    host: &'a ProsodyHost,
    method: &'a str,
    /// Where that is written.
    place: &'a FileLine,
}

impl<'a> AskingHost<'a> {
    fn get(self, key: &str) -> Option<&'a (LuaValue, FileLine)> {
        self.prosody.get(self.host, key)
    }

    /// A text, or else what holds where nothing is written; `None` where only Lua can tell.
    fn text_or<'b>(self, key: &str, otherwise: &'b str) -> Option<(&'b str, &'b FileLine)>
    where
        'a: 'b,
    {
        match self.get(key) {
            None => Some((otherwise, self.place)),
            Some((LuaValue::Text(text), place)) => Some((text, place)),
            Some(_) => None,
        }
    }

    /// The same of a time in seconds.
    fn time_or(self, key: &str, otherwise: f64) -> Option<(Duration, &'a FileLine)> {
        let (seconds, place) = match self.get(key) {
            None => (otherwise, self.place),
            Some((LuaValue::Number(number), place)) => (*number, place),
            Some(_) => return None,
        };
        Some((Duration::try_from_secs_f64(seconds).ok()?, place))
    }

    fn judge_module(self, found: &mut Findings) {
        const PATHS: &str = "plugin_paths";
        if let Some(place) = self.prosody.place_of_own(self.host, PATHS) {
            let text =
                "Prosody reads this for all hosts alone; write it above the first VirtualHost";
            return found.error(place, PATHS, text);
        }
        let Some(paths) = self.prosody.plugin_paths() else { return };
        let paths: Vec<_> = paths.into_iter().chain(MODULES.map(PathBuf::from)).collect();
        let name = format!("mod_auth_{}.lua", self.method);
        let within = |path: &PathBuf| {
            let folder = path.join(name.trim_end_matches(".lua"));
            [path.join(&name), folder.join(&name)].into_iter().find(|file| file.exists())
        };
        let Some(file) = paths.iter().find_map(within) else {
            let advice = match self.method {
                BY_DAEMON => "print it with `xmpp-ldap-auth prosody-module`",
                _ => "it is one of prosody-modules",
            };
            let text =
                format!("{name} is in no directory of plugin_paths, or not to be read; {advice}");
            return found.error(self.place, "authentication", text);
        };
        let shown = file.display();
        match files::bytes_of_another(&file) {
            Ok(bytes) if self.method == BY_DAEMON && bytes != MODULE.as_bytes() => {
                let text = format!(
                    "{shown} is of another version; print it anew with `xmpp-ldap-auth prosody-module`"
                );
                found.remark(self.place, "authentication", text);
            }
            Ok(_) => {}
            Err(error) => {
                found.error(self.place, "authentication", format!("{shown}: {error}"));
            }
        }
    }

    fn judge_daemon(self, own: OwnConfiguration<'_>, found: &mut Findings) {
        const KEY: &str = "xmpp_ldap_socket";
        const TIMEOUT: &str = "xmpp_ldap_timeout";
        let timeout = self.time_or(TIMEOUT, DAEMON_PATIENCE);
        let mut within = None;
        if let Some((socket, place)) = self.text_or(KEY, SOCKET) {
            let path = Path::new(socket);
            // Who may read this file is the daemon's user, and Prosody is another.
            let user = self.text_or("prosody_user", "prosody").map(|(user, _)| user);
            judge_socket(path, user, place, KEY, found);
            within = own.listener(path).map(|listener| listener.terms.answer_within);
        }
        if let Some((timeout, place)) = timeout {
            if let Some(within) = within.filter(|within| *within < timeout) {
                let text = format!(
                    "the daemon gives up after {within:?}, before {timeout:?} are over: write a longer answer_within for its listener, or less here"
                );
                found.remark(place, TIMEOUT, text);
            }
            self.judge_cut_off(timeout, found);
        }
    }

    fn judge_terminal(self, own: OwnConfiguration<'_>, found: &mut Findings) {
        const COMMAND: &str = "external_auth_command";
        match self.text_or(COMMAND, "") {
            None => {}
            Some(("", place)) => found.error(
                place,
                COMMAND,
                "write the path of the program, such as \"/usr/bin/xmpp-ldap-auth-prosody\"",
            ),
            Some((command, place)) => judge_command(command, place, found),
        }
        const PROTOCOL: &str = "external_auth_protocol";
        if let Some((_, place)) =
            self.text_or(PROTOCOL, "generic").filter(|(it, _)| *it != "generic")
        {
            let text =
                "lpty cannot pass any other than \"generic\", which is the default; leave it out";
            found.error(place, PROTOCOL, text);
        }
        const BLOCKING: &str = "external_auth_blocking";
        if let Some((LuaValue::Flag(false), place)) = self.get(BLOCKING) {
            let text = "without blocking, every sign-in hangs after the first; leave it out";
            found.error(place, BLOCKING, text);
        }
        const TIMEOUT: &str = "external_auth_timeout";
        let patience = own.reading.startup.caller.patience;
        let default = Dialect::Prosody.patience().as_secs_f64();
        if let Some((timeout, place)) = self.time_or(TIMEOUT, default) {
            let written = format!(
                "caller_gives_up_after = \"{}ms\" in {}",
                timeout.as_millis(),
                own.path.display()
            );
            match timeout.cmp(&patience) {
                // What a daemon's file says is not for this.
                _ if own.is_of_daemon => {}
                Ordering::Less => {
                    let text = format!(
                        "Prosody waits no longer than {timeout:?}, and an answer between that and {patience:?} would be taken for the next user's; write {}, or {written}",
                        patience.as_secs_f64()
                    );
                    found.error(place, TIMEOUT, text);
                }
                Ordering::Greater => {
                    let text = format!(
                        "Prosody waits longer than the {patience:?} that the program counts with; write {written} to use them"
                    );
                    found.remark(place, TIMEOUT, text);
                }
                Ordering::Equal => {}
            }
            self.judge_cut_off(timeout, found);
        }
    }

    /// Prosody closes a connection on which nobody has signed in for some time.
    fn judge_cut_off(self, patience: Duration, found: &mut Findings) {
        const KEY: &str = "c2s_timeout";
        if let Some((cut_off, place)) = self.time_or(KEY, 300.0)
            && cut_off <= patience
        {
            let text = format!(
                "a client is cut off before it is answered, which may take {patience:?}; write more"
            );
            found.error(place, KEY, text);
        }
    }

    fn judge_sasl(self, found: &mut Findings) {
        const MECHANISMS: &str = "disable_sasl_mechanisms";
        if let Some((LuaValue::Table(names), place)) = self.get(MECHANISMS)
            && names.iter().any(|name| matches!(name, LuaValue::Text(name) if name == "PLAIN"))
        {
            found.error(place, MECHANISMS, PLAIN_IS_NEEDED);
        }
        const CLEAR: &str = "allow_unencrypted_plain_auth";
        if let Some((LuaValue::Flag(true), place)) = self.get(CLEAR) {
            let text = "clients may send their passwords in the clear; leave it out";
            found.remark(place, CLEAR, text);
        }
    }
}

fn judge_command(command: &str, place: &FileLine, found: &mut Findings) {
    const KEY: &str = "external_auth_command";
    if command.contains(char::is_whitespace) && !Path::new(command).exists() {
        let text = "Prosody takes all of this for the path of a program, and passes no arguments; write one path: that of xmpp-ldap-auth-prosody, a link to the program, or of a script";
        return found.error(place, KEY, text);
    }
    let Some(command) = CommandLine::parse(command) else { return };
    if !command.program.is_absolute() {
        let text = "Prosody looks for this in its data directory and nowhere else; write the whole path, from / on";
        return found.error(place, KEY, text);
    }
    command.judge(place, KEY, found);
    if let Some(other) = command.caller().filter(|caller| *caller != Dialect::Prosody) {
        let text = format!(
            "by its name this answers {other}; write xmpp-ldap-auth-prosody, a link to the program"
        );
        found.error(place, KEY, text);
    }
}
