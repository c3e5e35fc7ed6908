//! One stream to a server: requests go out, and each gets the responses that are its own.
//!
//! A response counts only if it is well-formed, belongs to a request that was made, and is of the
//! type that was asked for. Anything else ends the stream, and with it whatever waits for an answer;
//! but what is too large, or not well-formed within its message, ends its own request alone.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use crate::directory::message::ber::{MalformedMessage, tag};
use crate::directory::message::entry::Entry;
use crate::directory::message::{Control, Envelope, LdapResult, Operation, Response};
use crate::directory::session::error::SessionError;
use crate::directory::session::farewell::Farewell;
use crate::directory::session::incoming::{Incoming, IncomingMessage, disconnection};
use crate::lock::locked;

/// What the entries of one search may take: a page of them, each far larger than any user's.
const LARGEST_RESULT: usize = 16 << 20;

/// References are for the log alone, so a few are enough.
const MOST_REFERENCES: usize = 8;

/// The end of an operation, with the entries that a search found.
#[derive(Debug)]
pub struct Found {
    /// The entries.
    pub entries: Vec<Entry>,
    /// Whether there were entries that nobody can name.
    pub has_nameless: bool,
    /// The other servers that a search referred to.
    pub references: Vec<String>,
    /// How it ended.
    pub answer: LdapResult,
}

/// A stream that many requests share. Dropping it closes the stream.
#[derive(Debug)]
pub(in crate::directory) struct Multiplexer {
    requests: mpsc::UnboundedSender<OutgoingMessage>,
    last_id: AtomicU32,
    carrier: AbortHandle,
    /// How the stream ended.
    end: Arc<OnceLock<SessionError>>,
}

#[derive(Debug)]
struct OutgoingMessage {
    id: u32,
    message: Vec<u8>,
    waiting: OutstandingOperation,
}

/// Who waits for the end of an operation, and what has come for it.
#[derive(Debug)]
struct OutstandingOperation {
    operation: u8,
    at_most: usize,
    entries: Vec<Entry>,
    /// Whether more came than were to.
    has_more: bool,
    has_nameless: bool,
    references: Vec<String>,
    size: usize,
    asker: oneshot::Sender<Result<Found, SessionError>>,
}

/// The requests that are not answered yet, by their message IDs.
#[derive(Debug, Default)]
struct Outstanding {
    waiting: HashMap<u32, OutstandingOperation>,
    /// The highest message ID of a request that was made.
    last_id: u32,
    has_answered: bool,
}

impl Drop for Multiplexer {
    fn drop(&mut self) {
        self.carrier.abort();
    }
}

impl Multiplexer {
    /// A multiplexer over a stream on which no LDAP is outstanding. `server` is for the log, and
    /// `in_clear` for what is said of a server that ends it at once.
    pub(in crate::directory) fn over<S>(stream: S, server: &Arc<str>, in_clear: bool) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (requests, queue) = mpsc::unbounded_channel();
        let end = Arc::new(OnceLock::new());
        let (server, tell) = (Arc::clone(server), Arc::clone(&end));
        let carrier = tokio::spawn(async move {
            let mut queue = queue;
            let unanswered = Mutex::new(Outstanding::default());
            let error = match carry(Farewell(stream), &mut queue, &unanswered).await {
                error if error.is_bare_end() && !locked(&unanswered).has_answered => {
                    SessionError::ClosedAtOnce { in_clear }
                }
                error => error,
            };
            tracing::debug!(%server, end = %error, "connection ended");
            // Those who wait read it when they notice that nobody will answer them.
            let _ = tell.set(error);
        });
        Self { requests, last_id: AtomicU32::new(0), carrier: carrier.abort_handle(), end }
    }

    /// Asks for an operation and waits for its end. Cancel-safe: an answer that nobody waits for any
    /// more is dropped.
    pub(in crate::directory) async fn ask(
        &self,
        operation: &Operation<'_>,
        controls: &[Control],
    ) -> Result<Found, SessionError> {
        let id = self.last_id.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let (asker, answer) = oneshot::channel();
        let waiting = OutstandingOperation {
            operation: operation.tag(),
            at_most: operation.at_most(),
            entries: Vec::new(),
            has_more: false,
            has_nameless: false,
            references: Vec::new(),
            size: 0,
            asker,
        };
        let request = OutgoingMessage { id, message: operation.message(id, controls), waiting };
        // If the carrier has ended, so has the other end of `answer`.
        let _ = self.requests.send(request);
        let ended = |_| Err(self.end.get().cloned().unwrap_or(SessionError::Closed));
        answer.await.unwrap_or_else(ended)
    }

    /// Whether it is known to have ended.
    pub(in crate::directory) fn is_closed(&self) -> bool {
        self.carrier.is_finished()
    }
}

