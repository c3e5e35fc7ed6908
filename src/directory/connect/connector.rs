//! Reaching a server: the connection, TLS on it, and what signs in while connecting.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::directory::connect::tcp::dial;
use crate::directory::locate::dns::Dns;
use crate::directory::locate::server::{Endpoint, Server};
use crate::directory::locate::servers::Servers;
use crate::directory::message::Query;
use crate::directory::sasl::gssapi::Principal;
use crate::directory::sasl::refusal::Refused;
use crate::directory::session::Session;
use crate::directory::session::multiplexer;
use crate::directory::tls::{self, Tls};
use crate::observe::step;
use crate::result_code;

/// A server that has not been connected after this long no longer keeps the next from being dialled.
/// A sign-in makes two connections one after the other, and its user should not notice.
const STAGGER: Duration = Duration::from_millis(300);

/// When there is nothing to do.
const A_LONG_TIME: Duration = Duration::from_secs(3600);

/// How to reach the servers of one directory.
#[derive(Debug)]
pub struct Connector {
    /// The servers, in order.
    pub servers: Servers,
    /// Whether `ldap://` connections are upgraded before anything else is sent.
    pub start_tls: bool,
    /// Who knows their addresses.
    pub dns: Arc<Dns>,
    /// How to speak TLS.
    pub tls: Arc<Tls>,
    /// The time for one server, from the name look-up to the end of the handshake.
    pub connect_within: Duration,
}

/// No server could be reached, or one refused the account.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{text}")]
pub struct Unreachable {
    /// Each server and its fault.
    pub text: String,
    /// The result code of a refusal.
    pub refused: Option<u32>,
}

impl Connector {
    /// The effective values by their keys.
    pub fn describe(&self) -> Vec<(&'static str, String)> {
        let mut lines = self.servers.describe();
        let name_servers: Vec<_> =
            self.dns.name_servers().iter().map(ToString::to_string).collect();
        if !name_servers.is_empty() {
            lines.push(("nameservers", name_servers.join(", ")));
        }
        if self.start_tls {
            lines.push(("start_tls", "true".to_owned()));
        }
        lines.push(("connect_within", format!("{:?}", self.connect_within)));
        lines.extend(self.tls.describe());
        lines
    }

    /// Opens a connection to the best server that can be reached, and signs in on it where that
    /// belongs to connecting.
    ///
    /// The next server is dialled as soon as the one before has failed, or has been silent for
    /// [`STAGGER`]; the first that is connected is taken. Where all have been down for long, all are
    /// dialled at once, and none is waited for any longer than that.
    pub async fn connect(&self, account: Option<&Principal>) -> Result<Session, Unreachable> {
        if !self.servers.health.circuit_open(Instant::now()) {
            return self.race(account, Some(STAGGER)).await;
        }
        timeout(STAGGER, self.race(account, None)).await.unwrap_or_else(|_| {
            let text = "all servers are down; they are asked again in the background".to_owned();
            Err(Unreachable { text, refused: None })
        })
    }

    async fn race(
        &self,
        account: Option<&Principal>,
        stagger: Option<Duration>,
    ) -> Result<Session, Unreachable> {
        let health = &self.servers.health;
        let (servers, fault) = self.servers.in_order(self.connect_within).await;
        let mut faults = Vec::from_iter(fault);
        let mut waiting = servers.into_iter();
        let mut dialled: Vec<Server> = Vec::new();
        let mut attempts = FuturesUnordered::new();
        loop {
            if let Some(server) = waiting.next() {
                dialled.push(server.clone());
                attempts.push(async { (self.open_as(&server, account).await, server) });
            }
            let (attempt, server) = tokio::select! {
                Some(attempt) = attempts.next() => attempt,
                () = sleep(stagger.unwrap_or_default()), if waiting.len() > 0 => continue,
                else => return Err(Unreachable { text: faults.join("; "), refused: None }),
            };
            let now = Instant::now();
            let error = match attempt {
                Ok(connection) => {
                    // Those before it had their time and are too slow to be asked first again.
                    let slower = dialled.iter().take_while(|slower| slower.name != server.name);
                    let slower = slower.filter(|_| stagger.is_some());
                    slower.for_each(|slower| health.mark_down(&slower.name, now));
                    return Ok(connection);
                }
                Err(error) => error,
            };
            faults.push(format!("{server}: {error}"));
            if let Some(code) = refusal(&error) {
                health.mark_up(&server.name, now);
                return Err(Unreachable { text: faults.join("; "), refused: Some(code) });
            }
            health.mark_down(&server.name, now);
            dialled.retain(|other| other.name != server.name);
        }
    }

