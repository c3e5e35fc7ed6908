//! The limits of the sessions that are kept.

use std::time::Duration;

use tokio::time::Instant;

use crate::directory::locate::servers::Servers;
use crate::directory::session::Session;

/// How many sessions are kept, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct PoolLimits {
    /// How many binds as users may go on at once.
    pub size: usize,
    /// Whether a session is bound as a user more than once.
    pub reuse: bool,
    /// A session that was not used for this long is closed, before the server or a firewall does.
    pub idle: Duration,
    /// A session that is older than this is closed, so that a changed name or certificate counts.
    pub lifetime: Duration,
}

impl PoolLimits {
    /// Whether a session may be used again: it has not ended, its time is not over, and its server is
    /// the best that is up.
    pub(super) fn allow(&self, session: &Session, last_used: Instant, servers: &Servers) -> bool {
        !session.is_closed()
            && last_used.elapsed() < self.idle
            && session.opened.elapsed() < self.lifetime
            && !servers.has_better(&session.server)
    }
}
