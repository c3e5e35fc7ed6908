//! Connections that outlive a request, by role.
//!
//! Searches share one connection that is bound as the service account, because LDAP multiplexes
//! them. A bind as a user changes whose connection it is (RFC 4513, section 4), so each has a
//! connection to itself for as long as it lasts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool::managed::{self, Metrics, Object, PoolError, RecycleError, RecycleResult};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::connection::{Answer, Connection, Lost};
use super::connector::{Connector, Unreachable};
use super::gssapi::Account;
use crate::deadline::Deadline;
use crate::observe::step;
use crate::verdict::{Outage, Outcome};

/// After its bind was refused, the service account waits this long before it tries again: each try
/// with a wrong password brings it nearer to being locked.
const SERVICE_BIND_PAUSE: Duration = Duration::from_secs(30);

/// invalidCredentials (RFC 4511, appendix A.2).
const INVALID_CREDENTIALS: u32 = 49;

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
    type Type = Connection;
    type Error = Unreachable;

    async fn create(&self) -> Result<Connection, Unreachable> {
        self.connector.connect().await
    }

    async fn recycle(
        &self,
        connection: &mut Connection,
        metrics: &Metrics,
    ) -> RecycleResult<Unreachable> {
        if connection.is_closed() || self.is_worn(metrics) {
            return Err(RecycleError::message("closed or worn"));
        }
        Ok(())
    }
}

