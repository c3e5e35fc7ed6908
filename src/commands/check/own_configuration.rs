//! What an XMPP server's settings have to fit: this program's configuration.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::findings::{FileLine, Findings};
use super::user;
use crate::config::Reading;
use crate::config::configuration::Configuration;
use crate::jid::Account;
use crate::listen::settings::{ListenAddress, ListenerSettings};
use crate::policy::guard::Budget;
use crate::relay::socket::{NoConnection, connect};

/// What is said where clients may not send their passwords.
pub(super) const PLAIN_IS_NEEDED: &str = "PLAIN is the only mechanism by which a directory can be asked, so that nobody can sign in; leave it out here";

/// The configuration that is checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct OwnConfiguration<'a> {
    /// Its file.
    pub(super) path: &'a Path,
    /// What is in it.
    pub(super) reading: &'a Reading,
    /// Whether it is a daemon's, which whoever is started asks.
    pub(super) is_of_daemon: bool,
}

impl<'a> OwnConfiguration<'a> {
    fn configuration(&self) -> Option<&'a Configuration> {
        self.reading.configuration.as_ref().ok()
    }

    /// Whether each process that the XMPP server starts has memories and connections of its own.
    pub(super) fn stands_alone(&self) -> bool {
        !self.is_of_daemon && self.reading.startup.daemon.is_none()
    }

    /// The budget of an account in each process, if it has a guard.
    pub(super) fn budget(&self) -> Option<Budget> {
        let guard = self.configuration()?.policy.guard.filter(|_| self.stands_alone())?;
        Some(guard.account)
    }

    /// Whether a process loses something that it remembers when it ends.
    pub(super) fn remembers(&self) -> bool {
        let policy = self.configuration().map(|configuration| configuration.policy);
        self.stands_alone()
            && policy.is_some_and(|policy| policy.guard.is_some() || policy.cache.is_some())
    }

    /// How long work on a request may take.
    pub(super) fn answer_within(&self) -> Duration {
        self.reading.startup.caller.terms.answer_within
    }

    /// The listener that makes the socket of this path; systemd may make others.
    pub(super) fn listener(&self, path: &Path) -> Option<&'a ListenerSettings> {
        self.reading.listeners.iter().find(|listener| {
            matches!(&listener.address, ListenAddress::Unix { path: own, .. } if own == path)
        })
    }

    /// Whether this is the file that is checked.
    pub(super) fn is_this(&self, path: &Path) -> bool {
        let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        real(path) == real(self.path)
    }

    /// Compares the hosts of an XMPP server with the domains that are served. `asking` are those hosts
    /// that ask this program, `all` are all of them.
    pub(super) fn judge_hosts(
        &self,
        asking: &[(String, FileLine)],
        all: &[(String, FileLine)],
        key: &str,
        found: &mut Findings,
    ) {
        let Some(configuration) = self.configuration().filter(|it| !it.directories.is_empty())
        else {
            return;
        };
        let served = configuration.domains();
        let is_served = |host: &str| served.contains_key(Account::domain(host).as_str());
        let is_any_served = asking.iter().any(|(host, _)| is_served(host));
        for (host, place) in asking.iter().filter(|(host, _)| !is_served(host)) {
            // Packages of XMPP servers bring this one, which nobody misses.
            if host == "localhost" && is_any_served {
                let text = "nobody can sign in at localhost, which is no domain that is served; leave this host out";
                found.remark(place, key, text);
                continue;
            }
            let text = format!(
                "{host} is no domain of {}, so that nobody there can sign in; write [domain.\"{host}\"] there",
                self.path.display()
            );
            found.error(place, key, text);
        }
        // Where none does, that is told by itself.
        let others = all.iter().filter(|host| !asking.is_empty() && !asking.contains(host));
        for (host, place) in others.filter(|(host, _)| is_served(host)) {
            let text = format!("{host} does not ask this program, although its domain is served");
            found.remark(place, key, text);
        }
    }
}

/// Whether the user who looks can connect to a daemon's socket, or, if that may not, `other` who will.
pub(super) fn judge_socket(
    path: &Path,
    other: Option<&str>,
    place: &FileLine,
    key: &str,
    found: &mut Findings,
) {
    let path_shown = path.display();
    match connect(path) {
        Ok(_) | Err(NoConnection::Busy) => {}
        Err(NoConnection::Forbidden(_)) if other.is_some_and(|it| user::may_write(it, path)) => {}
        Err(NoConnection::Absent(why)) => found.remark(
            place,
            key,
            format!("nobody listens at {path_shown} ({why}): is the daemon started?"),
        ),
        Err(NoConnection::Forbidden(why)) => found.error(
            place,
            key,
            format!(
                "{} may not connect to {path_shown} ({why}); give the socket to a group of that user, as xmpp-ldap-auth@.socket does",
                other.unwrap_or("this user")
            ),
        ),
        Err(NoConnection::Unusable(why)) => {
            found.error(place, key, format!("{path_shown}: {why}"));
        }
    }
}
