//! The rules for a pipe: read ahead, work on what arrived together, reply in the order of the
//! requests.

use std::collections::VecDeque;
use std::future::poll_fn;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep_until};

use super::input::Input;
use super::{STALL, SessionEnd, StdioSession, warn_of_stall};
use crate::answer::Answer;
use crate::pending::{Pending, Timing};
use crate::protocol::{Decoder, StreamEnd};
use crate::verdict::Outcome;

/// One read takes at most this many bytes: as many requests as are worked on at once, or a part of one with
/// a password as long as can be. What is never used of a buffer is memory all the same.
const READ_SIZE: usize = 4 * 1024;

impl<A: Answer> StdioSession<A> {
    /// Serves a pipe until either side closes it.
    ///
    /// At the end of `input`, a last line without a newline still counts, and everything in flight
    /// is answered before this returns.
    pub async fn pipelined(
        &self,
        input: impl AsyncRead + Unpin,
        mut output: impl AsyncWrite + Unpin,
    ) -> SessionEnd {
        let mut input = Input::new(input, READ_SIZE);
        let mut decoder = Decoder::new(self.terms.dialect.framing());
        let mut in_flight = VecDeque::<Pending>::new();
        // A late reply on a pipe reaches nobody, so that a request is born when it is read.
        let mut read_at = Instant::now();
        let mut is_open = true;
        let mut end = SessionEnd::InputClosed;
        let mut is_stall_told = false;
        loop {
            while in_flight.len() < self.terms.window {
                let Some(request) = decoder.next_request() else { break };
                let timing = Timing { born: read_at, read: read_at };
                in_flight.push_back(self.begin(request, timing));
                is_stall_told = false;
            }
            let has_room = in_flight.len() < self.terms.window;
            let is_stalling = is_open && has_room && decoder.held() > 0 && !is_stall_told;
            tokio::select! {
                biased;
                outcome = first_outcome(&mut in_flight), if !in_flight.is_empty() => {
                    let Some(mut pending) = in_flight.pop_front() else { continue };
                    match self.reply(&mut output, &mut pending, &outcome).await {
                        Ok(()) => {}
                        Err(SessionEnd::Unanswered) => {
                            // What came after would be taken for the reply that is missing.
                            return self.ignore(input).await;
                        }
                        Err(end) => return end,
                    }
                }
                () = self.stop.notified(), if is_open => is_open = false,
                read = poll_fn(|context| {
                    input.poll_take(context, |bytes| decoder.push(bytes))
                }), if is_open && has_room => {
                    read_at = Instant::now();
                    if let Err(how) = read {
                        (is_open, end) = (false, how);
                        match decoder.finish() {
                            StreamEnd::Clean => {}
                            StreamEnd::Last(request) => {
                                let timing = Timing { born: read_at, read: read_at };
                                in_flight.push_back(self.begin(request, timing));
                            }
                            StreamEnd::Cut => {
                                tracing::warn!("input ended in the middle of a packet");
                            }
                        }
                    }
                }
                () = sleep_until(read_at + STALL), if is_stalling => {
                    is_stall_told = true;
                    warn_of_stall();
                }
                else => return end,
            }
        }
    }

    /// Reads on, for the caller to end this when it gives up.
    async fn ignore(&self, mut input: Input<impl AsyncRead + Unpin>) -> SessionEnd {
        loop {
            let read = poll_fn(|context| input.poll_take(context, |_| {}));
            tokio::select! {
                biased;
                () = self.stop.notified() => return SessionEnd::InputClosed,
                read = read => if let Err(end) = read { return end },
            }
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
