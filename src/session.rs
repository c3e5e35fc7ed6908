//! From bytes to bytes: one caller's requests on standard input and output, answered in order and
//! in time.
//!
//! [`StdioSession::pipelined`] serves a pipe, [`StdioSession::lock_step`] a terminal, which needs
//! other rules. What they have in common is here: a request gets its deadline, its work may panic,
//! and its verdict becomes the dialect's bytes and the one audit event.

mod input;
mod lines;
pub mod lock_step;
mod pending;
mod pipelined;

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::io::AsyncWrite;
use tokio::time::{Instant, timeout_at};

use self::pending::{Pending, Timing, Work};
use crate::answer::Answer;
use crate::deadline::Deadline;
use crate::protocol::dialect::Dialect;
use crate::request::{Refused, Request};
use crate::verdict::Outcome;

/// What a session keeps to.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
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
    /// The caller closed our input. What was in flight is answered, except on a terminal.
    InputClosed,
    /// A reply could not be written before the caller gave up. Nothing more was written.
    Late,
    /// The caller no longer reads our replies.
    OutputClosed,
}

/// One caller on one pair of streams.
#[derive(Debug)]
pub struct StdioSession<A> {
    answerer: Arc<A>,
    terms: Terms,
}

impl<A: Answer> StdioSession<A> {
    /// A session that asks `answerer` under these terms.
    pub fn new(answerer: Arc<A>, terms: Terms) -> Self {
        Self { answerer, terms }
    }

    /// Starts work on a request.
    fn begin(&self, request: Result<Request, Refused>, timing: Timing) -> Pending {
        let (verb, account, work) = match request {
            Err(Refused { verb, account, denial }) => (verb, account, Work::Done(denial.into())),
            Ok(request) => {
                let (verb, account) = (request.verb(), Arc::clone(request.account()));
                let answerer = Arc::clone(&self.answerer);
                let by = Deadline::after(timing.born, self.terms.answer_within);
                let work = tokio::spawn(async move {
                    let queued = timing.read.elapsed();
                    let answer = by.bound(answerer.answer(&request, by)).await;
                    (answer.unwrap_or_else(Outcome::from), queued)
                });
                (verb, Some(account), Work::Running(work))
            }
        };
        Pending { verb, account, timing, queued: Duration::ZERO, work }
    }

    /// Writes the reply in one write(2), unless it would come too late, and the audit event.
    async fn reply(
        &self,
        output: &mut (impl AsyncWrite + Unpin),
        pending: &Pending,
        outcome: &Outcome,
    ) -> Result<(), SessionEnd> {
        let reply = self.terms.dialect.reply(pending.verb, outcome.verdict);
        let reply_by = pending.timing.born + self.terms.reply_within;
        let write = poll_fn(|context| {
            // Asked before each try, because this process may have been stopped in between.
            if Instant::now() > reply_by {
                return Poll::Pending;
            }
            Pin::new(&mut *output).poll_write(context, reply)
        });
        match timeout_at(reply_by, write).await {
            Err(_) => Err(SessionEnd::Late),
            Ok(Ok(written)) if written == reply.len() => {
                pending.audit(outcome);
                Ok(())
            }
            Ok(Ok(_) | Err(_)) => Err(SessionEnd::OutputClosed),
        }
    }
}
