//! Asking servers that are down whether they are up again.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::directory::connect::connector::Connector;
use crate::directory::locate::server::Server;
use crate::directory::message::Query;
use crate::result_code;

/// How long to sleep while no server is down.
const A_LONG_TIME: Duration = Duration::from_secs(3600);

impl Connector {
    /// Probes servers that are down when their time has come, for as long as it is polled.
    pub async fn watch(&self) {
        let health = &self.servers.health;
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
            let (servers, _) = self.servers.in_order(self.connect_within).await;
            let due = servers.iter().filter(|server| due.contains(&server.name));
            join_all(due.map(|server| self.probe(server))).await;
        }
    }

    async fn probe(&self, server: &Server) {
        let health = &self.servers.health;
        if self.answers(server).await {
            health.mark_up(&server.name, Instant::now());
        } else {
            health.mark_down(&server.name, Instant::now());
        }
    }

    /// Whether a server answers a search of its root DSE, and not only its network.
    async fn answers(&self, server: &Server) -> bool {
        let query = Query::entry("", &[]);
        let found = timeout(self.connect_within, async {
            let session = self.open_as(server, None).await.ok()?;
            session.search(&query, self.connect_within).await.ok()
        });
        match found.await {
            Ok(Some(found)) => !result_code::is_elsewhere_better(found.answer.code),
            Ok(None) | Err(_) => false,
        }
    }
}
