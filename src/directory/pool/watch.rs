//! Probing servers that are down or doubted: whether they can do again what they failed at.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::directory::connect::connector::Connector;
use crate::directory::locate::server::Server;
use crate::directory::locate::trial::Trial;
use crate::directory::pool::service::ServicePool;
use crate::directory::session::error::{ConnectError, SessionError};

/// How long to sleep while no server is down.
const A_LONG_TIME: Duration = Duration::from_secs(3600);

/// A step of a trial may take as long as connecting may; but if there is only one server, so many
/// times as long: nothing is gained by leaving it alone while it is only slow.
const PATIENCE_WITH_THE_ONLY_SERVER: u32 = 4;

/// Probes the servers of a connector.
#[derive(Clone, Copy, Debug)]
pub(in crate::directory) struct Watcher<'a> {
    /// How they are reached.
    pub(in crate::directory) connector: &'a Connector,
    /// As whom searches are tried.
    pub(in crate::directory) service: Option<&'a ServicePool>,
}

impl Watcher<'_> {
    /// Probes servers when their time has come, for as long as it is polled.
    pub(in crate::directory) async fn watch(self) {
        let health = &self.connector.servers.health;
        loop {
            let changed = health.changed.notified();
            let (due, next) = health.probe_due(Instant::now());
            if due.is_empty() {
                let next = next.map(sleep_until);
                tokio::select! {
                    () = changed => {}
                    () = async { next.unwrap_or_else(|| sleep(A_LONG_TIME)).await } => {}
                }
                continue;
            }
            let (servers, _) = self.connector.servers.in_order(self.connector.connect_within).await;
            let known = |name: &str| servers.iter().find(|server| *server.name == *name);
            let due = due.iter().filter_map(|(name, trials)| Some((known(name)?, trials)));
            join_all(due.map(|(server, trials)| self.probe(server, trials))).await;
        }
    }

    async fn probe(self, server: &Server, trials: &[Trial]) {
        let health = &self.connector.servers.health;
        let within = match self.connector.servers.count() {
            1 => PATIENCE_WITH_THE_ONLY_SERVER * self.connector.connect_within,
            _ => self.connector.connect_within,
        };
        for trial in std::iter::once(&Trial::Answer).chain(trials) {
            let passed = timeout(2 * within, Box::pin(self.passes(server, trial, within))).await;
            if let Err(fault) = passed.unwrap_or_else(|_| Err(SessionError::Silent.into())) {
                return health.failed(&server.name, trial, &fault.to_string(), Instant::now());
            }
        }
        health.passed(&server.name, trials, Instant::now());
    }

    /// An error if the server does not pass a trial of which each step may take so long.
    async fn passes(
        self,
        server: &Server,
        trial: &Trial,
        within: Duration,
    ) -> Result<(), ConnectError> {
        let code = match (trial, self.service) {
            (Trial::Answer, _) => {
                return self.connector.answers(server, within).await;
            }
            (Trial::ServiceBind, Some(service)) => return service.try_on(server).await.map(drop),
            (Trial::Search(samples), Some(service)) => {
                // A service account that is refused leaves nothing to find out.
                let Some(session) = service.try_on(server).await? else { return Ok(()) };
                let mut passed = Ok(());
                for sample in samples.iter() {
                    let found = session.search(&sample.query(), within).await?;
                    passed = trial.pass(found.answer.code);
                    if passed.is_ok() {
                        break;
                    }
                }
                return passed;
            }
            (Trial::UserBind(nobody), _) => {
                let session = self.connector.open_as(server, None).await?;
                let password = format!("{:016x}", fastrand::u64(..));
                session.bind(nobody, &password).await?.code
            }
            (Trial::ServiceBind | Trial::Search(_), None) => return Ok(()),
        };
        trial.pass(code)
    }
}