/// Carries messages both ways until either side closes or the server misbehaves.
async fn carry(
    stream: impl AsyncRead + AsyncWrite,
    queue: &mut mpsc::UnboundedReceiver<OutgoingMessage>,
    unanswered: &Mutex<Outstanding>,
) -> SessionError {
    let (mut input, mut output) = tokio::io::split(stream);
    let sending = async {
        loop {
            let Some(request) = queue.recv().await else { return SessionError::Closed };
            let mut bytes = keep(request, &mut locked(unanswered));
            // What is asked at the same time goes out together.
            while let Ok(request) = queue.try_recv() {
                bytes.extend_from_slice(&keep(request, &mut locked(unanswered)));
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
        let mut messages = Incoming::default();
        loop {
            if let Err(error) = messages.receive(&mut input).await {
                return error;
            }
            loop {
                match messages.next() {
                    Ok(Some(IncomingMessage::Oversized { id })) => {
                        locked(unanswered).fail(id, SessionError::TOO_LARGE);
                    }
                    Ok(Some(IncomingMessage::Whole(message))) => {
                        if let Err(error) = locked(unanswered).take(message) {
                            return error;
                        }
                    }
                    Ok(None) => break,
                    Err(malformed) => return malformed.into(),
                }
            }
        }
    };
    tokio::select! {
        error = sending => error,
        error = receiving => error,
    }
}

fn keep(request: OutgoingMessage, unanswered: &mut Outstanding) -> Vec<u8> {
    unanswered.last_id = unanswered.last_id.max(request.id);
    unanswered.waiting.insert(request.id, request.waiting);
    request.message
}

impl Outstanding {
    /// The answer to this request cannot be taken, which is no matter of the others. What comes for it
    /// later is dropped.
    fn fail(&mut self, id: u32, error: SessionError) {
        if let Some(waiting) = self.waiting.remove(&id) {
            let _ = waiting.asker.send(Err(error));
        }
        self.has_answered = true;
    }

    /// Takes a message from the server to whoever waits for it.
    fn take(&mut self, message: &[u8]) -> Result<(), SessionError> {
        let envelope = Envelope::open(message)?;
        if envelope.id == 0 {
            return Err(disconnection(&envelope)?);
        }
        let Some(waiting) = self.waiting.get_mut(&envelope.id) else {
            // Some servers answer twice. The first answer has counted.
            if envelope.id <= self.last_id {
                return Ok(());
            }
            return Err(SessionError::Malformed("a response to no request"));
        };
        if !envelope.answers(waiting.operation) {
            return Err(SessionError::Malformed("a response of another type than the request"));
        }
        waiting.size += message.len();
        if waiting.size > LARGEST_RESULT {
            self.fail(envelope.id, SessionError::TOO_LARGE);
            return Ok(());
        }
        match envelope.response() {
            Err(MalformedMessage(what)) => {
                let error = match envelope.operation {
                    tag::SEARCH_ENTRY => SessionError::Unreadable(what),
                    _ => SessionError::Malformed(what),
                };
                self.fail(envelope.id, error);
            }
            Ok(Response::Entry(entry)) => {
                // Not every server keeps to a size limit, nor tells of an entry once.
                if waiting.entries.len() < waiting.at_most {
                    waiting.entries.push(entry);
                } else if waiting.entries.iter().all(|known| known.dn != entry.dn) {
                    waiting.has_more = true;
                }
            }
            Ok(Response::NamelessEntry) => waiting.has_nameless = true,
            Ok(Response::References(references)) => {
                if waiting.references.len() < MOST_REFERENCES {
                    waiting.references.extend(references);
                }
            }
            Ok(Response::End(answer)) => {
                if let Some(waiting) = self.waiting.remove(&envelope.id) {
                    let OutstandingOperation {
                        entries, has_more, has_nameless, references, ..
                    } = waiting;
                    let answer = if has_more { answer.exceeding_the_limit() } else { answer };
                    let found = Found { entries, has_nameless, references, answer };
                    let _ = waiting.asker.send(Ok(found));
                }
            }
        }
        self.has_answered = true;
        Ok(())
    }
}
