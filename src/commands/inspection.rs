//! What the commands begin with that show a person how a directory answers.

use std::future::Future;
use std::io;
use std::time::Duration;

use super::ending::Failure;
use super::{load, runtime};
use crate::cli::GlobalArgs;
use crate::config;
use crate::config::configuration::Configuration;
use crate::jid::Account;
use crate::protocol::dialect::Dialect;

/// A configuration whose directories tell why something does not work as soon as it is known.
#[derive(Debug)]
pub(super) struct Inspection {
    /// What is served.
    pub(super) configuration: Configuration,
    /// How long the work on a request may take.
    pub(super) within: Duration,
}

impl Inspection {
    /// Reads the configuration.
    pub(super) fn open(given: GlobalArgs) -> Result<Self, Failure> {
        let path = config::path(given.config);
        let reading = load(&path, given.caller, Some(Dialect::Prosody));
        let mut configuration =
            reading.configuration.map_err(|problems| Failure::config(&path, &problems))?;
        if let Some(daemon) = &reading.startup.daemon {
            return Err(Failure::setup(format!(
                "by this configuration the daemon at {} answers: name the daemon's own with --config",
                daemon.display()
            )));
        }
        for directory in configuration.directories.values_mut() {
            directory.settings.ask_once();
        }
        Ok(Self { configuration, within: reading.startup.caller.terms.answer_within })
    }

    /// Reads whom a person asks about, and the configuration.
    pub(super) fn of(jid: &str, given: GlobalArgs) -> Result<(Account, Self), Failure> {
        Ok((read_jid(jid)?, Self::open(given)?))
    }
}

/// Does the work, and waits for nothing that it left behind.
pub(super) fn wait_for<T>(work: impl Future<Output = T>) -> io::Result<T> {
    let runtime = runtime()?;
    let done = runtime.block_on(work);
    runtime.shutdown_background();
    Ok(done)
}

/// The account that a person writes.
pub(super) fn read_jid(jid: &str) -> Result<Account, Failure> {
    if let Some((user, resource)) = jid.split_once('@').and_then(|(localpart, domain)| {
        let (domain, resource) = domain.split_once('/')?;
        Some((format!("{localpart}@{domain}"), resource))
    }) {
        let text = format!("write {user} alone: the resource, /{resource}, is of one device");
        return Err(Failure::usage(text));
    }
    Account::written(jid).ok_or_else(|| {
        let text = "write the user as USER@DOMAIN, in characters that an XMPP server lets through";
        Failure::usage(text.to_owned())
    })
}
