//! The connections for binds as users, which outlive a request.
//!
//! A bind changes whose connection it is (RFC 4513, section 4), so each has a connection to itself
//! for as long as it lasts.

use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::{self, Metrics, Object, PoolError, RecycleError, RecycleResult};
use secrecy::{ExposeSecret, SecretString};

use crate::directory::connect::connector::{Connector, Unreachable};
use crate::directory::message::Answer;
use crate::directory::session::Session;
use crate::directory::session::multiplexer::Lost;

/// The limits of the pool.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many binds as users may go on at once.
    pub size: usize,
    /// A connection that was not used for this long is closed, before the server or a firewall does.
    pub idle: Duration,
    /// A connection that is older than this is closed, so that a changed name or certificate counts.
    pub lifetime: Duration,
}

/// Opens and judges the connections for user binds.
#[derive(Debug)]
struct Opener {
    connector: Arc<Connector>,
    limits: Limits,
}

impl managed::Manager for Opener {
    type Type = Session;
    type Error = Unreachable;

    async fn create(&self) -> Result<Session, Unreachable> {
        self.connector.connect(None).await
    }

    async fn recycle(
        &self,
        connection: &mut Session,
        metrics: &Metrics,
    ) -> RecycleResult<Unreachable> {
        if self.is_worn(connection, metrics) {
            return Err(RecycleError::message("closed or worn"));
        }
        Ok(())
    }
}

impl Opener {
    /// Whether it has ended, its time is over, or a better server is up.
    fn is_worn(&self, connection: &Session, metrics: &Metrics) -> bool {
        connection.is_closed()
            || metrics.last_used() >= self.limits.idle
            || metrics.age() >= self.limits.lifetime
            || self.connector.servers.has_better(&connection.server)
    }
}

/// The connections for binds as users.
#[derive(Debug)]
pub struct UserPool(managed::Pool<Opener>);

impl UserPool {
    /// A pool that opens nothing before the first lease.
    pub fn new(connector: Arc<Connector>, limits: Limits) -> Self {
        let pool = managed::Pool::builder(Opener { connector, limits })
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

    /// A connection for one bind, when its turn has come; the caller bounds the wait.
    pub async fn lease(&self) -> Result<Lease, Unreachable> {
        match self.0.get().await {
            Ok(connection) => {
                let reused = Object::metrics(&connection).recycled.is_some();
                Ok(Lease {
                    server: Arc::clone(&connection.server),
                    connection: Some(connection),
                    reused,
                })
            }
            Err(PoolError::Backend(unreachable)) => Err(unreachable),
            Err(other) => Err(Unreachable { text: other.to_string(), refused: None }),
        }
    }

    /// Closes every connection that nobody leases.
    pub fn purge(&self) {
        self.0.retain(|_, _| false);
    }

    /// Closes the connections whose time is over.
    pub fn reap(&self) {
        let opener = self.0.manager();
        self.0.retain(|connection, metrics| !opener.is_worn(connection, &metrics));
    }

    /// How many connections are open, leased or not.
    pub fn open(&self) -> usize {
        self.0.status().size
    }
}

/// The exclusive use of a connection for a bind.
///
/// Dropping it closes the connection, because a bind that was cancelled half-way leaves unknown who
/// is bound. Only [`Lease::put_back`] returns it.
#[derive(Debug)]
pub struct Lease {
    server: Arc<str>,
    connection: Option<Object<Opener>>,
    reused: bool,
}

impl Lease {
    /// Whether it was open before this request, and so may have died since.
    pub fn is_reused(&self) -> bool {
        self.reused
    }

    /// The server at the other end.
    pub fn server(&self) -> &Arc<str> {
        &self.server
    }

    /// Binds as a user with a non-empty password.
    pub async fn bind(&self, name: &str, password: &SecretString) -> Result<Answer, Lost> {
        match &self.connection {
            Some(connection) => connection.bind(name, password.expose_secret()).await,
            None => std::future::pending().await,
        }
    }

    /// Returns the connection to the pool; to be called after the server has answered.
    pub fn put_back(mut self) {
        drop(self.connection.take());
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            drop(Object::take(connection));
        }
    }
}
