//! What hurts in ejabberd's settings.

use std::collections::BTreeMap;
use std::path::Path;

use super::ejabberd::Ejabberd;
use super::findings::{FileLine, Findings};
use super::own_configuration::{OwnConfiguration, PLAIN_IS_NEEDED, judge_socket};
use super::program::CommandLine;
use super::yaml::YamlValue;
use crate::config::startup::Startup;
use crate::config::{self, DEFAULT_PATH};
use crate::protocol::dialect::Dialect;

/// A longer stanza can hold a password that is too long for ejabberd's packets.
const LARGEST_STANZA: u64 = 65_536;

/// Tells what hurts.
pub(super) fn judge(ejabberd: &Ejabberd, own: OwnConfiguration<'_>, found: &mut Findings) {
    let asks = |host: &str| {
        let methods = ejabberd.of_host(host, "auth_method").map(|methods| ejabberd.texts(methods));
        let methods = methods.unwrap_or_default();
        let is_asking = methods.contains(&Some("external"));
        (is_asking || !methods.contains(&None)).then_some(is_asking)
    };
    // Whether a host asks; `None` where only ejabberd can tell.
    let hosts: Vec<_> =
        ejabberd.hosts().map(|host| host.and_then(|it| Some((asks(&it.0)?, it)))).collect();
    let is_sure = !hosts.contains(&None);
    let all: Vec<_> = hosts.iter().flatten().map(|(_, host)| host.clone()).collect();
    let asking: Vec<_> = hosts.into_iter().flatten().filter(|it| it.0).map(|it| it.1).collect();
    if asking.is_empty() && is_sure {
        let text = match all.is_empty() {
            true => "there are no hosts in this file: is it ejabberd.yml?",
            false => "no host asks this program; write auth_method: [external]",
        };
        let written = ejabberd.all("auth_method").last();
        found.error(written.map_or(&ejabberd.file, |it| &it.place), "auth_method", text);
    }
    own.judge_hosts(&asking, &all, "hosts", found);
    let hosts: Vec<_> =
        asking.iter().map(|(name, _)| EjabberdHost::new(ejabberd, name, own)).collect();
    // What is started decides whether a daemon answers, whatever file is checked.
    let mut startups = hosts.iter().filter_map(|host| host.startup.as_ref()).peekable();
    let is_of_daemon = match startups.peek() {
        None => own.is_of_daemon,
        Some(_) => startups.all(|startup| startup.daemon.is_some()),
    };
    let own = OwnConfiguration { is_of_daemon, ..own };
    let mut pools = BTreeMap::new();
    for host in &hosts {
        host.judge(own, found);
        let Some((size, place)) = host.pool() else { continue };
        // Hosts with the same name of a pool share it.
        let name = host.text("extauth_pool_name").unwrap_or(host.name);
        pools.insert(name, (size, place));
    }
    for (size, place) in pools.values() {
        judge_pool(*size, place, own, found);
    }
    for (old, new) in
        [("extauth_instances", "extauth_pool_size"), ("extauth_cache", "auth_use_cache: false")]
    {
        if let Some(value) = ejabberd.all(old).last() {
            let text = format!("ejabberd has no such option since 18.06; write {new}");
            found.error(&value.place, old, text);
        }
    }
    if !asking.is_empty() {
        judge_listeners(ejabberd, own, found);
    }
}

/// The settings of a host that asks this program.
#[derive(Debug)]
struct EjabberdHost<'a> {
    ejabberd: &'a Ejabberd,
    name: &'a str,
    program: Option<CommandLine>,
    /// What the program starts with, if it is this one; `None` where nobody can tell.
    startup: Option<Startup>,
}

impl<'a> EjabberdHost<'a> {
    fn new(ejabberd: &'a Ejabberd, name: &'a str, own: OwnConfiguration<'_>) -> Self {
        let host = Self { ejabberd, name, program: None, startup: None };
        let program = host.text("extauth_program").and_then(CommandLine::parse);
        let startup = program.as_ref().and_then(|program| startup(program, own));
        Self { program, startup, ..host }
    }

