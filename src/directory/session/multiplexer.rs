//! One stream to a server: requests go out, and each gets the responses that are its own.
//!
//! A response counts only if it is well-formed, belongs to a request that was made, and is of the
//! type that was asked for. Anything else ends the stream, and with it whatever waits for an answer.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use crate::directory::message::ber::{self, Malformed};
use crate::directory::message::entry::Entry;
use crate::directory::message::{Answer, Control, Envelope, Operation, Response, ResultFields};
use crate::directory::tls;
use crate::result_code;
use crate::verdict::{Outage, Outcome};

/// Room for one read: most messages are far smaller.
const READ_SIZE: usize = 4096;

/// What the entries of one search may take: a page of them, each far larger than any user's.
const LARGEST_RESULT: usize = 16 << 20;

/// The connection ended, or cannot be used any more, before the answer came.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Lost {
    /// It ended.
    #[error("{0}")]
    Ended(String),
    /// The server sent what no server may send.
    #[error("{0}")]
    Malformed(String),
    /// No answer came for so long that it must be taken for dead.
    #[error("no answer came")]
    Silent,
}

impl Lost {
    /// The outcome of a request that ends with this.
    pub fn outcome(&self, server: &Arc<str>) -> Outcome {
        let outage = match self {
            Self::Ended(_) | Self::Silent => Outage::LostConnection,
            Self::Malformed(_) => Outage::BadReply,
        };
        Outcome::from(outage).from_server(server).with_detail(&self.to_string())
    }
}

/// The end of an operation, with the entries that a search found.
#[derive(Debug)]
pub struct Found {
    /// The entries.
    pub entries: Vec<Entry>,
    /// How it ended.
    pub answer: Answer,
}

/// Why a stream ended.
#[derive(Debug, thiserror::Error)]
pub(in crate::directory) enum Broken {
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

impl From<Broken> for Lost {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Malformed(_) => Self::Malformed(broken.to_string()),
            other => Self::Ended(other.to_string()),
        }
    }
}

/// A stream that many requests share. Dropping it closes the stream.
#[derive(Debug)]
pub(in crate::directory) struct Multiplexer {
    requests: mpsc::UnboundedSender<Request>,
    last_id: AtomicU32,
    carrier: AbortHandle,
    /// How the stream ended.
    end: Arc<OnceLock<Lost>>,
}

#[derive(Debug)]
struct Request {
    id: u32,
    message: Vec<u8>,
    waiting: Waiting,
}

/// Who waits for the end of an operation, and what has come for it.
#[derive(Debug)]
struct Waiting {
    operation: u8,
    at_most: usize,
    entries: Vec<Entry>,
    size: usize,
    asker: oneshot::Sender<Found>,
}

/// The requests that are not answered yet, by their message IDs.
#[derive(Debug, Default)]
struct Unanswered {
    waiting: HashMap<u32, Waiting>,
    has_answered: bool,
}

impl Drop for Multiplexer {
    fn drop(&mut self) {
        self.carrier.abort();
    }
}

impl Multiplexer {
    /// A multiplexer over a stream on which no LDAP is outstanding. `server` is for the log.
    pub(in crate::directory) fn over<S>(stream: S, server: &Arc<str>) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (requests, queue) = mpsc::unbounded_channel();
        let end = Arc::new(OnceLock::new());
        let (server, tell) = (Arc::clone(server), Arc::clone(&end));
        let carrier = tokio::spawn(async move {
            let mut queue = queue;
            let unanswered = Mutex::new(Unanswered::default());
            let broken = match carry(stream, &mut queue, &unanswered).await {
                Broken::Io(error) => Broken::Io(tls::explained(error)),
                broken => broken,
            };
            tracing::debug!(%server, end = %broken, "connection ended");
            // Told before those who wait notice.
            let _ = tell.set(broken.into());
        });
        Self { requests, last_id: AtomicU32::new(0), carrier: carrier.abort_handle(), end }
    }

    /// Asks for an operation and waits for its end. Cancel-safe: an answer that nobody waits for any
    /// more is dropped.
    pub(in crate::directory) async fn ask(
        &self,
        operation: &Operation<'_>,
        controls: &[Control],
    ) -> Result<Found, Lost> {
        let id = self.last_id.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let (asker, answer) = oneshot::channel();
        let waiting = Waiting {
            operation: operation.tag(),
            at_most: operation.at_most(),
            entries: Vec::new(),
            size: 0,
            asker,
        };
        let request = Request { id, message: operation.message(id, controls), waiting };
        // If the carrier has ended, so has the other end of `answer`.
        let _ = self.requests.send(request);
        answer.await.map_err(|_| self.end.get().cloned().unwrap_or_else(|| Broken::Closed.into()))
    }

    /// Whether it is known to have ended.
    pub(in crate::directory) fn is_closed(&self) -> bool {
        self.carrier.is_finished()
    }
}

