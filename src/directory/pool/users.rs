//! The sessions for binds as users, which outlive a request.
//!
//! A bind changes whose session it is (RFC 4513, section 4), so each has a session to itself for as
//! long as it lasts.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::{self, Metrics, Object, RecycleError, RecycleResult};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use crate::directory::connect::connector::Connector;
use crate::directory::message::Query;
use crate::directory::pool::limits::PoolLimits;
use crate::directory::session::Session;
use crate::directory::session::error::ConnectError;

/// What a place in the pool holds: what the last bind in it left.
type Slot = Option<KeptSession>;

/// A session that may be used again. The pool's own time of last use is that of the lease.
#[derive(Debug)]
struct KeptSession {
    session: Session,
    last_used: Instant,
}

/// A session that was idle for this long is asked something else before a password is sent on it: what
/// is on the way may have forgotten it, and a bind is not to be sent again while it may be under way.
const DOUBTED_AFTER: Duration = Duration::from_secs(5);
const ANSWERS_WITHIN: Duration = Duration::from_secs(1);

/// For each place, so many binds that wait for a person, or whose requests have ended, may go on beside
/// it.
const APART: usize = 7;

/// Judges what was left in a place.
#[derive(Debug)]
struct Keeper {
    connector: Arc<Connector>,
    limits: PoolLimits,
    /// How many more binds may leave their places.
    apart: Arc<Semaphore>,
}

impl managed::Manager for Keeper {
    type Type = Slot;
    type Error = Infallible;

    async fn create(&self) -> Result<Slot, Infallible> {
        Ok(None)
    }

    async fn recycle(&self, place: &mut Slot, _: &Metrics) -> RecycleResult<Infallible> {
        if self.is_good(place) {
            Ok(())
        } else {
            Err(RecycleError::message("empty, closed or worn"))
        }
    }
}

impl Keeper {
    fn is_good(&self, place: &Slot) -> bool {
        let servers = &self.connector.servers;
        place.as_ref().is_some_and(|kept| self.limits.allow(&kept.session, kept.last_used, servers))
    }
}

/// How many sessions are open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionCounts {
    /// Those that are used.
    pub busy: usize,
    /// Those that are not.
    pub idle: usize,
}

/// The sessions for binds as users.
#[derive(Debug)]
pub struct UserPool(managed::Pool<Keeper>);

impl UserPool {
    /// A pool that opens nothing before the first lease.
    pub fn new(connector: Arc<Connector>, limits: PoolLimits) -> Self {
        let apart = Arc::new(Semaphore::new(APART * limits.size));
        let pool = managed::Pool::builder(Keeper { connector, limits, apart })
            .max_size(limits.size)
            .queue_mode(managed::QueueMode::Lifo)
            .build()
            .unwrap_or_else(|_| unreachable!("only time limits without a runtime are refused"));
        Self(pool)
    }

    /// How its servers are reached.
    pub fn connector(&self) -> &Connector {
        &self.0.manager().connector
    }

    /// A session for one bind with none of the servers that are avoided, when its turn has come; the
    /// caller bounds the wait.
    pub async fn lease(&self, avoided: &[Arc<str>]) -> Result<Lease, ConnectError> {
        let since = Instant::now();
        let place = self.0.get().await;
        let mut own = place.map_err(|error| ConnectError::Unreachable(error.to_string()))?;
        let kept = own.take();
        let place = SessionPlace { own: Some(own), apart: None };
        if let Some(KeptSession { session, last_used }) = kept
            && !avoided.contains(&session.server)
            && (last_used.elapsed() < DOUBTED_AFTER || Box::pin(is_alive(&session)).await)
        {
            return Ok(Lease { session, place, is_reused: true });
        }
        let session = Box::pin(self.connector().connect(None, avoided, since)).await?;
        Ok(Lease { session, place, is_reused: false })
    }

    /// Closes every session that nobody leases.
    pub fn purge(&self) {
        self.0.retain(|_, _| false);
    }

    /// Closes the sessions whose time is over.
    pub fn reap(&self) {
        let keeper = self.0.manager();
        self.0.retain(|place, _| keeper.is_good(place));
    }

    /// The sessions by whether somebody leases them.
    pub fn sessions(&self) -> SessionCounts {
        let open = self.open();
        let idle = self.0.status().available.min(open);
        SessionCounts { busy: open - idle, idle }
    }

    /// How many binds have left their places.
    fn apart(&self) -> usize {
        let keeper = self.0.manager();
        APART * keeper.limits.size - keeper.apart.available_permits()
    }

    /// How many sessions are open, leased or not.
    pub fn open(&self) -> usize {
        self.0.retain(|place, _| place.is_some());
        self.0.status().size + self.apart()
    }
}

async fn is_alive(session: &Session) -> bool {
    let query = Query::entry("", &[]);
    matches!(timeout(ANSWERS_WITHIN, session.search(&query, ANSWERS_WITHIN)).await, Ok(Ok(_)))
}

/// The exclusive use of a session for one bind.
#[derive(Debug)]
pub struct Lease {
    pub(super) session: Session,
    pub(super) place: SessionPlace,
    /// Whether the session was open before this request, and so may have died since.
    pub(super) is_reused: bool,
}

impl Lease {
    /// Whether the server answers another question on the session.
    pub(super) async fn is_answered(&self) -> bool {
        Box::pin(is_alive(&self.session)).await
    }
}

/// The place of a session, in the pool or beside it.
#[derive(Debug)]
pub(super) struct SessionPlace {
    own: Option<Object<Keeper>>,
    apart: Option<OwnedSemaphorePermit>,
}

impl SessionPlace {
    /// Leaves the pool to others, if not too many have: whether it is beside it then.
    pub(super) fn leave(&mut self) -> bool {
        if let Some(pool) = self.own.as_ref().and_then(Object::pool) {
            self.apart = Arc::clone(&pool.manager().apart).try_acquire_owned().ok();
        }
        if self.apart.is_some() {
            self.own.take().map(Object::take);
        }
        self.apart.is_some()
    }

    /// Keeps a session for whoever comes next, if it is in the pool.
    pub(super) fn keep(self, session: Session) {
        if let Some(mut own) = self.own
            && Object::pool(&own).is_some_and(|pool| pool.manager().limits.reuse)
        {
            *own = Some(KeptSession { session, last_used: Instant::now() });
        }
    }
}
