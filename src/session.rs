//! From bytes to bytes: one caller's requests, answered in order and in time.
//!
//! [`StdioSession::pipelined`] serves a pipe: it reads ahead, works on what arrived together, and writes
//! the replies in the order of the requests. A terminal needs other rules, see [`lock_step`].
//!
//! The session knows no LDAP. It gives each request its deadline, contains its panics, turns its
//! verdict into the dialect's bytes, and writes the one audit event.

pub mod lock_step;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::answer::Answer;
use crate::deadline::Deadline;
use crate::jid::Account;
use crate::protocol::dialect::Dialect;
use crate::protocol::{self, Decoder};
use crate::request::{Request, Verb};
use crate::verdict::{Outage, Outcome, Verdict};

/// One read takes at most this many bytes: a whole packet with room to spare.
const READ_SIZE: usize = 68 * 1024;

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
pub enum End {
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

    /// Serves a pipe until either side closes it.
    ///
    /// At the end of `input`, a last line without a newline still counts, and everything in flight
    /// is answered before this returns.
    pub async fn pipelined(
        &self,
        mut input: impl AsyncRead + Unpin,
        mut output: impl AsyncWrite + Unpin,
    ) -> End {
        let mut decoder = Decoder::new(self.terms.dialect.framing());
        let mut chunk = vec![0; READ_SIZE];
        let mut in_flight = VecDeque::<Pending>::new();
        let mut timing = Timing::now();
        let mut open = true;
        let mut held = None;
        loop {
            while in_flight.len() < self.terms.window {
                let Some(request) = held.take().or_else(|| decoder.next_request()) else { break };
                if in_flight.iter().any(|pending| pending.must_precede(&request)) {
                    held = Some(request);
                    break;
                }
                in_flight.push_back(self.begin(request, timing));
            }
            let room = held.is_none() && in_flight.len() < self.terms.window;
            tokio::select! {
                biased;
                outcome = first_outcome(&mut in_flight), if !in_flight.is_empty() => {
                    let Some(pending) = in_flight.pop_front() else { continue };
                    if let Err(end) = self.reply(&mut output, &pending, outcome).await {
                        return end;
                    }
                }
                read = input.read(&mut chunk), if open && room => {
                    timing = Timing::now();
                    match read {
                        Ok(length @ 1..) => {
                            let read = chunk.get_mut(..length).unwrap_or_default();
                            decoder.push(read);
                            // It held passwords.
                            read.fill(0);
                        }
                        Ok(0) | Err(_) => {
                            open = false;
                            match decoder.finish() {
                                protocol::End::Clean => {}
                                protocol::End::Last(request) => held = Some(request),
                                protocol::End::Cut => {
                                    tracing::warn!("input ended in the middle of a packet");
                                }
                            }
                        }
                    }
                }
                else => return End::InputClosed,
            }
        }
    }

    /// Starts work on a request.
    fn begin(&self, request: Request, timing: Timing) -> Pending {
        let verb = request.verb();
        let account = request.account().cloned();
        let work = match request {
            Request::Refused { denial, .. } => Work::Done(denial.into()),
            request => {
                let answerer = Arc::clone(&self.answerer);
                let by = Deadline::after(timing.born, self.terms.answer_within);
                Work::Running(tokio::spawn(async move {
                    let queued = timing.read.elapsed();
                    let answer = by.bound(answerer.answer(&request, by)).await;
                    (answer.unwrap_or_else(Outcome::from), queued)
                }))
            }
        };
        Pending { verb, account, timing, queued: Duration::ZERO, work }
    }

    /// Writes the reply in one write(2), unless it would come too late, and the audit event.
    async fn reply(
        &self,
        output: &mut (impl AsyncWrite + Unpin),
        pending: &Pending,
        outcome: Outcome,
    ) -> Result<(), End> {
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
            Err(_) => Err(End::Late),
            Ok(Ok(written)) if written == reply.len() => {
                pending.audit(&outcome);
                Ok(())
            }
            Ok(Ok(_) | Err(_)) => Err(End::OutputClosed),
        }
    }
}

/// When a request came.
#[derive(Clone, Copy, Debug)]
struct Timing {
    /// From when on its deadline runs: no later than the moment at which the caller wrote it, as far
    /// as that can be known.
    born: Instant,
    /// When its last byte was read.
    read: Instant,
}

impl Timing {
    /// For a request on a pipe, whose late reply reaches nobody.
    fn now() -> Self {
        let now = Instant::now();
        Self { born: now, read: now }
    }
}

/// A request that was read and is not answered yet. Dropping it abandons the work.
#[derive(Debug)]
struct Pending {
    verb: Verb,
    account: Option<Arc<Account>>,
    timing: Timing,
    queued: Duration,
    work: Work,
}

#[derive(Debug)]
enum Work {
    Done(Outcome),
    Running(JoinHandle<(Outcome, Duration)>),
}

impl Pending {
    /// Whether it must be answered before work on `request` may begin: a password change, and the
    /// requests around it for the same account, mean what they say only one after the other.
    fn must_precede(&self, request: &Request) -> bool {
        (self.verb == Verb::SetPass || request.verb() == Verb::SetPass)
            && self.account.is_some()
            && self.account.as_ref() == request.account()
    }

    /// What became of it; a panic below is an outage of this request alone. Cancel-safe.
    async fn outcome(&mut self) -> Outcome {
        let outcome = match &mut self.work {
            Work::Done(outcome) => return outcome.clone(),
            Work::Running(task) => match task.await {
                Ok((outcome, queued)) => {
                    self.queued = queued;
                    outcome
                }
                Err(_) => Outage::Internal.into(),
            },
        };
        self.work = Work::Done(outcome.clone());
        outcome
    }

    /// The audit event: one for each reply.
    fn audit(&self, outcome: &Outcome) {
        let user = self.account.as_ref().map(|account| account.localpart());
        let domain = self.account.as_ref().map(|account| account.domainpart());
        let milliseconds = |time: Duration| (time.as_secs_f64() * 1e4).round() / 1e1;
        macro_rules! event {
            ($level:ident) => {
                tracing::$level!(
                    verb = self.verb.name(),
                    user,
                    domain,
                    verdict = outcome.verdict.name(),
                    reason = outcome.verdict.reason(),
                    server = outcome.server.as_deref(),
                    detail = outcome.detail.as_deref(),
                    ms = milliseconds(self.timing.read.elapsed()),
                    queue_ms = milliseconds(self.queued),
                    "request"
                )
            };
        }
        match outcome.verdict {
            Verdict::Granted | Verdict::Denied(_) => event!(info),
            Verdict::Unavailable(_) => event!(warn),
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Work::Running(task) = &self.work {
            task.abort();
        }
    }
}

/// The outcome of the oldest request; pending for ever when there is none.
async fn first_outcome(in_flight: &mut VecDeque<Pending>) -> Outcome {
    match in_flight.front_mut() {
        Some(pending) => pending.outcome().await,
        None => std::future::pending().await,
    }
}
