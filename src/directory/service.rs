//! The connection for searches, which is bound as the service account and outlives a request.
//!
//! All searches share it, because LDAP multiplexes them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::connection::{Answer, Connection, Lost};
use super::connector::{Connector, Unreachable};
use super::gssapi::Account;
use super::pool::Limits;
use super::tries::{Failed, Tries};
use crate::deadline::Deadline;
use crate::observe::step;
use crate::verdict::{Outage, Outcome, Verdict};

/// After its bind was refused, the service account waits this long before it tries again: each try
/// with a wrong password brings it nearer to being locked.
const SERVICE_BIND_PAUSE: Duration = Duration::from_secs(30);

/// invalidCredentials (RFC 4511, appendix A.2).
const INVALID_CREDENTIALS: u32 = 49;

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
    pub async fn share(&self, by: Deadline) -> Result<Share, Outcome> {
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
        match self.open(by).await {
            Ok(connection) => {
                let connection = Arc::new(connection);
                *slot = Slot::Open(Arc::clone(&connection), Instant::now());
                Ok(Share { connection, reused: false })
            }
            Err(outcome) => {
                if matches!(outcome.verdict, Verdict::Unavailable(Outage::ServiceBind { .. })) {
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
    pub async fn open(&self, by: Deadline) -> Result<Connection, Outcome> {
        let mut tries = Tries::new(&self.connector.servers, by);
        loop {
            match self.try_open(&tries).await {
                Ok(connection) => return Ok(connection),
                Err(failed) => tries.another(failed).await?,
            }
        }
    }

    async fn try_open(&self, tries: &Tries<'_>) -> Result<Connection, Failed> {
        let connection = self.connector.connect(self.identity.account()).await?;
        let server = Arc::clone(&connection.server);
        let bound = tries.patience(&server, false).bound(self.bind(connection)).await;
        bound.unwrap_or_else(|_| Err(BindError::Lost(Lost::Silent))).map_err(|error| match error {
            BindError::Lost(lost) => tries.lost(&server, false, &lost),
            BindError::Refused { code, .. } => tries.refused(&server, code, error.outcome(&server)),
        })
    }

    /// Binds a fresh connection as the service account.
    pub async fn bind(&self, connection: Connection) -> Result<Connection, BindError> {
        let started = Instant::now();
        let answer = match &self.identity {
            Identity::Anonymous | Identity::Gssapi(_) => return Ok(connection),
            Identity::External => connection.bind_external().await,
            Identity::Simple { first, second } => {
                self.bind_as_either(&connection, first, second.as_ref()).await
            }
        };
        let answer = answer?;
        step("service bind", &connection.server, started, &format!("result code {}", answer.code));
        match answer.code {
            0 => Ok(connection),
            code => Err(BindError::Refused { code, text: answer.text }),
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
            && !self.connector.servers.is_outdone(&connection.server)
    }
}

/// Why the service account is not signed in.
#[derive(Debug)]
pub enum BindError {
    /// The connection ended before the answer.
    Lost(Lost),
    /// The server refused it.
    Refused {
        /// The result code.
        code: u32,
        /// The server's words.
        text: String,
    },
}

impl From<Lost> for BindError {
    fn from(lost: Lost) -> Self {
        Self::Lost(lost)
    }
}

impl BindError {
    /// The outcome of a request that ends with this.
    pub fn outcome(&self, server: &Arc<str>) -> Outcome {
        let (outage, detail) = match self {
            Self::Lost(lost) => (Outage::LostConnection, lost.to_string()),
            Self::Refused { code, text } => (Outage::ServiceBind { code: *code }, text.clone()),
        };
        Outcome::from(outage).from_server(server).with_detail(&detail)
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
