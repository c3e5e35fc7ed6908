//! One configured directory: its connections, and the two operations that need no more than them.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use crate::deadline::Deadline;
use crate::directory::account::preset::Preset;
use crate::directory::account::set_password::{self, PasswordMethod};
use crate::directory::connect::connector::Connector;
use crate::directory::diagnosis::MustChange;
use crate::directory::groups::Searchers;
use crate::directory::locate::server::Server;
use crate::directory::pool::Watcher;
use crate::directory::pool::identity::Identity;
use crate::directory::pool::limits::PoolLimits;
use crate::directory::pool::refused_logins::RefusedLogins;
use crate::directory::pool::search::Searcher;
use crate::directory::pool::service::ServicePool;
use crate::directory::pool::users::{SessionCounts, UserPool};
use crate::observe::Alarm;
use crate::policy::admission::Admission;
use crate::policy::lookups::Lookups;
use crate::verdict::{Outage, Outcome};

/// How often connections whose time is over are looked for, and servers that were not found.
const REAP_EVERY: Duration = Duration::from_secs(5);

/// Where and as whom passwords are set, if not as searches are done.
#[derive(Debug)]
pub struct WriterSettings {
    /// How to reach it; `None` for where searches go.
    pub connector: Option<Connector>,
    /// As whom; `None` for as whom searches are done.
    pub identity: Option<Identity>,
}

/// Everything that the configuration says about how to reach one directory.
#[derive(Debug)]
pub struct DirectorySettings {
    /// Its name in the configuration, for logs.
    pub name: String,
    /// The product that it is said to be.
    pub preset: Option<Preset>,
    /// How to reach it.
    pub connector: Connector,
    /// As whom to search; without it, only binds by name are possible.
    pub identity: Option<Identity>,
    /// How to reach who is asked about groups of other domains of the forest.
    pub catalog: Option<Connector>,
    /// How passwords are set.
    pub set_password: PasswordMethod,
    /// Where and as whom, if that is special.
    pub writer: Option<WriterSettings>,
    /// What becomes of a right password that must be changed.
    pub must_change: MustChange,
    /// The limits of its connections.
    pub limits: PoolLimits,
}

impl DirectorySettings {
    /// Lets requests end when every server has failed once, for somebody who waits to be told why.
    pub fn ask_once(&mut self) {
        let writer = self.writer.as_mut().and_then(|writer| writer.connector.as_mut());
        let connectors = std::iter::once(&mut self.connector).chain(&mut self.catalog);
        for connector in connectors.chain(writer) {
            connector.servers.asked_once = true;
        }
    }
}

/// One configured directory, with its connections.
#[derive(Debug)]
pub struct Directory {
    name: String,
    /// The product that it is said to be.
    pub(in crate::directory) preset: Option<Preset>,
    /// Who searches, if there is a service account.
    pub(in crate::directory) service: Option<Searcher>,
    /// Who is asked about groups of other domains.
    pub(in crate::directory) catalog: Option<Searcher>,
    /// Where passwords are set, if not where searches go and as they do.
    pub(in crate::directory) writer: Option<ServicePool>,
    /// Who binds as users.
    pub(in crate::directory) users: UserPool,
    /// How passwords are set.
    pub(in crate::directory) set_password: PasswordMethod,
    /// What becomes of a right password that must be changed.
    pub(in crate::directory) must_change: MustChange,
    /// What tells the operator of an outage.
    pub(in crate::directory) alarm: Alarm,
    /// How fast it answers sign-ins.
    pub(in crate::directory) admission: Arc<Admission>,
    /// How often the DN of an account was looked for among those that are remembered.
    pub(in crate::directory) dn_lookups: Lookups,
}

impl Directory {
    /// A directory that is not connected to yet.
    pub fn new(settings: DirectorySettings) -> Self {
        Self::remembering(settings, &Arc::default())
    }

    /// The same, with the logins of service accounts that were refused before.
    pub fn remembering(settings: DirectorySettings, refused: &Arc<RefusedLogins>) -> Self {
        let limits = settings.limits;
        let connector = Arc::new(settings.connector);
        let writer = settings.writer.and_then(|writer| {
            let connector = writer.connector.map_or_else(|| Arc::clone(&connector), Arc::new);
            let identity = writer.identity.or_else(|| settings.identity.clone())?;
            Some(ServicePool::new(connector, identity, limits, refused))
        });
        let searcher = |connector, identity| Searcher {
            pool: ServicePool::new(connector, identity, limits, refused),
        };
        let catalog = settings.catalog.zip(settings.identity.clone());
        let catalog = catalog.map(|(connector, identity)| searcher(Arc::new(connector), identity));
        let service = settings.identity.map(|identity| searcher(Arc::clone(&connector), identity));
        Self {
            preset: settings.preset,
            service,
            catalog,
            writer,
            users: UserPool::new(connector, limits),
            set_password: settings.set_password,
            must_change: settings.must_change,
            alarm: Alarm::new(settings.name.clone()),
            admission: Arc::default(),
            dn_lookups: Lookups::default(),
            name: settings.name,
        }
    }

