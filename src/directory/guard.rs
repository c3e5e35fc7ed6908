//! What stands between a server's bytes and ldap3.
//!
//! ldap3 trusts its peer: elements nested thousands deep overflow its stack and abort the process,
//! a length of 4 GiB makes it buffer without end, a missing field makes it panic, and a result code
//! of odd length reads as success. With StartTLS anyone on the network path could send such bytes
//! before there is any encryption. So ldap3 talks to a socket pair, and this relay passes on only
//! whole, well-formed responses to requests that were made, of the type that was asked for.

use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;

use super::ber::{self, Malformed, tag};

/// StartTLS (RFC 4511, section 4.14) as message 1.
const START_TLS: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";

/// Room for one read: most messages are far smaller.
const READ_SIZE: usize = 4096;

/// Why a relay ended.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// One side closed the connection.
    #[error("the connection was closed")]
    Closed,
    /// The server closed the connection without a word.
    #[error(
        "the server closed the connection before its first answer; does it want a client certificate, or refuse this host?"
    )]
    ClosedAtOnce,
    /// The server said goodbye (RFC 4511, section 4.4.1).
    #[error("the server ended the connection: {0}")]
    Disconnected(String),
    /// The transport failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The server sent what no server may send here.
    #[error("{0}")]
    Malformed(&'static str),
}

impl From<Malformed> for Broken {
    fn from(Malformed(what): Malformed) -> Self {
        Self::Malformed(what)
    }
}

/// Bytes of one direction, cut into whole messages.
#[derive(Debug, Default)]
struct Messages {
    buffer: Vec<u8>,
}

impl Messages {
    /// Waits for bytes; returns how many of those buffered are whole messages, each of which
    /// `check` has seen.
    async fn receive(
        &mut self,
        from: &mut (impl AsyncRead + Unpin),
        mut check: impl FnMut(&[u8]) -> Result<(), Broken>,
    ) -> Result<usize, Broken> {
        self.buffer.reserve(READ_SIZE);
        match from.read_buf(&mut self.buffer).await {
            Ok(0) => return Err(Broken::Closed),
            // Without TLS's own goodbye; nothing is lost, because messages know their length.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(Broken::Closed);
            }
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        let mut whole = 0;
        loop {
            let rest = self.buffer.get(whole..).unwrap_or_default();
            let Some(message) = ber::message_length(rest)?.and_then(|length| rest.get(..length))
            else {
                return Ok(whole);
            };
            check(message)?;
            whole += message.len();
        }
    }

    async fn forward(
        &mut self,
        whole: usize,
        to: &mut (impl AsyncWrite + Unpin),
    ) -> io::Result<()> {
        if whole > 0 {
            to.write_all(self.buffer.get(..whole).unwrap_or_default()).await?;
            to.flush().await?;
            self.buffer.drain(..whole);
        }
        Ok(())
    }
}

/// The requests that wait for an answer.
#[derive(Debug, Default)]
struct Outstanding {
    /// Their operations, by message ID.
    operations: HashMap<u32, u8>,
    has_answered: bool,
}

impl Outstanding {
    fn asked(&mut self, message: &[u8]) -> Result<(), Broken> {
        let request = ber::open(message)?;
        if matches!(
            request.operation,
            tag::BIND_REQUEST | tag::SEARCH_REQUEST | tag::MODIFY_REQUEST | tag::EXTENDED_REQUEST
        ) {
            self.operations.insert(request.id, request.operation);
        }
        Ok(())
    }

    fn answered(&mut self, message: &[u8]) -> Result<(), Broken> {
        let response = ber::open(message)?;
        ber::check_response(&response)?;
        self.has_answered = true;
        if response.id == 0 {
            let (code, words) = ber::result(&response)?;
            return Err(Broken::Disconnected(format!("result code {code}, {words:?}")));
        }
        match (self.operations.get(&response.id), response.operation) {
            (Some(&tag::SEARCH_REQUEST), tag::SEARCH_ENTRY | tag::SEARCH_REFERENCE) => {}
            (Some(&tag::SEARCH_REQUEST), tag::SEARCH_DONE)
            | (Some(&tag::BIND_REQUEST), tag::BIND_RESPONSE)
            | (Some(&tag::MODIFY_REQUEST), tag::MODIFY_RESPONSE)
            | (Some(&tag::EXTENDED_REQUEST), tag::EXTENDED_RESPONSE) => {
                self.operations.remove(&response.id);
            }
            (Some(_), _) => {
                return Err(Broken::Malformed("a response of another type than the request"));
            }
            (None, _) => return Err(Broken::Malformed("a response to no request")),
        }
        Ok(())
    }
}

/// Relays between ldap3 and a server until either side closes or the server misbehaves.
pub async fn relay(server: impl AsyncRead + AsyncWrite, client: &mut UnixStream) -> Broken {
    let (mut from_server, mut to_server) = tokio::io::split(server);
    let (mut from_client, mut to_client) = client.split();
    let outstanding = Mutex::new(Outstanding::default());
    let waiting = || outstanding.lock().unwrap_or_else(PoisonError::into_inner);
    let requests = pump(&mut from_client, &mut to_server, |message| waiting().asked(message));
    let responses = pump(&mut from_server, &mut to_client, |message| waiting().answered(message));
    tokio::select! {
        broken = requests => broken,
        broken = responses => match broken {
            Broken::Closed if !waiting().has_answered => Broken::ClosedAtOnce,
            broken => broken,
        },
    }
}

/// Passes whole messages on in one direction, each of which `check` has seen.
async fn pump(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    mut check: impl FnMut(&[u8]) -> Result<(), Broken>,
) -> Broken {
    let mut messages = Messages::default();
    loop {
        let passed = match messages.receive(from, &mut check).await {
            Ok(whole) => messages.forward(whole, to).await.map_err(Broken::from),
            Err(broken) => Err(broken),
        };
        if let Err(broken) = passed {
            return broken;
        }
    }
}

/// Asks for TLS on a connection that has carried nothing yet.
///
/// Anything but success is an error, so that there is no way on in clear text.
pub async fn start_tls(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Result<(), Broken> {
    let answer = ask(stream, START_TLS).await.map_err(|broken| match broken {
        Broken::Closed => Broken::Disconnected(
            "it did not answer StartTLS; is this its port for ldaps://?".to_owned(),
        ),
        broken => broken,
    })?;
    match ber::result(&ber::open(&answer)?)? {
        (0, _) => Ok(()),
        (code, words) => {
            Err(Broken::Disconnected(format!("StartTLS refused: result code {code}, {words:?}")))
        }
    }
}

/// Makes a request that has one answer, on a connection that carries nothing else meanwhile.
///
/// Anything that comes behind the answer is an error: somebody on the path would have put it there.
pub(super) async fn ask(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    request: &[u8],
) -> Result<Vec<u8>, Broken> {
    stream.write_all(request).await?;
    stream.flush().await?;
    let mut outstanding = Outstanding::default();
    outstanding.asked(request)?;
    let mut messages = Messages::default();
    loop {
        let whole = messages.receive(stream, |message| outstanding.answered(message)).await?;
        if whole > 0 && whole < messages.buffer.len() {
            return Err(Broken::Malformed("bytes behind the answer"));
        }
        if whole > 0 {
            return Ok(messages.buffer);
        }
    }
}
