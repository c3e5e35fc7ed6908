//! The sessions for searches, which are bound as the service account and outlive a request.
//!
//! Searches share them, because LDAP multiplexes. One session is enough for a caller that asks one
//! question after the other. A server reads what comes on one session one after the other, so while
//! many searches are under way, more sessions are opened in the background.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::deadline::Deadline;
use crate::directory::connect::connector::Connector;
use crate::directory::diagnosis::of_service_bind;
use crate::directory::locate::server::Server;
use crate::directory::locate::trial::{Trial, Work};
use crate::directory::pool::attempts::{Attempt, AttemptContext, Attempts};
use crate::directory::pool::identity::Identity;
use crate::directory::pool::limits::PoolLimits;
use crate::directory::pool::refused_logins::RefusedLogins;
use crate::directory::pool::service_account::{BIND_AGAIN_AFTER, ServiceAccount};
use crate::directory::pool::users::SessionCounts;
use crate::directory::session::Session;
use crate::directory::session::error::{ConnectError, SessionError};
use crate::lock::locked;
use crate::verdict::Outcome;

/// A session that carries this many searches is busy.
const BUSY_AT: usize = 4;

/// While all sessions are busy, another one is opened, until there are this many.
const MOST_SESSIONS: usize = 4;

/// Nobody waits for one more session, so a server that is slow has time for it.
const GROWN_WITHIN: Duration = Duration::from_secs(10);

/// The sessions that searches share.
#[derive(Debug)]
pub struct ServicePool {
    /// How its servers are reached.
    pub(in crate::directory) connector: Arc<Connector>,
    /// As whom it signs in.
    pub(in crate::directory) account: ServiceAccount,
    limits: PoolLimits,
    shared: Mutex<Vec<SharedSession>>,
    /// Whose turn it is to open a session where there is none.
    opening: tokio::sync::Mutex<()>,
    /// All sessions are busy.
    crowded: Notify,
}

#[derive(Debug)]
struct SharedSession {
    session: Arc<Session>,
    last_used: Instant,
}

impl SharedSession {
    fn new(session: Session) -> Self {
        Self { session: Arc::new(session), last_used: Instant::now() }
    }

    /// How many searches it carries.
    fn load(&self) -> usize {
        Arc::strong_count(&self.session) - 1
    }
}

fn is_crowded(shared: &[SharedSession]) -> bool {
    (1..MOST_SESSIONS).contains(&shared.len()) && shared.iter().all(|slot| slot.load() >= BUSY_AT)
}

/// A share in a service session.
#[derive(Clone, Debug)]
pub struct Share {
    /// The session.
    pub session: Arc<Session>,
    /// Whether it was open before this request, and so may have died since.
    pub is_reused: bool,
}

impl ServicePool {
    /// A pool that opens nothing before the first use, with the logins that were refused before.
    pub fn new(
        connector: Arc<Connector>,
        identity: Identity,
        limits: PoolLimits,
        refused: &Arc<RefusedLogins>,
    ) -> Self {
        let servers = connector.servers.names();
        let servers: Vec<&str> = servers.iter().map(|name| &**name).collect();
        Self {
            account: ServiceAccount::new(identity, &servers, Arc::clone(refused)),
            connector,
            limits,
            shared: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
            crowded: Notify::new(),
        }
    }

    /// The session that carries the least. Where there is none, one caller opens it and the others
    /// wait. It is with none of the servers that are avoided.
    pub(in crate::directory) async fn share(
        &self,
        avoided: &[Arc<str>],
        by: Deadline,
    ) -> Result<Share, Outcome> {
        let since = Instant::now();
        if let Some(share) = self.least_busy(avoided, since) {
            return Ok(share);
        }
        let _turn = self.opening.lock().await;
        // Whoever had the turn before has probably opened one.
        if let Some(share) = self.least_busy(avoided, since) {
            return Ok(share);
        }
        let slot = SharedSession::new(Box::pin(self.open_waiting(avoided, by, since)).await?);
        let session = Arc::clone(&slot.session);
        locked(&self.shared).push(slot);
        Ok(Share { session, is_reused: false })
    }

    /// The session that carries the least, of those that are still good, for a request that has been
    /// waiting `since` then.
    fn least_busy(&self, avoided: &[Arc<str>], since: Instant) -> Option<Share> {
        self.reap();
        let mut shared = locked(&self.shared);
        if is_crowded(&shared) {
            self.crowded.notify_one();
        }
        let usable = shared.iter_mut().filter(|slot| !avoided.contains(&slot.session.server));
        let slot = usable.min_by_key(|slot| slot.load())?;
        slot.last_used = Instant::now();
        let is_reused = slot.session.opened < since;
        Some(Share { session: Arc::clone(&slot.session), is_reused })
    }

