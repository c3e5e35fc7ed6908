//! Reaching a server: the connection, TLS on it, and what signs in while connecting.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::time::{Instant, timeout};

use super::channel;
use super::connection::Connection;
use super::dial::dial;
use super::dns::Dns;
use super::gssapi::Account;
use super::servers::{Endpoint, Server, Servers};
use super::tls::{self, Tls};
use crate::observe::step;

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

/// The account was refused while connecting, and would be by the next server.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{text}")]
pub struct Refused {
    /// The result code (RFC 4511, section 4.1.9).
    pub code: u32,
    /// Who refused it, and why.
    pub text: String,
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

    /// Opens a connection to the first server that can be reached.
    pub async fn connect(&self) -> Result<Connection, Unreachable> {
        self.connect_as(None).await
    }

    /// Opens a connection to the first server that can be reached, and signs in on it where that
    /// belongs to connecting.
    pub async fn connect_as(&self, account: Option<&Account>) -> Result<Connection, Unreachable> {
        let mut faults = Vec::new();
        let mut refused = None;
        let (servers, fault) = self.servers.in_order(self.connect_within).await;
        faults.extend(fault);
        for server in servers {
            let attempt = self.open_as(&server, account).await;
            refused = attempt.as_ref().err().and_then(refusal);
            self.servers.record(&server, attempt.is_ok() || refused.is_some());
            match attempt {
                Ok(connection) => return Ok(connection),
                Err(error) => faults.push(format!("{server}: {error}")),
            }
            if refused.is_some() {
                break;
            }
        }
        Err(Unreachable { text: faults.join("; "), refused })
    }

    /// Opens a connection to this server; see [`Connector::connect_as`].
    pub async fn open_as(
        &self,
        server: &Server,
        account: Option<&Account>,
    ) -> io::Result<Connection> {
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
        account: Option<&Account>,
    ) -> io::Result<Connection> {
        // So that it is the KDC that is named if it does not answer.
        let ticket_within = self.connect_within / 2;
        Ok(match &server.endpoint {
            Endpoint::Unix(path) => {
                let stream = UnixStream::connect(path).await?;
                match account {
                    Some(account) => {
                        let (stream, _) =
                            account.sign_in_and_seal(stream, "", ticket_within).await?;
                        Connection::over(stream, server, true)
                    }
                    None => Connection::over(stream, server, true),
                }
            }
            Endpoint::Tcp { host, port, ldaps } => {
                let mut stream = dial(self.dns.addresses(host, *port).await?).await?;
                let start_tls = self.start_tls && !account.is_some_and(Account::replaces_tls);
                if start_tls && !ldaps {
                    channel::start_tls(&mut stream).await.map_err(io::Error::other)?;
                }
                if start_tls || *ldaps {
                    let mut stream = self.tls.handshake(host, stream).await?;
                    if let Some(account) = account {
                        let certificate = tls::certificate_of(&stream);
                        account
                            .sign_in(&mut stream, host, certificate.as_deref(), ticket_within)
                            .await?;
                    }
                    Connection::over(stream, server, true)
                } else if let Some(account) = account {
                    let (stream, is_private) =
                        account.sign_in_and_seal(stream, host, ticket_within).await?;
                    Connection::over(stream, server, is_private)
                } else {
                    Connection::over(stream, server, false)
                }
            }
        })
    }
}

fn refusal(error: &io::Error) -> Option<u32> {
    Some(error.get_ref()?.downcast_ref::<Refused>()?.code)
}
