//! The connections for searches, which are bound as the service account and outlive a request.
//!
//! Searches share them, because LDAP multiplexes. One is enough for a caller that asks one question
//! after the other; servers read what comes on one connection one after the other, so when many
//! searches are under way, more connections are opened in the background.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{Mutex, Notify};
use tokio::time::{Instant, sleep};

use crate::deadline::Deadline;
use crate::directory::connect::connector::Connector;
use crate::directory::message::Answer;
use crate::directory::pool::attempts::{AttemptError, Attempts};
use crate::directory::pool::users::Limits;
use crate::directory::sasl::gssapi::Principal;
use crate::directory::session::Session;
use crate::directory::session::multiplexer::Lost;
use crate::observe::step;
use crate::result_code;
use crate::verdict::{Outage, Outcome, Verdict};

/// After its bind was refused, the service account waits this long before it attempts again: each try
/// with a wrong password brings it nearer to being locked.
const SERVICE_BIND_PAUSE: Duration = Duration::from_secs(30);

/// A connection that carries so many searches is busy,
const BUSY: usize = 4;

/// and while all are, there are more, up to this.
const MOST: usize = 4;

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
    Gssapi(Principal),
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
    pub fn account(&self) -> Option<&Principal> {
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

/// The connections that searches share.
#[derive(Debug)]
pub struct ServicePool {
    connector: Arc<Connector>,
    identity: Identity,
    limits: Limits,
    shared: Mutex<Vec<Slot>>,
    /// All connections are busy.
    crowded: Notify,
    /// What became of the last bind, if the account was refused, and when.
    refused: std::sync::Mutex<Option<(Outcome, Instant)>>,
    second_is_right: AtomicBool,
}

#[derive(Debug)]
struct Slot {
    connection: Arc<Session>,
    last_used: Instant,
}

impl Slot {
    fn new(connection: Session) -> Self {
        Self { connection: Arc::new(connection), last_used: Instant::now() }
    }

    /// How many searches it carries.
    fn load(&self) -> usize {
        Arc::strong_count(&self.connection) - 1
    }
}

fn is_crowded(shared: &[Slot]) -> bool {
    (1..MOST).contains(&shared.len()) && shared.iter().all(|slot| slot.load() >= BUSY)
}

/// A share in a service connection.
#[derive(Clone, Debug)]
pub struct Share {
    /// The connection.
    pub connection: Arc<Session>,
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
            shared: Mutex::default(),
            crowded: Notify::new(),
            refused: std::sync::Mutex::default(),
            second_is_right: AtomicBool::new(false),
        }
    }

    /// The connection that carries the least. Where there is none, one caller opens it and the others
    /// wait.
    pub async fn share(&self, by: Deadline) -> Result<Share, Outcome> {
        let mut shared = self.shared.lock().await;
        let now = Instant::now();
        shared.retain(|slot| self.is_good(slot, now));
        if is_crowded(&shared) {
            self.crowded.notify_one();
        }
        if let Some(slot) = shared.iter_mut().min_by_key(|slot| slot.load()) {
            slot.last_used = now;
            return Ok(Share { connection: Arc::clone(&slot.connection), reused: true });
        }
        let slot = Slot::new(self.open(by).await?);
        let connection = Arc::clone(&slot.connection);
        shared.push(slot);
        Ok(Share { connection, reused: false })
    }

    /// Opens more connections while all are busy, for as long as it is polled.
    pub async fn grow(&self) {
        loop {
            self.crowded.notified().await;
            if !is_crowded(&self.shared.lock().await) {
                continue;
            }
            let by = Deadline::after(Instant::now(), self.connector.connect_within);
            match by.bound(self.open(by)).await {
                Ok(Ok(connection)) => self.shared.lock().await.push(Slot::new(connection)),
                // Those that are open go on without it.
                Ok(Err(_)) | Err(_) => sleep(SERVICE_BIND_PAUSE).await,
            }
        }
    }

    /// Stops sharing the connections to a server; what others still do on them goes on.
    pub async fn retire(&self, server: &str) {
        self.shared.lock().await.retain(|slot| *slot.connection.server != *server);
    }

    /// Closes the connections whose time is over.
    pub async fn reap(&self) {
        let now = Instant::now();
        self.shared.lock().await.retain(|slot| self.is_good(slot, now));
    }

    /// How its servers are reached.
    pub fn connector(&self) -> &Connector {
        &self.connector
    }

    /// As whom it signs in.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// A fresh connection, bound as the service account, unless that was refused a moment ago.
    pub async fn open(&self, by: Deadline) -> Result<Session, Outcome> {
        if let Some(outcome) = self.refused() {
            return Err(outcome);
        }
        let mut attempts = Attempts::new(&self.connector.servers, by);
        loop {
            match self.try_open(&attempts).await {
                Ok(connection) => return Ok(connection),
                Err(failed) => attempts.another(failed).await.inspect_err(|outcome| {
                    if is_account_refused(outcome) {
                        *self.locked_refused() = Some((outcome.clone(), Instant::now()));
                    }
                })?,
            }
        }
    }

    fn locked_refused(&self) -> std::sync::MutexGuard<'_, Option<(Outcome, Instant)>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What became of the last bind, if the account was refused a moment ago.
    pub fn refused(&self) -> Option<Outcome> {
        let refused = self.locked_refused();
        let (outcome, at) = refused.as_ref()?;
        (at.elapsed() < SERVICE_BIND_PAUSE).then(|| outcome.clone())
    }

    async fn try_open(&self, attempts: &Attempts<'_>) -> Result<Session, AttemptError> {
        let connection = self.connector.connect(self.identity.account()).await?;
        let server = Arc::clone(&connection.server);
        let bound = attempts.patience(&server, false).bound(self.bind(connection)).await;
        match bound.unwrap_or_else(|_| Err(BindError::Lost(Lost::Silent))) {
            Ok(connection) => {
                if !matches!(self.identity, Identity::Anonymous) {
                    attempts.answered(&server);
                }
                Ok(connection)
            }
            Err(BindError::Lost(lost)) => Err(attempts.lost(&server, false, &lost)),
            Err(error @ BindError::Refused { code, .. }) => {
                Err(attempts.refused(&server, code, error.outcome(&server)))
            }
        }
    }

    /// Binds a fresh connection as the service account.
    pub async fn bind(&self, connection: Session) -> Result<Session, BindError> {
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
        connection: &Session,
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
        if answer.code == result_code::SUCCESS {
            self.second_is_right.store(!second_is_right, Ordering::Relaxed);
            tracing::warn!(
                server = %connection.server,
                name = other.name,
                "the service account's other credential is the right one now"
            );
        }
        Ok(answer)
    }

    fn is_good(&self, Slot { connection, last_used }: &Slot, now: Instant) -> bool {
        !connection.is_closed()
            && now - *last_used < self.limits.idle
            && now - connection.opened < self.limits.lifetime
            && !self.connector.servers.has_better(&connection.server)
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
        match self {
            Self::Lost(lost) => lost.outcome(server),
            Self::Refused { code, text } => Outcome::from(Outage::ServiceBind { code: *code })
                .from_server(server)
                .with_detail(text),
        }
    }
}

/// Whether the service account was judged and is not let in: to try again the same would be counted
/// against it.
pub fn is_account_refused(outcome: &Outcome) -> bool {
    let Verdict::Unavailable(Outage::ServiceBind { code }) = outcome.verdict else { return false };
    result_code::is_about_account(code)
}
