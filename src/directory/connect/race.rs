//! Who is dialled when: one server after the other, but none is waited for while it says nothing.

use std::future::Future;
use std::vec;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Duration, sleep};

use crate::directory::locate::server::Server;

/// Attempts to dial servers, in their order.
///
/// The next server is dialled when an attempt has ended, or when none has ended for the stagger of
/// the server that was dialled last.
#[derive(Debug)]
pub(super) struct Race<Stagger, Dial, Dialling> {
    waiting: vec::IntoIter<Server>,
    stagger: Stagger,
    pause: Duration,
    dial: Dial,
    attempts: FuturesUnordered<Dialling>,
    /// The servers of `attempts`, in the order in which they were dialled.
    dialled: Vec<Server>,
}

/// An attempt that has ended.
#[derive(Debug)]
pub(super) struct FinishedAttempt<T> {
    /// The server.
    pub(super) server: Server,
    /// What became of the attempt.
    pub(super) result: T,
    /// The servers that were dialled before and are still silent.
    pub(super) overtaken: Vec<Server>,
}

impl<Stagger, Dial, Dialling, T> Race<Stagger, Dial, Dialling>
where
    Stagger: Fn(&Server) -> Duration,
    Dial: FnMut(Server) -> Dialling,
    Dialling: Future<Output = (Server, T)>,
{
    /// A race in which nobody is dialled yet.
    pub(super) fn new(servers: Vec<Server>, stagger: Stagger, dial: Dial) -> Self {
        let (waiting, attempts) = (servers.into_iter(), FuturesUnordered::new());
        Self { waiting, stagger, pause: Duration::ZERO, dial, attempts, dialled: Vec::new() }
    }

    /// Waits for the next attempt to end; `None` when all servers have been dialled and all attempts
    /// have ended.
    pub(super) async fn next(&mut self) -> Option<FinishedAttempt<T>> {
        loop {
            if let Some(server) = self.waiting.next() {
                self.pause = (self.stagger)(&server);
                self.dialled.push(server.clone());
                self.attempts.push((self.dial)(server));
            }
            let (server, result) = tokio::select! {
                Some(ended) = self.attempts.next() => ended,
                () = sleep(self.pause), if self.waiting.len() > 0 => continue,
                else => return None,
            };
            let is_other = |other: &&Server| other.name != server.name;
            let overtaken = self.dialled.iter().take_while(is_other).cloned().collect();
            self.dialled.retain(|other| is_other(&other));
            return Some(FinishedAttempt { server, result, overtaken });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Which attempts end, and which servers each has overtaken, where each takes so many seconds.
    async fn run(stagger: Duration, seconds: &[u32]) -> Vec<(String, Vec<String>)> {
        let name = |server: &Server| server.name.trim_start_matches("ldap://").to_owned();
        let servers = (0..seconds.len()).map(|n| Server::parse(&format!("ldap://x{n}")).unwrap());
        let mut race = Race::new(
            servers.collect(),
            |_: &Server| stagger,
            |server: Server| async move {
                let index: usize = name(&server).trim_start_matches('x').parse().unwrap();
                sleep(SECOND * seconds[index]).await;
                (server, ())
            },
        );
        let mut ended = Vec::new();
        while let Some(FinishedAttempt { server, overtaken, .. }) = race.next().await {
            ended.push((name(&server), overtaken.iter().map(name).collect()));
        }
        ended
    }

    fn order(ended: &[(String, Vec<String>)]) -> String {
        ended.iter().map(|(name, _)| name.trim_start_matches('x')).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_server_is_overtaken() {
        let ended = run(3 * SECOND, &[10, 1, 1]).await;
        assert_eq!(order(&ended), "120");
        assert_eq!(ended[0].1, ["x0"]);
        assert!(ended[2].1.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_server_waits_for_the_stagger_and_no_longer_than_the_attempt_before() {
        assert_eq!(order(&run(3 * SECOND, &[2, 5, 1]).await), "021");
        assert_eq!(order(&run(3 * SECOND, &[5, 1, 3]).await), "102");
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_stagger_all_are_dialled_at_once() {
        assert_eq!(order(&run(Duration::ZERO, &[3, 2, 1]).await), "210");
        assert!(run(Duration::ZERO, &[]).await.is_empty());
    }
}
