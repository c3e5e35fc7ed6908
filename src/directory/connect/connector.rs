//! Reaching a server: the connection, TLS on it, and what signs in while connecting.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::time::{Instant, timeout};

use crate::directory::connect::race::{Ended, Race};
use crate::directory::connect::tcp::dial;
use crate::directory::locate::dns::Dns;
use crate::directory::locate::server::{Endpoint, Server};
use crate::directory::locate::servers::Servers;
use crate::directory::sasl::principal::{Principal, Stream, Transport};
use crate::directory::session::Session;
use crate::directory::session::error::ConnectError;
use crate::directory::session::peculiarities::Peculiarities;
use crate::directory::session::start_tls::start_tls;
use crate::directory::tls::{self, Tls};
use crate::observe::step;

/// A server that has not been connected after this long no longer keeps the next from being dialled.
/// A sign-in makes two connections one after the other, and its user should not notice.
const STAGGER: Duration = Duration::from_millis(300);

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
    /// What each server turned out not to take.
    pub peculiarities: Mutex<HashMap<Arc<str>, Arc<Peculiarities>>>,
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

    /// Opens a session with the best server that can be reached; `principal` signs in on it.
    ///
    /// The next server is dialled as soon as the one before has failed, or has been silent for
    /// [`STAGGER`]; the first that is connected is taken. None of `avoided` is dialled. While the circuit is open, all are dialled
    /// at once, and none is waited for any longer than that.
    pub async fn connect(
        &self,
        principal: Option<&dyn Principal>,
        avoided: &[Arc<str>],
    ) -> Result<Session, ConnectError> {
        if !self.servers.health.circuit_open(Instant::now()) {
            return self.connect_to_first(principal, avoided, STAGGER).await;
        }
        let attempt = self.connect_to_first(principal, avoided, Duration::ZERO);
        let attempt = timeout(STAGGER, attempt).await;
        attempt.unwrap_or_else(|_| {
            let text = "all servers are down; they are asked again in the background";
            Err(ConnectError::Unreachable(text.to_owned()))
        })
    }

    async fn connect_to_first(
        &self,
        principal: Option<&dyn Principal>,
        avoided: &[Arc<str>],
        stagger: Duration,
    ) -> Result<Session, ConnectError> {
        let health = &self.servers.health;
        let (mut servers, fault) = self.servers.in_order(self.connect_within).await;
        servers.retain(|server| !avoided.contains(&server.name));
        let mut faults = Vec::from_iter(fault);
        let mut race = Race::new(servers, stagger, |server: Server| async move {
            let attempt = self.open_as(&server, principal).await;
            (server, attempt)
        });
        while let Some(Ended { server, result, overtaken }) = race.next().await {
            let now = Instant::now();
            let error = match result {
                Ok(session) => {
                    // Whoever had a head start and was overtaken is not to be asked first again.
                    let slow = overtaken.iter().filter(|_| !stagger.is_zero());
                    slow.for_each(|slow| health.mark_down(&slow.name, now));
                    return Ok(session);
                }
                Err(error) => error,
            };
            faults.push(format!("{server}: {error}"));
            if error.is_judged() {
                health.mark_up(&server.name, now);
                return Err(error.with_text(faults.join("; ")));
            }
            health.mark_down(&server.name, now);
        }
        Err(ConnectError::Unreachable(faults.join("; ")))
    }

    /// Opens a session with this server; `principal` signs in on it.
    pub async fn open_as(
        &self,
        server: &Server,
        principal: Option<&dyn Principal>,
    ) -> Result<Session, ConnectError> {
        let started = Instant::now();
        let attempt = timeout(self.connect_within, Box::pin(self.open(server, principal)));
        let attempt = attempt.await.unwrap_or_else(|_| {
            let text = format!("no connection within {:?}", self.connect_within);
            Err(ConnectError::Unreachable(text))
        });
        let result = attempt.as_ref().err().map_or("connected".to_owned(), ToString::to_string);
        step("connect", &server.name, started, &result);
        attempt
    }

    async fn open(
        &self,
        server: &Server,
        principal: Option<&dyn Principal>,
    ) -> Result<Session, ConnectError> {
        let (host, port, ldaps) = match &server.endpoint {
            Endpoint::Unix(path) => {
                let stream = UnixStream::connect(path).await?;
                return self.begin(server, stream, "", Transport::Local, principal).await;
            }
            Endpoint::Tcp { host, port, ldaps } => (host, *port, *ldaps),
        };
        let mut stream = dial(self.dns.addresses(host, port).await?).await?;
        let replaces_tls = principal.is_some_and(|principal| principal.account().must_seal);
        let starts_tls = self.start_tls && !ldaps && !replaces_tls;
        if starts_tls {
            start_tls(&mut stream).await?;
        }
        if !starts_tls && !ldaps {
            return self.begin(server, stream, host, Transport::Clear, principal).await;
        }
        let stream = self.tls.handshake(host, stream, starts_tls).await?;
        let transport = Transport::Tls(tls::certificate_of(&stream));
        self.begin(server, stream, host, transport, principal).await
    }

    fn known_about(&self, server: &Server) -> Arc<Peculiarities> {
        let mut known = self.peculiarities.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(Arc::clone(&server.name)).or_default())
    }

    /// Begins a session on a stream that has carried no LDAP yet, but for StartTLS.
    async fn begin<S: Stream + 'static>(
        &self,
        server: &Server,
        stream: S,
        host: &str,
        transport: Transport,
        principal: Option<&dyn Principal>,
    ) -> Result<Session, ConnectError> {
        let is_private = transport != Transport::Clear;
        let known = self.known_about(server);
        let Some(principal) = principal else {
            return Ok(Session::over(stream, &server.name, is_private, known));
        };
        // So that it is the KDC that is named if it does not answer.
        let ticket_within = self.connect_within / 2;
        let signed_in = principal.sign_in(Box::new(stream), host, transport, ticket_within).await?;
        let is_private = is_private || signed_in.is_private;
        Ok(Session::over(signed_in.stream, &server.name, is_private, known))
    }
}