    /// Asks servers that are down whether they are up again, for as long as it is polled.
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

    /// Whether a server answers, and not only its network.
    async fn probe(&self, server: &Server) {
        let query = Query::entry("", &[]);
        let answered = timeout(self.connect_within, async {
            let connection = self.open_as(server, None).await.ok()?;
            connection.search(&query, self.connect_within).await.ok()
        });
        let is_up = match answered.await {
            Ok(Some(found)) => !result_code::is_elsewhere_better(found.answer.code),
            Ok(None) | Err(_) => false,
        };
        let health = &self.servers.health;
        if is_up {
            health.mark_up(&server.name, Instant::now());
        } else {
            health.mark_down(&server.name, Instant::now());
        }
    }

    /// Opens a connection to this server; see [`Connector::connect`].
    pub async fn open_as(
        &self,
        server: &Server,
        account: Option<&Principal>,
    ) -> io::Result<Session> {
        let started = Instant::now();
        let attempt = timeout(self.connect_within, Box::pin(self.connect_to(server, account)));
        let attempt = attempt.await.unwrap_or_else(|_| {
            let text = format!("no connection within {:?}", self.connect_within);
            Err(io::Error::new(io::ErrorKind::TimedOut, text))
        });
        let result = attempt.as_ref().err().map_or("connected".to_owned(), io::Error::to_string);
        step("connect", &server.name, started, &result);
        attempt
    }

    async fn connect_to(
        &self,
        server: &Server,
        account: Option<&Principal>,
    ) -> io::Result<Session> {
        // So that it is the KDC that is named if it does not answer.
        let ticket_within = self.connect_within / 2;
        Ok(match &server.endpoint {
            Endpoint::Unix(path) => {
                let stream = UnixStream::connect(path).await?;
                match account {
                    Some(account) => {
                        let (stream, _) =
                            account.sign_in_and_seal(stream, "", ticket_within).await?;
                        Session::over(stream, &server.name, true)
                    }
                    None => Session::over(stream, &server.name, true),
                }
            }
            Endpoint::Tcp { host, port, ldaps } => {
                let mut stream = dial(self.dns.addresses(host, *port).await?).await?;
                let start_tls = self.start_tls && !account.is_some_and(Principal::replaces_tls);
                if start_tls && !ldaps {
                    multiplexer::start_tls(&mut stream).await.map_err(io::Error::other)?;
                }
                if start_tls || *ldaps {
                    let mut stream = self.tls.handshake(host, stream).await?;
                    if let Some(account) = account {
                        let certificate = tls::certificate_of(&stream);
                        account
                            .sign_in(&mut stream, host, certificate.as_deref(), ticket_within)
                            .await?;
                    }
                    Session::over(stream, &server.name, true)
                } else if let Some(account) = account {
                    let (stream, is_private) =
                        account.sign_in_and_seal(stream, host, ticket_within).await?;
                    Session::over(stream, &server.name, is_private)
                } else {
                    Session::over(stream, &server.name, false)
                }
            }
        })
    }
}

fn refusal(error: &io::Error) -> Option<u32> {
    Some(error.get_ref()?.downcast_ref::<Refused>()?.code)
}
