//! Which servers there are, and in which order they are tried.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use crate::directory::locate::health::Health;
use crate::directory::locate::server::{Rank, Server};
use crate::directory::locate::srv::Discovery;
use crate::lock::locked;

/// The servers of one directory, with what is known about each.
#[derive(Debug)]
pub struct Servers {
    discovery: Option<Discovery>,
    fixed: Vec<Server>,
    /// Whose turn it is within each rank.
    turn: AtomicUsize,
    /// The ranks of those that were known last, by their names.
    ranks: Mutex<HashMap<Arc<str>, Rank>>,
    /// Which of them are down.
    pub health: Health,
    /// Whether a request ends when every server has failed, rather than when its time is over: where
    /// somebody waits to be told why.
    pub asked_once: bool,
}

impl Servers {
    /// The servers that are found, and behind them those of the configuration.
    pub fn new(discovery: Option<Discovery>, fixed: Vec<Server>) -> Self {
        // Many processes start at the same time.
        let turn = AtomicUsize::new(fastrand::usize(..1024));
        let (ranks, health) = (Mutex::default(), Health::default());
        Self { discovery, fixed, turn, ranks, health, asked_once: false }
    }

    /// All servers in the order in which to try them, those that are down or doubted last; and what is wrong
    /// with finding them. If they were never looked for, that is done first, `within` the time.
    pub async fn in_order(&self, within: Duration) -> (Vec<Server>, Option<String>) {
        let (mut servers, fault) = match &self.discovery {
            Some(discovery) => discovery.servers(within).await,
            None => (Vec::new(), None),
        };
        let mut fixed = self.fixed.clone();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        for equals in fixed.chunk_by_mut(|a, b| a.rank == b.rank) {
            equals.rotate_left(turn % equals.len());
        }
        servers.append(&mut fixed);
        let ranks = servers.iter().map(|server| (Arc::clone(&server.name), server.rank));
        let ranks: HashMap<_, _> = ranks.collect();
        self.health.set_servers(|name| ranks.contains_key(name), ranks.len(), Instant::now());
        *locked(&self.ranks) = ranks;
        servers.sort_by_key(|server| (self.health.is_suspect(&server.name), server.rank));
        (servers, fault)
    }

    /// The names of those that are known, in their order.
    pub fn names(&self) -> Vec<Arc<str>> {
        let ranks = locked(&self.ranks);
        let fixed = self.fixed.iter().map(|server| Arc::clone(&server.name));
        let mut names: Vec<_> = ranks.keys().cloned().chain(fixed).collect();
        names.sort();
        names.dedup();
        names
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        locked(&self.ranks).len()
    }

    /// Whether a better server is up, so that sessions with this one are not to be used any more.
    pub fn has_better(&self, server: &str) -> bool {
        let ranks = locked(&self.ranks);
        let order = |name: &str, rank: &Rank| (self.health.is_suspect(name), *rank);
        let Some(own) = ranks.get(server).map(|rank| order(server, rank)) else { return true };
        ranks.iter().any(|(name, rank)| order(name, rank) < own)
    }

    /// Looks for servers anew where what is known is no longer good.
    pub async fn refresh(&self, within: Duration) {
        if let Some(discovery) = &self.discovery {
            discovery.refresh(within).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::locate::trial::Work;
    use crate::directory::session::error::ConnectError;

    fn servers(groups: &[&[&str]]) -> (Vec<Server>, Servers) {
        let mut all = Vec::new();
        for (rank, urls) in (0..).map(Rank::Named).zip(groups) {
            let read = |url: &&str| Server { rank, ..Server::parse(url).unwrap() };
            all.extend(urls.iter().map(read));
        }
        (all.clone(), Servers::new(None, all))
    }

    async fn order(servers: &Servers) -> String {
        let (servers, _) = servers.in_order(Duration::ZERO).await;
        servers.iter().map(|server| server.name.trim_start_matches("ldap://")).collect()
    }

    #[tokio::test]
    async fn servers_that_are_down_come_last() {
        let (all, servers) = servers(&[&["ldap://a"], &["ldap://b"], &["ldap://c"]]);
        let (now, fault) = (Instant::now(), ConnectError::Unreachable("it is off".to_owned()));
        assert_eq!(order(&servers).await, "abc");
        servers.health.not_connected(&all[0].name, &fault, now);
        assert_eq!(order(&servers).await, "bca");
        servers.health.not_connected(&all[1].name, &fault, now);
        assert_eq!(order(&servers).await, "cab");
        servers.health.did(&all[0].name, Work::Answer, now);
        assert_eq!(order(&servers).await, "acb");
    }

    #[tokio::test]
    async fn servers_of_one_rank_share_the_load() {
        let (_, servers) = servers(&[&["ldap://a", "ldap://b"], &["ldap://c"]]);
        let mut seen = [order(&servers).await, order(&servers).await];
        seen.sort();
        assert_eq!(seen, ["abc", "bac"]);
    }

    #[tokio::test]
    async fn a_better_server_is_one_that_is_up_and_preferred() {
        let (all, servers) = servers(&[&["ldap://a", "ldap://b"], &["ldap://c"]]);
        let (now, fault) = (Instant::now(), ConnectError::Unreachable("it is off".to_owned()));
        order(&servers).await;
        let has_better = |name| servers.has_better(name);
        assert!(!has_better("ldap://a") && !has_better("ldap://b") && has_better("ldap://c"));
        servers.health.not_connected(&all[0].name, &fault, now);
        assert!(has_better("ldap://a") && !has_better("ldap://b") && has_better("ldap://c"));
        servers.health.not_connected(&all[1].name, &fault, now);
        assert!(!has_better("ldap://c") && has_better("ldap://unknown"));
        servers.health.did(&all[0].name, Work::Answer, now);
        assert!(has_better("ldap://c"));
    }
}
