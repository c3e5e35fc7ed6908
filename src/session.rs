//! From bytes to bytes: one caller's requests on standard input and output, answered in order and
//! in time.
//!
//! [`StdioSession::pipelined`] serves a pipe, [`StdioSession::lock_step`] a terminal, which needs
//! other rules. What they have in common is here: a request gets its deadline, its work may panic,
//! and its verdict becomes the dialect's bytes and the one audit event.

mod input;
mod lines;
pub mod lock_step;
mod pipelined;

use std::borrow::Cow;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::io::AsyncWrite;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::answer::Answer;
use crate::deadline::Deadline;
use crate::observe::logger::NO_PLACE;
use crate::pending::{Dispatcher, Pending, Timing};
use crate::protocol::dialect::Dialect;
use crate::request::{Refused, Request, Verb};
use crate::turns::InTurn;
use crate::verdict::{Outcome, Verdict};

/// Bytes that are no whole request after this long will be none: each caller sends a request in one
/// write.
const STALL: Duration = Duration::from_secs(1);

/// What a session keeps to.
#[derive(Clone, Copy, Debug)]
pub struct SessionTerms {
    /// Who is asking.
    pub dialect: Dialect,
    /// Work on a request ends this long after its last byte was read.
    pub answer_within: Duration,
    /// No reply is written later than this; it lies between `answer_within` and the moment at which
    /// the caller gives up, because a reply after that would be taken for the next request's.
    pub reply_within: Duration,
    /// How many requests are worked on at once.
    pub window: usize,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionEnd {
    /// The first request of a fresh terminal was read and, on purpose, not answered.
    FirstRequest,
    /// The caller closed our input, or we were told to stop. What was in flight is answered, except on
    /// a terminal that was closed.
    InputClosed,
    /// Our input cannot be read.
    InputFailed,
    /// A reply could not be written before the caller gave up. Nothing more was written.
    Late,
    /// The caller no longer reads our replies.
    OutputClosed,
    /// There is no reply that the caller, which is not known, is sure to survive.
    Unanswered,
}

impl fmt::Display for SessionEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FirstRequest => "the first request on a terminal is not answered",
            Self::InputClosed => "no more requests will come",
            Self::InputFailed => "requests cannot be read",
            Self::Late => "a reply would have come too late",
            Self::OutputClosed => "nobody reads the replies",
            Self::Unanswered => "a reply could harm the caller, which is not known",
        })
    }
}

/// One caller on one pair of streams.
#[derive(Debug)]
pub struct StdioSession<A> {
    dispatcher: Dispatcher<InTurn<A>>,
    terms: SessionTerms,
    names_outages: bool,
    stop: Notify,
}

impl<A: Answer> StdioSession<A> {
    /// A session that asks `answerer` under these terms.
    pub fn new(answerer: Arc<A>, terms: SessionTerms) -> Self {
        let dispatcher = Dispatcher::new(Arc::new(InTurn::new(answerer)));
        Self { dispatcher, terms, names_outages: false, stop: Notify::new() }
    }

    /// Lets the caller, instead of a log, know why nobody could tell: Prosody logs a reply that begins
    /// with `error:`, and takes it for a "no".
    pub fn naming_outages(self) -> Self {
        Self { names_outages: true, ..self }
    }

    /// Asks for the end: what is in flight is answered, and nothing more is read.
    pub fn stop(&self) {
        self.stop.notify_one();
    }

    /// Waits, after the end, for the password changes that nobody waits for any more, each until its
    /// deadline.
    pub async fn settle(&self) {
        self.dispatcher.settle().await;
    }

    /// Starts work on a request.
    fn begin(&self, request: Result<Request, Refused>, timing: Timing) -> Pending {
        let by = Deadline::after(timing.born, self.terms.answer_within);
        self.dispatcher.begin(request, timing, by)
    }

    /// The bytes of a reply; `None` where the caller might not survive any.
    fn reply_bytes(&self, verb: Verb, verdict: Verdict) -> Option<Cow<'static, [u8]>> {
        match (self.terms.dialect, verdict) {
            (Dialect::Prosody, Verdict::Unavailable(outage)) if self.names_outages => {
                let line = format!(
                    "error: {verdict}: {}; the log is nowhere: {NO_PLACE}\n",
                    outage.advice()
                );
                Some(line.into_bytes().into())
            }
            (dialect, verdict) => dialect.reply(verb, verdict).map(Cow::Borrowed),
        }
    }

    /// Writes the reply in one write(2), unless it would come too late, and the audit event.
    async fn reply(
        &self,
        output: &mut (impl AsyncWrite + Unpin),
        pending: &mut Pending,
        outcome: &Outcome,
    ) -> Result<(), SessionEnd> {
        let Some(reply) = self.reply_bytes(pending.verb(), outcome.verdict) else {
            pending.keep(outcome);
            return Err(SessionEnd::Unanswered);
        };
        let reply_by = pending.timing().born + self.terms.reply_within;
        let write = poll_fn(|context| {
            // Asked before each try, because this process may have been stopped in between.
            if Instant::now() > reply_by {
                return Poll::Pending;
            }
            Pin::new(&mut *output).poll_write(context, &reply)
        });
        match timeout_at(reply_by, write).await {
            Err(_) => Err(SessionEnd::Late),
            Ok(Ok(written)) if written == reply.len() => {
                pending.tell(outcome);
                Ok(())
            }
            Ok(Ok(_) | Err(_)) => Err(SessionEnd::OutputClosed),
        }
    }
}

fn warn_of_stall() {
    tracing::warn!(
        "bytes came that make no whole request within a second; look whether `caller` names the XMPP server that asks, and with Prosody whether external_auth_protocol is \"generic\": lines and packets are framed differently"
    );
}
