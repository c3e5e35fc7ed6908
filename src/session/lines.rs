//! Lines from a terminal, with an eye on what comes behind each.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::time::{Instant, sleep, sleep_until};

use super::input::Input;
use super::{STALL, SessionEnd, warn_of_stall};
use crate::pending::Timing;
use crate::protocol::line::LineDecoder;
use crate::request::{Refused, Request};

/// One read takes at most this many bytes.
const READ_SIZE: usize = 4096;

/// How often an idle terminal is looked at, which is how much earlier than it was read a request may
/// be taken to have come.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What a look at the terminal saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Nothing, at this moment.
    Empty,
    /// Bytes, which were taken in at this moment.
    Bytes(Instant),
}

/// The lines that Prosody writes on a terminal.
pub(super) struct TerminalLines<R> {
    input: Input<R>,
    decoder: LineDecoder,
    /// The last moment at which a look saw nothing.
    empty_at: Instant,
}

impl<R: AsyncRead + Unpin> TerminalLines<R> {
    /// What is there already came after `empty_at`.
    pub(super) fn new(input: R, empty_at: Instant) -> Self {
        Self { input: Input::new(input, READ_SIZE), decoder: LineDecoder::default(), empty_at }
    }

    /// Looks until there are bytes, or else once more after the end of `work`.
    ///
    /// From when on a request counts is known from here alone. A closed terminal is an error.
    pub(super) async fn look(
        &mut self,
        work: impl Future<Output = ()>,
    ) -> Result<Look, SessionEnd> {
        let mut work = pin!(work);
        poll_fn(|context| {
            let is_done = work.as_mut().poll(context).is_ready();
            let before = Instant::now();
            match self.input.poll_take(context, |bytes| self.decoder.push(bytes)) {
                Poll::Ready(Ok(())) => Poll::Ready(Ok(Look::Bytes(Instant::now()))),
                Poll::Ready(Err(end)) => Poll::Ready(Err(end)),
                Poll::Pending => {
                    self.empty_at = before;
                    if is_done { Poll::Ready(Ok(Look::Empty)) } else { Poll::Pending }
                }
            }
        })
        .await
    }

    /// The next line.
    pub(super) async fn next_line(
        &mut self,
    ) -> Result<(Result<Request, Refused>, Timing), SessionEnd> {
        let mut read = loop {
            if let Look::Bytes(read) = self.look(sleep(LOOK_EVERY)).await? {
                break read;
            }
        };
        let born = self.empty_at;
        let stalled = read + STALL;
        loop {
            if let Some(request) = self.decoder.next_request() {
                return Ok((request, Timing { born, read }));
            }
            match self.look(sleep_until(stalled)).await? {
                Look::Bytes(at) => read = at,
                Look::Empty => {
                    warn_of_stall();
                    return Err(SessionEnd::Late);
                }
            }
        }
    }

    /// Whether something came together with the last line.
    pub(super) fn has_more(&self) -> bool {
        self.decoder.is_partial()
    }

    /// Throws away what is there, until the terminal was quiet for so long.
    pub(super) async fn drain(&mut self, quiet: Duration) -> Result<(), SessionEnd> {
        self.decoder.forget();
        while let Look::Bytes(_) = self.look(sleep(quiet)).await? {
            self.decoder.forget();
        }
        Ok(())
    }
}
