//! What a process does before it serves anybody: it starts its log, and gives up every right that it
//! does not need.

use std::path::{Path, PathBuf};

use crate::aside::aside;
use crate::config::{self, Reading};
use crate::confine::{Confinement, confine};
use crate::observe::logger::{LogPlace, Logger};
use crate::observe::target::{Log, Target};
use crate::peer::Peer;

/// Starts the log, in which defects are told of as well.
pub(super) fn start_log(log: &Log, peer: Peer) -> (Logger, LogPlace) {
    let (log, place) = Logger::start(log, peer);
    std::panic::set_hook(Box::new(|panic| {
        // The message could quote a peer; the place is what a developer needs.
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "a defect was contained; please report it");
    }));
    if let LogPlace::Elsewhere(problem) = &place {
        tracing::error!(problem, "the log cannot be written where the configuration says");
    }
    (log, place)
}

/// Opens the log anew, however long that takes.
pub(super) fn reopen(log: &Logger) {
    let log = log.clone();
    tokio::spawn(aside(move || log.reopen()));
}

/// Lets the process read what the configuration names, write its log and remove its `sockets`. Comes
/// before the first thread, because each confines itself.
pub(super) fn give_up_rights(reading: &Reading, path: &Path, sockets: &[PathBuf]) {
    if !reading.startup.confine {
        return;
    }
    let log = match &reading.startup.log.target {
        Target::File(path) => Some(path.as_path()),
        Target::Auto | Target::Stderr | Target::Journald | Target::Syslog => None,
    };
    let foreign = config::files_of_environment();
    let readable = reading.files.paths().chain(foreign.iter().map(PathBuf::as_path)).chain([path]);
    // By such a one systemd may be told of our state.
    let is_told = config::listen::notifies_abstract_socket();
    match confine(readable, log, sockets, is_told) {
        Ok(Confinement::Full | Confinement::Partial) => {}
        Ok(Confinement::None) => {
            tracing::info!("this kernel has no Landlock: the process is not confined")
        }
        Err(error) => tracing::warn!(%error, "the process is not confined"),
    }
}