impl Opener {
    fn is_worn(&self, metrics: &Metrics) -> bool {
        metrics.last_used() >= self.limits.idle || metrics.age() >= self.limits.lifetime
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

    /// A connection for one bind, when one is free; the caller bounds the wait.
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
        self.0.retain(|connection, metrics| !connection.is_closed() && !opener.is_worn(&metrics));
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

/// As whom searches are done.
#[derive(Clone, Debug)]
pub enum Identity {
    /// Nobody in particular; only where the configuration asks for it by name.
    Anonymous,
    /// Whom the TLS client certificate or the local socket says.
    External,
    /// A service account that signs in by Kerberos, while connecting.
    Gssapi(Account),
    /// The service account.
    Simple {
        /// What is tried first.
        first: Credential,
        /// What is tried if the first is refused, while it is being replaced.
        second: Option<Credential>,
    },
}

impl Identity {
    /// The account that signs in while connecting.
    pub fn account(&self) -> Option<&Account> {
        match self {
            Self::Gssapi(account) => Some(account),
            Self::Anonymous | Self::External | Self::Simple { .. } => None,
        }
    }
}

/// A name and a password.
#[derive(Clone, Debug)]
pub struct Credential {
    /// A DN, or another name that the server takes in a bind.
    pub name: String,
    /// Its password.
    pub password: SecretString,
}

/// The connection that searches share.
#[derive(Debug)]
pub struct ServicePool {
    connector: Arc<Connector>,
    identity: Identity,
    limits: Limits,
    slot: Mutex<Slot>,
    second_is_right: AtomicBool,
}

#[derive(Debug, Default)]
enum Slot {
    #[default]
    Empty,
    Open(Arc<Connection>, Instant),
    Refused(Outcome, Instant),
}

/// A share in the service connection.
#[derive(Clone, Debug)]
pub struct Share {
    /// The connection.
    pub connection: Arc<Connection>,
    /// Whether it was open before this request, and so may have died since.
    pub reused: bool,
}

impl Share {
    /// How long to wait for an answer. A connection that was open before may have died without a
    /// sign, so it gets half of the time that is left and no more.
    pub fn patience(&self, by: Deadline) -> Deadline {
        if self.reused { by.or_within(by.remaining() / 2) } else { by }
    }
}

impl ServicePool {
    /// A pool that opens nothing before the first use.
    pub fn new(connector: Arc<Connector>, identity: Identity, limits: Limits) -> Self {
        Self {
            connector,
            identity,
            limits,
            slot: Mutex::default(),
            second_is_right: AtomicBool::new(false),
        }
    }

    /// The shared connection. Where there is none, one caller opens it and the others wait.
    pub async fn share(&self) -> Result<Share, Outcome> {
        let mut slot = self.slot.lock().await;
        let now = Instant::now();
        match &mut *slot {
            Slot::Open(connection, last_used) if self.is_good(connection, *last_used, now) => {
                *last_used = now;
                return Ok(Share { connection: Arc::clone(connection), reused: true });
            }
            Slot::Refused(outcome, at) if now - *at < SERVICE_BIND_PAUSE => {
                return Err(outcome.clone());
            }
            Slot::Open(..) | Slot::Refused(..) | Slot::Empty => *slot = Slot::Empty,
        }
        match self.open().await {
            Ok(connection) => {
                let connection = Arc::new(connection);
                *slot = Slot::Open(Arc::clone(&connection), Instant::now());
                Ok(Share { connection, reused: false })
            }
            Err(outcome) => {
                if matches!(
                    outcome.verdict,
                    crate::verdict::Verdict::Unavailable(Outage::ServiceBind { .. })
                ) {
                    *slot = Slot::Refused(outcome.clone(), Instant::now());
                }
                Err(outcome)
            }
        }
    }

    /// Stops sharing this connection; what others still do on it goes on.
    pub async fn retire(&self, retired: &Arc<Connection>) {
        let mut slot = self.slot.lock().await;
        if matches!(&*slot, Slot::Open(current, _) if Arc::ptr_eq(current, retired)) {
            *slot = Slot::Empty;
        }
    }

    /// Closes the connection if its time is over.
    pub async fn reap(&self) {
        let mut slot = self.slot.lock().await;
        if matches!(&*slot, Slot::Open(connection, last_used) if !self.is_good(connection, *last_used, Instant::now()))
        {
            *slot = Slot::Empty;
        }
    }

    /// How its servers are reached.
    pub fn connector(&self) -> &Connector {
        &self.connector
    }

    /// As whom it signs in.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// A fresh connection, bound as the service account.
    pub async fn open(&self) -> Result<Connection, Outcome> {
        let account = self.identity.account();
        let connection = self.connector.connect_as(account).await;
        self.bind(connection.map_err(|error| no_server(&error))?).await
    }

    /// Binds a fresh connection as the service account.
    pub async fn bind(&self, connection: Connection) -> Result<Connection, Outcome> {
        let started = Instant::now();
        let answer = match &self.identity {
            Identity::Anonymous | Identity::Gssapi(_) => return Ok(connection),
            Identity::External => connection.bind_external().await,
            Identity::Simple { first, second } => {
                self.bind_as_either(&connection, first, second.as_ref()).await
            }
        };
        let answer = answer.map_err(|lost| lost_connection(&connection, &lost))?;
        step("service bind", &connection.server, started, &format!("result code {}", answer.code));
        match answer.code {
            0 => Ok(connection),
            code => Err(Outcome::from(Outage::ServiceBind { code })
                .from_server(&connection.server)
                .with_detail(&answer.text)),
        }
    }

    /// Binds with the credential that was right last time, or else with the other one.
    async fn bind_as_either(
        &self,
        connection: &Connection,
        first: &Credential,
        second: Option<&Credential>,
    ) -> Result<Answer, Lost> {
        let bind = async |credential: &Credential| {
            connection.bind(&credential.name, credential.password.expose_secret()).await
        };
        let Some(second) = second else { return bind(first).await };
        let second_is_right = self.second_is_right.load(Ordering::Relaxed);
        let (likely, other) = if second_is_right { (second, first) } else { (first, second) };
        let answer = bind(likely).await?;
        if answer.code != INVALID_CREDENTIALS {
            return Ok(answer);
        }
        let answer = bind(other).await?;
        if answer.code == 0 {
            self.second_is_right.store(!second_is_right, Ordering::Relaxed);
            tracing::warn!(
                server = %connection.server,
                name = other.name,
                "the service account's other credential is the right one now"
            );
        }
        Ok(answer)
    }

    fn is_good(&self, connection: &Connection, last_used: Instant, now: Instant) -> bool {
        !connection.is_closed()
            && now - last_used < self.limits.idle
            && now - connection.opened < self.limits.lifetime
    }
}

/// The outcome where no server could be reached, or one refused the account.
pub fn no_server(error: &Unreachable) -> Outcome {
    let outage = error.refused.map_or(Outage::NoServer, |code| Outage::ServiceBind { code });
    Outcome::from(outage).with_detail(&error.text)
}

/// The outcome where the connection ended before the answer.
pub fn lost_connection(connection: &Connection, lost: &Lost) -> Outcome {
    Outcome::from(Outage::LostConnection)
        .from_server(&connection.server)
        .with_detail(&lost.to_string())
}
