//! The configuration of a relay, which the daemon answers for: nothing in it is worth a look again, but
//! for one that was wrong.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::reload::ReloadSignal;
use crate::aside::aside;
use crate::config::startup::Startup;
use crate::config::{self, Reading};
use crate::files::Watch;
use crate::protocol::dialect::Dialect;
use crate::relay::Relay;

/// How often a file that was wrong is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Reads the configuration again, and lets the relay ask its daemon once that can be used.
#[derive(Debug)]
pub(super) struct Follower {
    path: PathBuf,
    file: Watch,
    relay: Arc<Relay>,
    /// What the process was started with, and keeps.
    startup: Startup,
    /// Whether the configuration cannot be used.
    is_wrong: bool,
}

impl Follower {
    /// Says what is wrong or odd about the configuration as it was `first` read.
    pub(super) fn new(path: PathBuf, first: Reading, relay: Arc<Relay>) -> Self {
        tell(&first);
        let is_wrong = first.configuration.is_err();
        if is_wrong {
            tracing::error!(
                "every request is answered with \"cannot tell\" until the configuration is right"
            );
        }
        Self { path, file: first.file, relay, startup: first.startup, is_wrong }
    }

    /// Reads it when it is asked to, and when a wrong one changes. Returns when the file names a
    /// caller, and nobody did when this process started.
    pub(super) async fn follow(mut self, signal: &ReloadSignal) {
        loop {
            let is_asked = tokio::select! {
                () = signal.notified() => true,
                () = sleep(LOOK_EVERY), if self.is_wrong => false,
            };
            if !is_asked && !self.file.has_changed() {
                continue;
            }
            let dialect = self.startup.caller.terms.dialect;
            let caller = (dialect != Dialect::Unnamed).then_some(dialect);
            let path = self.path.clone();
            let read = aside(move || config::load(&path, caller, None));
            let Some(mut reading) = read.await else { continue };
            self.file = std::mem::take(&mut reading.file);
            tell(&reading);
            if reading.configuration.is_err() {
                tracing::error!("the new configuration is wrong; nothing has changed");
                continue;
            }
            if caller.is_none() {
                return;
            }
            if self.is_wrong
                && let Some(daemon) = reading.startup.daemon.clone()
            {
                self.relay.ask_at(daemon.clone());
                self.startup.daemon = Some(daemon);
                self.is_wrong = false;
            }
            tracing::info!("the configuration was read again");
            let kept = self.startup.differences(&reading.startup);
            if !kept.is_empty() {
                tracing::warn!(
                    keys = kept.join(", "),
                    "these have changed, and count only in a new process: restart the XMPP server"
                );
            }
        }
    }
}

fn tell(reading: &Reading) {
    for remark in &reading.remarks {
        tracing::warn!(%remark, "configuration");
    }
    for problem in reading.configuration.as_ref().err().into_iter().flat_map(|it| it.iter()) {
        tracing::error!(%problem, "configuration");
    }
}
