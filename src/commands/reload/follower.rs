//! Follows the configuration of a relay. A daemon answers in its place, so that a change of its own
//! file is of use only while that cannot be used.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::time::sleep;

use super::{LOOK_EVERY, ReloadSignal, caller, tell, tell_kept, tell_unusable};
use crate::aside::aside;
use crate::config::startup::Startup;
use crate::config::{self, Reading};
use crate::files::watch::Watch;
use crate::relay::Relay;

/// Reads the configuration again, and lets the relay ask its daemon once that can be used.
#[derive(Debug)]
pub(in crate::commands) struct Follower {
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
    pub(in crate::commands) fn new(path: PathBuf, first: Reading, relay: Arc<Relay>) -> Self {
        report(&first);
        let is_wrong = first.configuration.is_err();
        if is_wrong {
            tell_unusable();
        }
        Self { path, file: first.file, relay, startup: first.startup, is_wrong }
    }

    /// Reads it when it is asked to, and when a wrong one changes. Returns when the file names a
    /// caller, and nobody did when this process started.
    pub(in crate::commands) async fn follow(mut self, signal: &ReloadSignal) {
        loop {
            let is_asked = tokio::select! {
                () = signal.notified() => true,
                () = sleep(LOOK_EVERY), if self.is_wrong => false,
            };
            if !is_asked && !self.file.has_changed() {
                continue;
            }
            let caller = caller(self.startup.caller.terms.dialect);
            let path = self.path.clone();
            let read = aside(move || config::load(&path, caller, None));
            let Some(mut reading) = read.await else { continue };
            self.file = std::mem::take(&mut reading.file);
            report(&reading);
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
            tell_kept(&self.startup.differences(&reading.startup));
        }
    }
}

fn report(reading: &Reading) {
    tell(&reading.remarks);
    for problem in reading.configuration.as_ref().err().into_iter().flat_map(|it| it.iter()) {
        tracing::error!(%problem, "configuration");
    }
}
