//! Reaching a server: the connection, TLS on it, and what signs in while connecting.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::net::UnixStream;
use tokio::time::{Instant, timeout};

use crate::directory::connect::race::{FinishedAttempt, Race};
use crate::directory::connect::tcp::dial;
use crate::directory::locate::dns::Dns;
use crate::directory::locate::server::{Endpoint, Server};
use crate::directory::locate::servers::Servers;
use crate::directory::locate::trial::{Trial, Work};
use crate::directory::message::Query;
use crate::directory::sasl::principal::{ByteStream, Principal, Transport};
use crate::directory::session::Session;
use crate::directory::session::error::{ConnectError, SessionError};
use crate::directory::session::record::ServerRecord;
use crate::directory::session::start_tls::start_tls;
use crate::directory::session::tally::{OperationEnd, OperationKind};
use crate::directory::tls::{self, Tls};
use crate::lock::locked;
use crate::observe::StepUnderWay;

/// A server that has not been connected after this long no longer keeps the next from being dialled,
/// unless it is known to need more. A sign-in makes two connections one after the other, and its user
/// should not notice.
const STAGGER: Duration = Duration::from_millis(300);

/// The last of many servers is dialled after this long, so that those that are dead cost little,
/// however many they are.
const ALL_WITHIN: Duration = Duration::from_millis(600);

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
    /// What is remembered of each server.
    records: Mutex<HashMap<Arc<str>, Arc<ServerRecord>>>,
    /// How the last attempt ended that was made while the circuit was open, and when.
    last: tokio::sync::Mutex<Option<(Instant, String)>>,
}

impl Connector {
    /// A connector that has not connected yet.
    pub fn new(
        servers: Servers,
        start_tls: bool,
        dns: Arc<Dns>,
        tls: Arc<Tls>,
        connect_within: Duration,
    ) -> Self {
        Self {
            servers,
            start_tls,
            dns,
            tls,
            connect_within,
            records: Mutex::default(),
            last: tokio::sync::Mutex::default(),
        }
    }

    /// Opens a session with the best server that can be reached; `principal` signs in on it.
    ///
    /// The next server is dialled as soon as the one before has failed, or has been silent for
    /// `STAGGER`; the first that is connected is taken. None of `avoided` is dialled. While the
    /// circuit is open, all others are dialled at once, until whoever asked `since` then is given up;
    /// and what one attempt came to holds for all who have been waiting since before it ended.
    pub async fn connect(
        &self,
        principal: Option<&dyn Principal>,
        avoided: &[Arc<str>],
        since: Instant,
    ) -> Result<Session, ConnectError> {
        let health = &self.servers.health;
        if !health.circuit_open(Instant::now()) {
            return self.connect_to_first(principal, avoided, false).await;
        }
        let mut last = self.last.lock().await;
        if let Some((at, text)) = &*last
            && *at >= since
        {
            return Err(ConnectError::Unreachable(text.clone()));
        }
        let attempt = tokio::select! {
            biased;
            attempt = self.connect_to_first(principal, avoided, true) => attempt,
            () = health.given_up(since) => Err(ConnectError::Unreachable(health.outage())),
        };
        if let Err(ConnectError::Unreachable(text)) = &attempt {
            *last = Some((Instant::now(), text.clone()));
        }
        attempt
    }

    async fn connect_to_first(
        &self,
        principal: Option<&dyn Principal>,
        avoided: &[Arc<str>],
        at_once: bool,
    ) -> Result<Session, ConnectError> {
        let health = &self.servers.health;
        let (mut servers, fault) = self.servers.in_order(self.connect_within).await;
        servers.retain(|server| !avoided.contains(&server.name));
        let mut faults = Vec::from_iter(fault);
        let count = servers.len();
        let stagger = |server: &Server| match health.connect_time(&server.name) {
            _ if at_once => Duration::ZERO,
            known => stagger(count, known.unwrap_or_default(), self.connect_within),
        };
        let mut race = Race::new(servers, stagger, |server: Server| async move {
            let attempt = self.open_as(&server, principal).await;
            let attempt = match attempt {
                Ok(session) if count > 1 => self.unless_mute(&server, session).await,
                attempt => attempt.map(Some),
            };
            (server, attempt)
        });
        let mut mute = Vec::new();
        while let Some(FinishedAttempt { server, result, overtaken }) = race.next().await {
            let error = match result {
                Ok(Some(session)) => {
                    // Where all are dialled at once, nobody had a head start.
                    let slow = overtaken.iter().filter(|_| !at_once);
                    slow.chain(&mute).for_each(|slow| health.fell_silent(&slow.name));
                    return Ok(session);
                }
                Ok(None) => {
                    mute.push(server);
                    continue;
                }
                Err(error) => error,
            };
            faults.push(format!("{server}: {error}"));
            health.not_connected(&server.name, &error, Instant::now());
            if error.is_judged() {
                return Err(error.with_text(faults.join("; ")));
            }
        }
        // Where none answers, it may be the question that is not liked.
        match mute.first() {
            Some(server) => self.open_as(server, principal).await,
            None => Err(ConnectError::Unreachable(faults.join("; "))),
        }
    }

    /// The session, if the server has answered before or does so now: its network may take connections
    /// for it.
    async fn unless_mute(
        &self,
        server: &Server,
        session: Session,
    ) -> Result<Option<Session>, ConnectError> {
        let health = &self.servers.health;
        if health.has_answered(&server.name) {
            return Ok(Some(session));
        }
        let query = Query::entry("", &[]);
        let asked = timeout(self.connect_within, session.search(&query, self.connect_within)).await;
        if !matches!(asked, Ok(Ok(_))) {
            return Ok(None);
        }
        health.did(&server.name, Work::Answer, Instant::now());
        Ok(Some(session))
    }