/// Carries messages both ways until either side closes or the server misbehaves.
async fn carry(
    stream: impl AsyncRead + AsyncWrite,
    queue: &mut mpsc::UnboundedReceiver<Request>,
    unanswered: &Mutex<Unanswered>,
) -> Broken {
    let (mut input, mut output) = tokio::io::split(stream);
    let locked = || unanswered.lock().unwrap_or_else(PoisonError::into_inner);
    let sending = async {
        loop {
            let Some(request) = queue.recv().await else { return Broken::Closed };
            let mut bytes = keep(request, &mut locked());
            // What is asked at the same time goes out together.
            while let Ok(request) = queue.try_recv() {
                bytes.extend_from_slice(&keep(request, &mut locked()));
            }
            let sent = async {
                output.write_all(&bytes).await?;
                output.flush().await
            };
            if let Err(error) = sent.await {
                return error.into();
            }
        }
    };
    let receiving = async {
        let mut messages = Messages::default();
        loop {
            if let Err(broken) = messages.receive(&mut input).await {
                return broken;
            }
            loop {
                match messages.next() {
                    Ok(Some(message)) => {
                        if let Err(broken) = locked().take(message) {
                            return broken;
                        }
                    }
                    Ok(None) => break,
                    Err(malformed) => return malformed.into(),
                }
            }
        }
    };
    tokio::select! {
        broken = sending => broken,
        broken = receiving => match broken {
            Broken::Closed if !locked().has_answered => Broken::ClosedAtOnce,
            broken => broken,
        },
    }
}

fn keep(request: Request, unanswered: &mut Unanswered) -> Vec<u8> {
    unanswered.waiting.insert(request.id, request.waiting);
    request.message
}

impl Unanswered {
    /// Takes a message from the server to whoever waits for it.
    fn take(&mut self, message: &[u8]) -> Result<(), Broken> {
        let envelope = Envelope::open(message)?;
        if envelope.id == 0 {
            return Err(goodbye(&envelope)?);
        }
        let Some(waiting) = self.waiting.get_mut(&envelope.id) else {
            return Err(Broken::Malformed("a response to no request"));
        };
        if !envelope.answers(waiting.operation) {
            return Err(Broken::Malformed("a response of another type than the request"));
        }
        match envelope.response()? {
            Response::Entry(entry) => {
                waiting.size += message.len();
                if waiting.size > LARGEST_RESULT {
                    return Err(Broken::Malformed("more entries than anybody asked for"));
                }
                // Not every server keeps to a size limit.
                if waiting.entries.len() < waiting.at_most {
                    waiting.entries.push(entry);
                }
            }
            Response::Reference => {}
            Response::End(answer) => {
                if let Some(Waiting { entries, asker, .. }) = self.waiting.remove(&envelope.id) {
                    let _ = asker.send(Found { entries, answer });
                }
            }
        }
        self.has_answered = true;
        Ok(())
    }
}

/// What a server says that ends the connection by itself: the only message without a request.
fn goodbye(envelope: &Envelope<'_>) -> Result<Broken, Malformed> {
    let ResultFields { code, text, .. } = envelope.result()?;
    Ok(Broken::Disconnected(format!("result code {code}, {text:?}")))
}

/// Bytes of a server, cut into whole messages.
#[derive(Debug, Default)]
struct Messages {
    buffer: Vec<u8>,
    taken: usize,
}

impl Messages {
    /// Waits for more bytes.
    async fn receive(&mut self, from: &mut (impl AsyncRead + Unpin)) -> Result<(), Broken> {
        self.buffer.drain(..std::mem::take(&mut self.taken));
        self.buffer.reserve(READ_SIZE);
        match from.read_buf(&mut self.buffer).await {
            Ok(0) => Err(Broken::Closed),
            // Without TLS's own goodbye; nothing is lost, because messages know their length.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(Broken::Closed),
            Ok(_) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The next message, if all of it is there.
    fn next(&mut self) -> Result<Option<&[u8]>, Malformed> {
        let rest = self.buffer.get(self.taken..).unwrap_or_default();
        let Some(message) = ber::message_length(rest)?.and_then(|length| rest.get(..length)) else {
            return Ok(None);
        };
        self.taken += message.len();
        Ok(Some(message))
    }

    fn is_empty(&self) -> bool {
        self.taken == self.buffer.len()
    }
}

/// Asks for TLS on a stream that has carried nothing yet.
///
/// Anything but success is an error, so that there is no way on in clear text.
pub(in crate::directory) async fn start_tls(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
) -> Result<(), Broken> {
    let answer = ask(stream, 1, &Operation::StartTls).await;
    let answer = answer.map_err(|broken| match broken {
        Broken::Closed => Broken::Disconnected(
            "it did not answer StartTLS; is this its port for ldaps://?".to_owned(),
        ),
        broken => broken,
    })?;
    match Envelope::open(&answer)?.result()? {
        ResultFields { code: result_code::SUCCESS, .. } => Ok(()),
        ResultFields { code, text, .. } => {
            Err(Broken::Disconnected(format!("StartTLS refused: result code {code}, {text:?}")))
        }
    }
}

/// Makes a request that has one answer, on a stream that carries nothing else meanwhile; the
/// answer is as the protocol says.
///
/// Anything that comes behind the answer is an error: somebody on the path would have put it there.
pub(in crate::directory) async fn ask(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    id: u32,
    operation: &Operation<'_>,
) -> Result<Vec<u8>, Broken> {
    stream.write_all(&operation.message(id, &[])).await?;
    stream.flush().await?;
    let mut messages = Messages::default();
    loop {
        messages.receive(stream).await?;
        let Some(message) = messages.next()? else { continue };
        let message = message.to_vec();
        let envelope = Envelope::open(&message)?;
        if envelope.id == 0 {
            return Err(goodbye(&envelope)?);
        }
        if envelope.id != id || !envelope.answers(operation.tag()) {
            return Err(Broken::Malformed("a response to another request"));
        }
        envelope.response()?;
        if !messages.is_empty() {
            return Err(Broken::Malformed("bytes behind the answer"));
        }
        return Ok(message);
    }
}