    fn get(&self, key: &'a str) -> Option<&'a YamlValue> {
        self.ejabberd.of_host(self.name, key)
    }

    fn text(&self, key: &'a str) -> Option<&'a str> {
        self.get(key).and_then(|value| self.ejabberd.text(value))
    }

    /// How many processes there are in its pool, and where that is written; `None` where only ejabberd
    /// can tell.
    fn pool(&self) -> Option<(usize, FileLine)> {
        Some(match self.get("extauth_pool_size") {
            Some(size) => (self.ejabberd.text(size)?.parse().ok()?, size.place.clone()),
            None => {
                let size = std::thread::available_parallelism().map_or(1, Into::into);
                (size, self.ejabberd.file.clone())
            }
        })
    }

    fn judge(&self, own: OwnConfiguration<'_>, found: &mut Findings) {
        let ejabberd = self.ejabberd;
        let texts = |key| self.get(key).map(|value| ejabberd.texts(value)).unwrap_or_default();
        let others = texts("auth_method").into_iter().flatten();
        let others = others.filter(|method| !["external", "anonymous"].contains(method));
        let others = others.collect::<Vec<_>>().join(", ");
        if let Some(value) = self.get("auth_method").filter(|_| !others.is_empty()) {
            let text = format!(
                "a password that the directory refuses may still be right for {others}; write [external] alone, unless that is meant"
            );
            found.remark(&value.place, "auth_method", text);
        }
        let cache = ["auth_use_cache", "use_cache"].into_iter().find_map(|key| self.get(key));
        if cache.is_none_or(|value| ejabberd.flag(value) == Some(true)) {
            let place = cache.map_or(&ejabberd.file, |value| &value.place);
            let text = "ejabberd's own cache is on, so that it accepts old passwords and disabled accounts, and refuses new passwords, for an hour; write auth_use_cache: false";
            found.error(place, "auth_use_cache", text);
        }
        match self.get("extauth_program") {
            None => {
                let text = "write extauth_program: /usr/bin/xmpp-ldap-auth-ejabberd, or where that is installed";
                found.error(&ejabberd.file, "extauth_program", text);
            }
            Some(value) => {
                if let Some(program) = &self.program {
                    self.judge_program(program, &value.place, own, found);
                }
            }
        }
        const MECHANISMS: &str = "disable_sasl_mechanisms";
        if let Some(value) = self.get(MECHANISMS)
            && texts(MECHANISMS).iter().flatten().any(|name| name.eq_ignore_ascii_case("plain"))
        {
            found.error(&value.place, MECHANISMS, PLAIN_IS_NEEDED);
        }
        const FORMAT: &str = "auth_password_format";
        if let Some(value) = self.get(FORMAT).filter(|_| self.text(FORMAT) == Some("scram")) {
            let text = "this is for passwords that ejabberd stores, and a directory gives none out: clients have to offer PLAIN, and one that insists on SCRAM cannot sign in";
            found.remark(&value.place, FORMAT, text);
        }
        const NEGOTIATION: &str = "negotiation_timeout";
        let within = own.answer_within();
        if let Some(value) = self.get(NEGOTIATION)
            && ejabberd.time(value).is_some_and(|time| time <= within)
        {
            let text = format!(
                "a client is cut off before it is answered, which may take {within:?}; write more, or a shorter answer_within in {}",
                own.path.display()
            );
            found.error(&value.place, NEGOTIATION, text);
        }
    }

    fn judge_program(
        &self,
        program: &CommandLine,
        place: &FileLine,
        own: OwnConfiguration<'_>,
        found: &mut Findings,
    ) {
        const KEY: &str = "extauth_program";
        if !program.program.is_absolute() {
            let text = "this is looked for where ejabberd is told to look (PATH); write the whole path, from / on";
            return found.remark(place, KEY, text);
        }
        program.judge(place, KEY, found);
        let written = self.startup.as_ref().and_then(Startup::written_caller);
        match program.caller().or(written) {
            Some(Dialect::Ejabberd) => {}
            Some(other) => {
                let text = format!(
                    "by its name, its arguments or its configuration this answers {other}; write xmpp-ldap-auth-ejabberd, a link to the program"
                );
                found.error(place, KEY, text);
            }
            None if self.startup.is_some() => {
                let text = "nothing says that ejabberd asks; write xmpp-ldap-auth-ejabberd, a link to the program, or caller = \"ejabberd\" in its configuration";
                found.error(place, KEY, text);
            }
            None => {}
        }
        let file = file_of(program);
        if own.is_this(file) || !program.is_ours() {
            return;
        }
        match self.startup.as_ref().and_then(|startup| startup.daemon.as_ref()) {
            Some(socket) => judge_socket(socket, None, place, KEY, found),
            None => {
                let text = format!(
                    "this reads {} unless its environment names another file, and what is checked is {}",
                    file.display(),
                    own.path.display()
                );
                found.remark(place, KEY, text);
            }
        }
    }
}

/// The configuration that a program reads.
fn file_of(program: &CommandLine) -> &Path {
    Path::new(program.argument("--config").unwrap_or(DEFAULT_PATH))
}

/// What a program that is this one starts with; `None` where nobody can tell.
fn startup(program: &CommandLine, own: OwnConfiguration<'_>) -> Option<Startup> {
    let file = file_of(program);
    match own.is_this(file) {
        _ if !program.is_ours() => None,
        true => Some(own.reading.startup.clone()),
        false => file.exists().then(|| config::load(file, None, None).startup),
    }
}

fn judge_pool(size: usize, place: &FileLine, own: OwnConfiguration<'_>, found: &mut Findings) {
    const KEY: &str = "extauth_pool_size";
    if let Some(budget) = own.budget().filter(|_| size > 1) {
        let failures = budget.failures;
        let within = humantime::format_duration(budget.within);
        let all = u64::from(failures).saturating_mul(u64::try_from(size).unwrap_or(u64::MAX));
        found.remark(place, KEY, format!("{size} processes, each of which lets {failures} wrong passwords of an account through, are {all} in any {within}: the directory must lock at more, which `probe` shows; a daemon has one guard for all"));
    }
    if size == 1 {
        let text = "one process answers one user at a time; write 4 or more";
        found.remark(place, KEY, text);
    }
}

fn judge_listeners(ejabberd: &Ejabberd, own: OwnConfiguration<'_>, found: &mut Findings) {
    let listeners = ejabberd.all("listen").flat_map(YamlValue::items);
    let module = |listener: &YamlValue| {
        listener.get("module").and_then(|it| ejabberd.text(it)) == Some("ejabberd_c2s")
    };
    for listener in listeners.filter(|listener| module(listener)) {
        const STANZA: &str = "max_stanza_size";
        let size = listener.get(STANZA);
        let is_larger = |size: &str| size.parse::<u64>().map_or(true, |it| it > LARGEST_STANZA);
        let is_large = size.is_none_or(|size| ejabberd.text(size).is_some_and(is_larger));
        if own.remembers() && is_large {
            let place = size.map_or(&listener.place, |value| &value.place);
            let text = format!(
                "a password of more than 65,000 bytes ends a process, and with it what its guard and cache remember; write {STANZA}: {LARGEST_STANZA}"
            );
            found.remark(place, STANZA, text);
        }
        let is_off = |key| listener.get(key).is_none_or(|it| ejabberd.flag(it) == Some(false));
        if is_off("starttls_required") && is_off("tls") {
            let text = "clients may send their passwords in the clear; write starttls_required: true, or tls: true";
            found.remark(&listener.place, "starttls_required", text);
        }
    }
}