    /// Opens a session with this server; `principal` signs in on it.
    pub async fn open_as(
        &self,
        server: &Server,
        principal: Option<&dyn Principal>,
    ) -> Result<Session, ConnectError> {
        if self.record(&server.name).peculiarities.is_policy_in_doubt() {
            Box::pin(self.find_out_policy_control(server)).await?;
        }
        let (started, step) = (Instant::now(), StepUnderWay::begin("connect", &server.name));
        let attempt = timeout(self.connect_within, Box::pin(self.open(server, principal)));
        let attempt = attempt.await.unwrap_or_else(|_| {
            let text = format!("no connection within {:?}", self.connect_within);
            Err(ConnectError::Unreachable(text))
        });
        if attempt.is_ok() {
            self.servers.health.connected(&server.name, started.elapsed());
        }
        let end = match &attempt {
            Ok(_) => OperationEnd::Ok,
            Err(error) if error.is_judged() => OperationEnd::Refused,
            Err(_) => OperationEnd::Lost,
        };
        self.record(&server.name).tally.add(OperationKind::Connect, end);
        step.ends(|| attempt.as_ref().err().map_or("connected".to_owned(), ToString::to_string));
        attempt
    }

    /// Asks the servers that left binds unanswered whether they go on.
    pub async fn ask_awaited(&self) {
        let (mut servers, _) = self.servers.in_order(self.connect_within).await;
        servers.retain(|server| self.record(&server.name).answer_signal.is_awaited());
        join_all(servers.iter().map(|server| self.answers(server, self.connect_within))).await;
    }

    /// Finds out whether a server answers a search of its root DSE `within` the time, on a connection of its own,
    /// and not only its network.
    pub async fn answers(&self, server: &Server, within: Duration) -> Result<(), ConnectError> {
        let query = Query::entry("", &[]);
        let found = timeout(within, async {
            let session = self.open_as(server, None).await?;
            Ok::<_, ConnectError>(session.search(&query, within).await?)
        });
        let found = found.await.unwrap_or_else(|_| Err(SessionError::Silent.into()))?;
        Trial::Answer.pass(found.answer.code)
    }

    /// Finds out whether this server takes the control of the password policy, on sessions of which
    /// each is bound once, because some servers take no second bind. Only who answers the one bind and
    /// not the other refuses it.
    async fn find_out_policy_control(&self, server: &Server) -> Result<(), ConnectError> {
        let answers = async |with_control| {
            let session = self.open(server, None).await?;
            Ok::<_, ConnectError>(session.answers_bind_as_nobody(with_control).await?)
        };
        let found = timeout(self.connect_within, async {
            let takes_control = answers(true).await?;
            Ok((takes_control, takes_control || answers(false).await?))
        });
        let known = &self.record(&server.name).peculiarities;
        known.found_policy(match found.await {
            Ok(Err(error)) => return Err(error),
            Ok(Ok(found)) => Some(found),
            // It may be too slow for so many questions, and a bind will tell.
            Err(_) => None,
        });
        Ok(())
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
        let negotiated = tls::negotiated(&stream);
        let transport = Transport::Tls(negotiated.certificate.clone());
        self.record(&server.name).set_negotiated(negotiated);
        self.begin(server, stream, host, transport, principal).await
    }

    /// What is remembered of the server of this name.
    pub(in crate::directory) fn record(&self, name: &Arc<str>) -> Arc<ServerRecord> {
        let mut records = locked(&self.records);
        Arc::clone(records.entry(Arc::clone(name)).or_default())
    }

    /// Begins a session on a stream that has carried no LDAP yet, but for StartTLS.
    async fn begin<S: ByteStream + 'static>(
        &self,
        server: &Server,
        stream: S,
        host: &str,
        transport: Transport,
        principal: Option<&dyn Principal>,
    ) -> Result<Session, ConnectError> {
        let is_private = transport != Transport::Clear;
        let record = self.record(&server.name);
        let Some(principal) = principal else {
            return Ok(Session::over(stream, &server.name, is_private, record));
        };
        // So that it is the KDC that is named if it does not answer.
        let ticket_within = self.connect_within / 2;
        let signed_in = principal.sign_in(Box::new(stream), host, transport, ticket_within).await?;
        let is_private = is_private || signed_in.is_private;
        Ok(Session::over(signed_in.stream, &server.name, is_private, record))
    }
}

/// How long one of so many servers, which took this long to connect last, keeps the next from being
/// dialled.
fn stagger(servers: usize, known: Duration, most: Duration) -> Duration {
    let others = u32::try_from(servers).unwrap_or(u32::MAX).saturating_sub(1).max(1);
    STAGGER.min(ALL_WITHIN / others).max((2 * known).min(most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_dead_servers_cost_no_more_than_a_few() {
        let most = Duration::from_secs(1);
        for servers in [0, 1, 2, 3, 62, 150, 10_000] {
            let pause = stagger(servers, Duration::ZERO, most);
            let others = u32::try_from(servers).unwrap().saturating_sub(1);
            assert!(pause <= STAGGER && pause * others <= ALL_WITHIN, "{servers}: {pause:?}");
        }
        assert_eq!(stagger(2, Duration::ZERO, most), STAGGER);
    }

    #[test]
    fn who_is_known_to_be_slow_has_time_to_connect() {
        let most = Duration::from_secs(1);
        for milliseconds in [200, 310, 400, 900] {
            let known = Duration::from_millis(milliseconds);
            let pause = stagger(5, known, most);
            assert!(pause > known && pause <= most, "{known:?}: {pause:?}");
        }
    }
}
