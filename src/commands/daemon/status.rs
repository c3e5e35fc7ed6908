//! What a daemon says of itself, to whoever asks on its control socket.

use serde::{Deserialize, Serialize};

/// A server that can be asked.
pub(in crate::commands) const UP: &str = "up";
/// A server that cannot be asked.
pub(in crate::commands) const DOWN: &str = "down";
/// A directory none of whose servers can be asked.
pub(in crate::commands) const OUT: &str = "out";

/// How a daemon stands. What one of another version does not say is as if there were none.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(in crate::commands) struct DaemonStatus {
    pub(in crate::commands) version: String,
    pub(in crate::commands) pid: u32,
    /// For how many seconds it has run.
    pub(in crate::commands) up_s: u64,
    pub(in crate::commands) configuration: ConfigurationStatus,
    pub(in crate::commands) listeners: Vec<ListenerStatus>,
    pub(in crate::commands) directories: Vec<DirectoryStatus>,
    /// None where it is off.
    pub(in crate::commands) guard: Option<GuardStatus>,
    pub(in crate::commands) caches: CacheStatus,
}

/// What became of the configuration that was read last.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(in crate::commands) struct ConfigurationStatus {
    pub(in crate::commands) file: String,
    /// Why it is not in use; none if it is.
    pub(in crate::commands) problems: Vec<String>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(in crate::commands) struct ListenerStatus {
    pub(in crate::commands) name: String,
    pub(in crate::commands) kind: String,
    pub(in crate::commands) place: String,
    pub(in crate::commands) connections: usize,
    pub(in crate::commands) in_flight: usize,
    pub(in crate::commands) requests: u64,
    pub(in crate::commands) late_answers: u64,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(in crate::commands) struct DirectoryStatus {
    pub(in crate::commands) name: String,
    /// `up`, or `out` if no server answers.
    pub(in crate::commands) state: String,
    pub(in crate::commands) connections: usize,
    pub(in crate::commands) servers: Vec<ServerStatus>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(in crate::commands) struct ServerStatus {
    pub(in crate::commands) name: String,
    /// `up` or `down`.
    pub(in crate::commands) state: String,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(in crate::commands) struct GuardStatus {
    pub(in crate::commands) accounts_with_failures: usize,
    pub(in crate::commands) accounts_held: usize,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(in crate::commands) struct CacheStatus {
    /// How many passwords are remembered; none where the cache is off.
    pub(in crate::commands) credentials: Option<usize>,
}