    /// Opens more sessions while all are busy, for as long as it is polled.
    pub async fn grow(&self) {
        loop {
            self.crowded.notified().await;
            if !is_crowded(&locked(&self.shared)) {
                continue;
            }
            let by = Deadline::after(Instant::now(), GROWN_WITHIN);
            match by.bound(self.open(by)).await {
                Ok(Ok(session)) => locked(&self.shared).push(SharedSession::new(session)),
                // Those that are open go on without it.
                Ok(Err(_)) | Err(_) => sleep(BIND_AGAIN_AFTER).await,
            }
        }
    }

    /// Stops sharing the sessions to a server; what others still do on them goes on.
    pub fn retire(&self, server: &str) {
        locked(&self.shared).retain(|slot| *slot.session.server != *server);
    }

    /// Closes the sessions whose time is over.
    pub fn reap(&self) {
        let servers = &self.connector.servers;
        locked(&self.shared)
            .retain(|slot| self.limits.allow(&slot.session, slot.last_used, servers));
    }

    /// The sessions by whether they carry anything.
    pub fn sessions(&self) -> SessionCounts {
        let shared = locked(&self.shared);
        let busy = shared.iter().filter(|slot| slot.load() > 0).count();
        SessionCounts { busy, idle: shared.len() - busy }
    }

    /// A fresh session, bound as the service account, unless that was refused a moment ago.
    pub async fn open(&self, by: Deadline) -> Result<Session, Outcome> {
        self.open_besides(&[], by).await
    }

    /// The same, and with none of the servers that are avoided.
    pub(in crate::directory) async fn open_besides(
        &self,
        avoided: &[Arc<str>],
        by: Deadline,
    ) -> Result<Session, Outcome> {
        self.open_waiting(avoided, by, Instant::now()).await
    }

    /// The same for whoever has been waiting `since` then.
    async fn open_waiting(
        &self,
        avoided: &[Arc<str>],
        by: Deadline,
        since: Instant,
    ) -> Result<Session, Outcome> {
        if let Some(outcome) = self.account.refused() {
            return Err(outcome);
        }
        Attempts::new(&self.connector.servers, Work::ServiceBind, by)
            .besides(avoided)
            .run(|context| self.try_open(context, since))
            .await
            .inspect_err(|outcome| self.account.keep_refusal(outcome))
    }

    async fn try_open(&self, context: AttemptContext<'_>, since: Instant) -> Attempt<Session> {
        let principal = self.account.identity.principal();
        let session = match self.connector.connect(principal, &context.avoided, since).await {
            Ok(session) => session,
            Err(error) => return Attempt::NotConnected(error),
        };
        let server = &session.server;
        let bound = context.patience(server, false).bound(self.account.bind(&session)).await;
        match bound.unwrap_or(Err(SessionError::Silent)) {
            Ok(Some(answer)) => Attempt::answered(server, of_service_bind(&answer)),
            Ok(None) => {
                // An anonymous session was connected, but nothing has been answered on it.
                let is_answered = !matches!(self.account.identity, Identity::Anonymous);
                Attempt::Done { by: is_answered.then(|| Arc::clone(server)), result: session }
            }
            Err(error) => Attempt::Broken { server: Arc::clone(server), error, is_reused: false },
        }
    }

    /// A session with this server, bound as the service account; no session if that is refused, or
    /// was a moment ago; an error if the server did not do its work.
    pub(super) async fn try_on(&self, server: &Server) -> Result<Option<Session>, ConnectError> {
        if self.account.refused().is_some() {
            return Ok(None);
        }
        let session = match self.connector.open_as(server, self.account.identity.principal()).await
        {
            Ok(session) => session,
            Err(error) if error.is_judged() => {
                // It would be judged again by whoever tries next.
                self.account.keep_refusal(&error.outcome());
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        match self.account.bind(&session).await? {
            None => Ok(Some(session)),
            Some(answer) => {
                Trial::ServiceBind.pass(answer.code)?;
                self.account.keep_refusal(&of_service_bind(&answer).outcome(&server.name));
                Ok(None)
            }
        }
    }

    /// Binds a session that was opened elsewhere as the service account.
    pub async fn bind(&self, session: &Session) -> Result<(), Outcome> {
        match self.account.bind(session).await {
            Ok(Some(answer)) => Err(of_service_bind(&answer).outcome(&session.server)),
            Ok(None) => Ok(()),
            Err(error) => Err(error.outcome(&session.server)),
        }
    }
}
