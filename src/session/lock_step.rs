//! The rules for a terminal: Prosody's lpty.
//!
//! Prosody has one request outstanding and reads whatever is on the terminal as its answer, so one
//! reply too many, or one too late, answers the *next* user's request. It never sends a line before
//! it has read the reply to the last one or given up on it. From this follow the rules here:
//!
//! - A request counts only if nothing comes behind its newline before the reply is written. More
//!   input is an injected line (an in-band password change may hold a newline) or a leftover of an
//!   earlier child: none of the lines is carried out, and all of them together get one "no".
//! - The kernel may hand over one write in pieces, so no reply is written, and no password set,
//!   before the terminal has been quiet for [`QUIET`].
//! - On a terminal that was never used before, lpty may echo the first request back to Prosody,
//!   which takes the echo for the reply. So that request is read and not answered, and the process
//!   ends; Prosody notices at once, and the next child finds the terminal in raw mode.
//! - After the deadline nothing is written: the process ends, and Prosody starts another. A process
//!   that was stopped cannot know how long a request has been waiting, so a request counts from the
//!   last moment at which the terminal was seen to be empty.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::{End, Pending, StdioSession, Timing};
use crate::answer::Answer;
use crate::protocol::line::LineDecoder;
use crate::request::{Request, Verb};
use crate::verdict::Denial;

/// How long the terminal must have been quiet. The pieces of one write follow each other within
/// microseconds; Prosody stands still for this long, so it is no longer than that needs.
const QUIET: Duration = Duration::from_millis(10);

/// How often an idle terminal is looked at, which is how much earlier than it was read a request may
/// be taken to have come.
const LOOK: Duration = Duration::from_millis(250);

/// A line that is not complete after this long is a leftover: Prosody sends a line in one write.
const STALL: Duration = Duration::from_secs(1);

/// Whether the terminal has carried a request before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terminal {
    /// It may have echoed, or be about to echo, the first request.
    Fresh,
    /// It has been in raw mode since before the request was written.
    Settled,
}

impl<A: Answer> StdioSession<A> {
    /// Serves a terminal until it is closed or a rule ends the session.
    pub async fn lock_step(
        &self,
        input: impl AsyncRead + Unpin,
        mut output: impl AsyncWrite + Unpin,
        terminal: Terminal,
    ) -> End {
        let mut input = Lines::new(input);
        loop {
            let step = match terminal {
                Terminal::Fresh => input.swallow_first().await,
                Terminal::Settled => self.step(&mut input, &mut output).await,
            };
            if let Err(end) = step {
                if end == End::Late {
                    // What is still unread would be answered by the next child, out of step.
                    let _ = input.drain().await;
                }
                return end;
            }
        }
    }

    async fn step(
        &self,
        input: &mut Lines<impl AsyncRead + Unpin>,
        output: &mut (impl AsyncWrite + Unpin),
    ) -> Result<(), End> {
        let (request, timing) = input.next_line().await?;
        let verb = request.verb();
        let mut pending = match self.outcome_if_quiet(input, request, timing).await? {
            Some(pending) => pending,
            None => {
                input.drain().await?;
                self.begin(Request::Refused { verb, denial: Denial::OutOfStep }, timing)
            }
        };
        let outcome = pending.outcome().await;
        self.reply(output, &pending, outcome).await
    }

    /// The finished request, or `None` if anything came behind it.
    async fn outcome_if_quiet(
        &self,
        input: &mut Lines<impl AsyncRead + Unpin>,
        request: Request,
        timing: Timing,
    ) -> Result<Option<Pending>, End> {
        let quiet = timing.read + QUIET;
        // Only a password change has an effect that could not be taken back.
        if request.verb() == Verb::SetPass && input.more_before(quiet).await? {
            return Ok(None);
        }
        let mut pending = self.begin(request, timing);
        let finished = async {
            let _ = pending.outcome().await;
            sleep_until(quiet).await;
        };
        tokio::select! {
            biased;
            more = input.more() => return more.map(|()| None),
            () = finished => {}
        }
        Ok((!input.more_now().await?).then_some(pending))
    }
}

/// Lines from a terminal, with an eye on what comes behind each.
struct Lines<R> {
    input: R,
    decoder: LineDecoder,
    chunk: Vec<u8>,
    empty_at: Instant,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    fn new(input: R) -> Self {
        Self {
            input,
            decoder: LineDecoder::default(),
            chunk: vec![0; 4096],
            empty_at: Instant::now(),
        }
    }

    /// Takes in what is there. A closed terminal is an error: 0 bytes, or EIO.
    async fn read(&mut self) -> Result<(), End> {
        match self.input.read(&mut self.chunk).await {
            Ok(length @ 1..) => {
                let read = self.chunk.get_mut(..length).unwrap_or_default();
                self.decoder.push(read);
                // It held a password.
                read.fill(0);
                Ok(())
            }
            Ok(0) | Err(_) => Err(End::InputClosed),
        }
    }

    /// The next line.
    async fn next_line(&mut self) -> Result<(Request, Timing), End> {
        let born = self.first_bytes().await?;
        let stalled = Instant::now() + STALL;
        loop {
            let read = Instant::now();
            if let Some(request) = self.decoder.next_request() {
                return Ok((request, Timing { born, read }));
            }
            timeout_at(stalled, self.read()).await.unwrap_or(Err(End::Late))?;
        }
    }

    /// Waits for the beginning of a line; the last moment at which it had not come yet.
    async fn first_bytes(&mut self) -> Result<Instant, End> {
        loop {
            let now = Instant::now();
            if self.more_now().await? {
                return Ok(self.empty_at);
            }
            self.empty_at = now;
            if self.more_before(now + LOOK).await? {
                return Ok(self.empty_at);
            }
        }
    }

    /// Resolves when there is something behind the last line.
    async fn more(&mut self) -> Result<(), End> {
        if self.decoder.is_partial() { Ok(()) } else { self.read().await }
    }

    /// Whether anything comes before `moment`.
    async fn more_before(&mut self, moment: Instant) -> Result<bool, End> {
        timeout_at(moment, self.more()).await.map_or(Ok(false), |more| more.map(|()| true))
    }

    /// Whether anything is there at this very moment.
    async fn more_now(&mut self) -> Result<bool, End> {
        tokio::select! {
            biased;
            more = self.more() => more.map(|()| true),
            () = std::future::ready(()) => Ok(false),
        }
    }

    /// Throws away what is there, until the terminal is quiet.
    async fn drain(&mut self) -> Result<(), End> {
        self.decoder.forget();
        while let Ok(read) = timeout(QUIET, self.read()).await {
            read?;
            self.decoder.forget();
        }
        Ok(())
    }

    /// Reads the first request of a fresh terminal whole, for nobody to answer.
    async fn swallow_first(&mut self) -> Result<(), End> {
        self.next_line().await?;
        self.drain().await?;
        Err(End::FirstRequest)
    }
}
