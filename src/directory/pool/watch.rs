//! Probing servers that are down or doubted: whether they can do again what they failed at.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::directory::connect::connector::Connector;
use crate::directory::locate::server::Server;
use crate::directory::locate::trial::Trial;
use crate::directory::pool::service::ServicePool;
use crate::directory::session::Session;
use crate::result_code;

/// How long to sleep while no server is down.
const A_LONG_TIME: Duration = Duration::from_secs(3600);

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
        for trial in std::iter::once(&Trial::Answer).chain(trials) {
            let within = 2 * self.connector.connect_within;
            let passed = timeout(within, Box::pin(self.passes(server, trial))).await;
            if !passed.is_ok_and(|passed| passed.is_some()) {
                return health.mark_down(&server.name, trial.clone(), Instant::now());
            }
        }
        health.passed(&server.name, trials, Instant::now());
    }

    /// `None` if the server does not pass a trial.
    async fn passes(self, server: &Server, trial: &Trial) -> Option<()> {
        let within = self.connector.connect_within;
        match (trial, self.service) {
            (Trial::Answer, _) => self.connector.answers(server).await.then_some(()),
            (Trial::ServiceBind, Some(service)) => service.try_on(server).await.map(drop),
            (Trial::Search(sample), Some(service)) => {
                // A service account that is refused leaves nothing to find out.
                let Some(session) = service.try_on(server).await? else { return Some(()) };
                let found = session.search(&sample.query(), within).await.ok()?;
                judges(found.answer.code)
            }
            (Trial::UserBind(nobody), _) => {
                let session: Session = self.connector.open_as(server, None).await.ok()?;
                let password = format!("{:016x}", fastrand::u64(..));
                judges(session.bind(nobody, &password).await.ok()?.code)
            }
            (Trial::ServiceBind | Trial::Search(_), None) => Some(()),
        }
    }
}

/// Whether a server with this answer does its work, whatever it decides.
fn judges(code: u32) -> Option<()> {
    (!result_code::is_elsewhere_better(code)).then_some(())
}