    /// Closes connections whose time is over, asks servers that are down whether they are up again,
    /// and keeps what DNS says up to date, for as long as it is polled.
    pub async fn maintain(&self) {
        let service = self.service.as_ref().map(|service| &service.pool);
        let watch = Watcher { connector: self.connector(), service }.watch();
        let watch_writer = async {
            if let Some(connector) = self.writer_connector() {
                Watcher { connector, service: self.writer.as_ref() }.watch().await;
            }
        };
        let watch_catalog = async {
            if let Some(Searcher { pool }) = &self.catalog {
                Watcher { connector: &pool.connector, service: Some(pool) }.watch().await;
            }
        };
        let grow_service = async {
            if let Some(service) = &self.service {
                service.pool.grow().await;
            }
        };
        tokio::join!(self.keep_fresh(), watch, watch_writer, watch_catalog, grow_service);
    }

    async fn keep_fresh(&self) {
        loop {
            tokio::time::sleep(REAP_EVERY).await;
            for connector in [Some(self.connector()), self.writer_connector()].into_iter().flatten()
            {
                connector.servers.refresh(connector.connect_within).await;
                connector.ask_awaited().await;
            }
            self.users.reap();
            for searcher in self.service.iter().chain(&self.catalog) {
                searcher.pool.reap();
            }
        }
    }

    /// Signs the service accounts in, on connections of their own. Where `others_work` without these,
    /// nothing presses, and who was refused lately is not tried again.
    pub async fn try_out(&self, others_work: bool, by: Deadline) -> Result<(), Outcome> {
        for pool in self.service_pools() {
            if let Some(outcome) = pool.account.refused_lately().filter(|_| others_work) {
                return Err(outcome);
            }
            by.bound(pool.open(by)).await.unwrap_or_else(|elapsed| Err(elapsed.into()))?;
        }
        Ok(())
    }

    /// Whether nobody can be signed in by it now.
    pub fn is_out(&self) -> bool {
        self.connector().servers.health.all_down()
            || self.service.as_ref().is_some_and(|service| service.pool.account.is_refused_here())
    }

    /// The same, or that no password can be set because the account for that was refused.
    pub fn is_impaired(&self) -> bool {
        self.is_out() || self.writer.as_ref().is_some_and(|writer| writer.account.is_refused_here())
    }

    fn service_pools(&self) -> impl Iterator<Item = &ServicePool> {
        let searchers = self.service.iter().chain(&self.catalog);
        searchers.map(|searcher| &searcher.pool).chain(&self.writer)
    }

    /// Its name in the configuration.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How its servers are reached.
    pub(in crate::directory) fn connector(&self) -> &Connector {
        self.users.connector()
    }

    /// How the servers that passwords are set on are reached, if those are others.
    pub(in crate::directory) fn writer_connector(&self) -> Option<&Connector> {
        let writer = &*self.writer.as_ref()?.connector;
        (!std::ptr::eq(writer, self.connector())).then_some(writer)
    }

    /// Its servers, and what is wrong with finding them.
    pub async fn servers(&self) -> (Vec<Server>, Option<String>) {
        let connector = self.connector();
        connector.servers.in_order(connector.connect_within).await
    }

    /// All sessions that are open.
    pub(in crate::directory) fn sessions(&self) -> SessionCounts {
        let services = self.service_pools().map(ServicePool::sessions);
        services.fold(self.users.sessions(), |all, more| SessionCounts {
            busy: all.busy + more.busy,
            idle: all.idle + more.idle,
        })
    }

    /// How many connections for user binds are open.
    pub fn open_connections(&self) -> usize {
        self.users.open()
    }

    /// Searches as the service account.
    pub(in crate::directory) fn searcher(&self) -> Result<&Searcher, Outcome> {
        self.service.as_ref().ok_or_else(|| Outage::Unanswerable.into())
    }

    /// Who is asked about groups, as the service account.
    pub(in crate::directory) fn searchers(&self) -> Result<Searchers<'_>, Outcome> {
        Ok(Searchers { own: self.searcher()?, catalog: self.catalog.as_ref() })
    }

    /// Sets the password of an entry. Connections on which its user may be bound with the old one
    /// are closed.
    pub(in crate::directory) async fn write_password(
        &self,
        dn: &str,
        password: &SecretString,
        by: Deadline,
    ) -> Result<Outcome, Outcome> {
        let pool = match &self.writer {
            Some(writer) => writer,
            None => &self.searcher()?.pool,
        };
        let done = set_password::set(pool, self.set_password, dn, password, by).await;
        self.users.purge();
        done
    }
}
