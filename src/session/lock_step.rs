//! The rules for a terminal: Prosody's lpty.
//!
//! Prosody has one request outstanding and reads whatever is on the terminal as its answer, so one
//! reply too many, or one too late, answers the *next* user's request. It never sends a line before
//! it has read the reply to the last one or given up on it. From this follow the rules here:
//!
//! - A request counts only if nothing comes behind its newline before the reply is written. More
//!   input is an injected line (an in-band password change may hold a newline) or a leftover of an
//!   earlier child: all of the lines together get one "no". Nobody hears of a sign-in
//!   that was begun meanwhile; a password change begins only once the terminal has been quiet.
//! - The kernel may hand over one write in pieces, so no reply is written, and no password set,
//!   before the terminal has been quiet for `QUIET`.
//! - On a terminal that was never used before, lpty may echo the first request back to Prosody,
//!   which takes the echo for the reply. So that request is read and not answered, and the process
//!   ends; Prosody notices at once, and the next child finds the terminal in raw mode.
//! - After the deadline nothing is written: the process ends, and Prosody starts another. A process
//!   that was stopped cannot know how long a request has been waiting, so a request counts from the
//!   last moment at which `TerminalLines::look` saw nothing.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep_until};

use super::lines::{Look, TerminalLines};
use super::{SessionEnd, StdioSession};
use crate::answer::Answer;
use crate::named::named;
use crate::pending::{Pending, Timing};
use crate::request::{Refused, Request, Verb, Whom};
use crate::verdict::Denial;

/// How long the terminal must have been quiet. The pieces of one write follow each other within
/// microseconds; Prosody stands still for this long, so it is no longer than that needs.
const QUIET: Duration = Duration::from_millis(10);

named! {
    /// What happens to the first request on a terminal.
    pub enum FirstRequest {
        /// It is read and not answered: lpty may have echoed it as a reply already.
        Discard = "discard",
        /// It is answered: the terminal was in raw mode before it was written, or the module on the
        /// other side is patched against the echo.
        Answer = "answer",
    }
}

impl<A: Answer> StdioSession<A> {
    /// Serves a terminal until it is closed or a rule ends the session. What is there already came
    /// after `since`.
    pub async fn lock_step(
        &self,
        input: impl AsyncRead + Unpin,
        mut output: impl AsyncWrite + Unpin,
        first: FirstRequest,
        since: Instant,
    ) -> SessionEnd {
        let mut input = TerminalLines::new(input, since);
        loop {
            let step = match first {
                FirstRequest::Discard => self.discard(&mut input).await,
                FirstRequest::Answer => self.step(&mut input, &mut output).await,
            };
            if let Err(end) = step {
                if end == SessionEnd::Late {
                    // What is still unread would be answered by the next child, out of step.
                    let _ = input.drain(QUIET).await;
                }
                return end;
            }
        }
    }

    async fn step(
        &self,
        input: &mut TerminalLines<impl AsyncRead + Unpin>,
        output: &mut (impl AsyncWrite + Unpin),
    ) -> Result<(), SessionEnd> {
        let (request, timing) = self.next_line(input).await?;
        let (verb, whom) = match &request {
            Ok(request) => (request.verb(), Whom::Account(request.account().clone())),
            Err(refused) => (refused.verb, refused.whom.clone()),
        };
        let mut pending = match self.pending_if_quiet(input, request, timing).await? {
            Some(pending) => pending,
            None => {
                input.drain(QUIET).await?;
                self.begin(Err(Refused { verb, whom, denial: Denial::OutOfStep }), timing)
            }
        };
        let outcome = pending.outcome().await;
        self.reply(output, &mut pending, &outcome).await
    }

    async fn next_line(
        &self,
        input: &mut TerminalLines<impl AsyncRead + Unpin>,
    ) -> Result<(Result<Request, Refused>, Timing), SessionEnd> {
        tokio::select! {
            biased;
            () = self.stop.notified() => Err(SessionEnd::InputClosed),
            line = input.next_line() => line,
        }
    }

    /// The finished request, or `None` if anything came behind it.
    async fn pending_if_quiet(
        &self,
        input: &mut TerminalLines<impl AsyncRead + Unpin>,
        request: Result<Request, Refused>,
        timing: Timing,
    ) -> Result<Option<Pending>, SessionEnd> {
        let quiet = timing.read + QUIET;
        if input.has_more() {
            return Ok(None);
        }
        // Only a password change has an effect that could not be taken back.
        if request.as_ref().is_ok_and(|request| request.verb() == Verb::SetPass)
            && let Look::Bytes(_) = input.look(sleep_until(quiet)).await?
        {
            return Ok(None);
        }
        let mut pending = self.begin(request, timing);
        let finished = async {
            let _ = pending.outcome().await;
            sleep_until(quiet).await;
        };
        Ok(match input.look(finished).await? {
            Look::Empty => Some(pending),
            Look::Bytes(_) => None,
        })
    }

    /// Reads the first request of a terminal whole, for nobody to answer.
    async fn discard(
        &self,
        input: &mut TerminalLines<impl AsyncRead + Unpin>,
    ) -> Result<(), SessionEnd> {
        let _ = self.next_line(input).await?;
        input.drain(QUIET).await?;
        Err(SessionEnd::FirstRequest)
    }
}
