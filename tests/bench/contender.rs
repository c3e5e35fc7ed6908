//! Who is compared.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::process::Command;

use anyhow::Result;
use ldap_fixtures::slapd::{BASE, SERVICE_DN, SERVICE_PASSWORD};

use crate::daemon::{Native, Relays};
use crate::dovecot::{Asking, Dovecot};
use crate::extauth::{Program, Spread};
use crate::figures::{Figures, Load, Work};
use crate::libldap::{self, Libldap, Manner};
use crate::library::Ldap3;
use crate::saslauthd::Saslauthd;
use crate::site::{Setting, Site, binary, user_dn};

/// The built binary, with all requests on one process.
pub const OURS: &str = "xmpp-ldap-auth";
/// The built binary, a process for each request in flight.
pub const OURS_EACH: &str = "xmpp-ldap-auth, N processes";
/// A daemon, and a relay for each request in flight.
pub const RELAYED: &str = "xmpp-ldap-auth, N relays";
/// A daemon, with all requests on one connection to its socket.
pub const NATIVE: &str = "xmpp-ldap-auth, native socket";
pub const THREADS: &str = "libldap, N threads";
pub const PIPELINED: &str = "libldap, pipelined";
pub const LIBRARY: &str = "ldap3";
pub const SASLAUTHD: &str = "saslauthd";
pub const DOVECOT: &str = "Dovecot auth";
pub const KEPT: &str = "Python, kept connections";
pub const FRESH: &str = "Python, one per request";
/// All, in the order in which they are shown.
pub const CONTENDERS: [&str; 11] = [
    OURS, OURS_EACH, RELAYED, NATIVE, THREADS, PIPELINED, LIBRARY, SASLAUTHD, DOVECOT, KEPT, FRESH,
];
/// Everybody who does what we do.
pub const RIVALS: [&str; 4] = [SASLAUTHD, DOVECOT, KEPT, FRESH];

/// Somebody who answers requests, in one setting.
pub trait Contender {
    /// Whether it answers this question, with so many in flight.
    fn serves(&self, work: Work, in_flight: usize) -> bool;
    /// Does the work; every answer must be a yes.
    fn run(&mut self, load: &Load) -> Result<Figures>;
}

/// What a contender keeps running for each work, started when it is first wanted.
pub struct Running<T>(BTreeMap<Work, T>);

impl<T> Default for Running<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> Running<T> {
    pub fn get(&mut self, work: Work, start: impl FnOnce() -> Result<T>) -> Result<&mut T> {
        Ok(match self.0.entry(work) {
            Entry::Occupied(running) => running.into_mut(),
            Entry::Vacant(place) => place.insert(start()?),
        })
    }
}

/// A contender with the settings that are tried; the best counts.
pub struct Entrant<'a> {
    pub name: &'static str,
    pub settings: Vec<(String, Box<dyn Contender + 'a>)>,
}

impl<'a> Entrant<'a> {
    fn new(name: &'static str) -> Self {
        Self { name, settings: Vec::new() }
    }

    fn with(mut self, setting: &str, contender: impl Contender + 'a) -> Self {
        self.settings.push((setting.to_owned(), Box::new(contender)));
        self
    }
}

/// All of them.
pub fn entrants<'a>(site: &'a Site, libldap: &'a libldap::Program) -> Result<Vec<Entrant<'a>>> {
    let config = |size: usize| {
        for work in Work::ALL {
            let setting = Setting { pool: &format!("size = {size}"), ..Setting::of(work) };
            site.configure(&format!("pool-{size}-{work:?}"), &setting)?;
        }
        anyhow::Ok(move |work| site.path().join(format!("pool-{size}-{work:?}.toml")))
    };
    let ours = |size: usize| {
        let config = config(size)?;
        anyhow::Ok(move |work| binary(&config(work)))
    };
    let python = |manner: &'static str| {
        Program::new(site, Spread::LockStep, 1..=16, move |work| script(site, manner, work))
    };
    let threads = Libldap { program: libldap, site, manner: Manner::Threads };
    let pipelined = Libldap { program: libldap, site, manner: Manner::Pipelined };
    Ok(vec![
        Entrant::new(OURS)
            .with("pool.size = 16", Program::new(site, Spread::OneProcess, 1..=16, ours(16)?))
            .with("pool.size = 64", Program::new(site, Spread::OneProcess, 17..=64, ours(64)?)),
        Entrant::new(OURS_EACH)
            .with("default", Program::new(site, Spread::LockStep, 2..=16, ours(8)?)),
        Entrant::new(RELAYED)
            .with("pool.size = 8", Relays::new(site, "relays-8", config(8)?))
            .with("pool.size = 16", Relays::new(site, "relays-16", config(16)?)),
        Entrant::new(NATIVE)
            .with("pool.size = 16", Native::new(site, "native-16", 1..=16, config(16)?))
            .with("pool.size = 64", Native::new(site, "native-64", 17..=64, config(64)?)),
        Entrant::new(THREADS).with("", threads),
        Entrant::new(PIPELINED).with("", pipelined),
        Entrant::new(LIBRARY).with("N tasks", Ldap3 { url: site.slapd.url().into() }),
        Entrant::new(SASLAUTHD)
            .with("-n 1", Saslauthd::new(site, 1))
            .with("-n 8", Saslauthd::new(site, 8))
            .with("-n 16", Saslauthd::new(site, 16)),
        Entrant::new(DOVECOT)
            .with("blocking=no", Dovecot::new(site, Asking::Itself))
            .with("blocking=yes, 8 workers", Dovecot::new(site, Asking::Workers(8)))
            .with("blocking=yes, 30 workers", Dovecot::new(site, Asking::Workers(30))),
        Entrant::new(KEPT).with("N processes", python("kept")),
        Entrant::new(FRESH).with("N processes", python("fresh")),
    ])
}

fn script(site: &Site, manner: &str, work: Work) -> Command {
    // The interpreter that python3-ldap is installed for.
    let mut command = Command::new("/usr/bin/python3");
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bench/extauth.py"));
    command.args([manner, &site.slapd.url(), BASE, SERVICE_DN, SERVICE_PASSWORD]);
    if work == Work::Bind {
        command.arg(user_dn("{}"));
    }
    command
}
