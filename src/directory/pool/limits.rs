//! The limits of the sessions that are kept.

use std::time::Duration;

/// How many sessions are kept, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many binds as users may go on at once.
    pub size: usize,
    /// Whether a session is bound as a user more than once.
    pub reuse: bool,
    /// A session that was not used for this long is closed, before the server or a firewall does.
    pub idle: Duration,
    /// A session that is older than this is closed, so that a changed name or certificate counts.
    pub lifetime: Duration,
}
