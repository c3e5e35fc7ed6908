//! The rules for a pipe: read ahead, work on what arrived together, reply in the order of the
//! requests.

use std::collections::VecDeque;
use std::future::poll_fn;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::input::Input;
use super::pending::{Pending, Timing};
use super::{SessionEnd, StdioSession};
use crate::answer::Answer;
use crate::protocol::{Decoder, StreamEnd};
use crate::verdict::Outcome;

/// One read takes at most this many bytes: a whole packet with room to spare.
const READ_SIZE: usize = 68 * 1024;

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
        let mut held = None;
        loop {
            while in_flight.len() < self.terms.window {
                let Some(request) = held.take().or_else(|| decoder.next_request()) else { break };
                if in_flight.iter().any(|pending| pending.must_precede(&request)) {
                    held = Some(request);
                    break;
                }
                let timing = Timing { born: read_at, read: read_at };
                in_flight.push_back(self.begin(request, timing));
            }
            let has_room = held.is_none() && in_flight.len() < self.terms.window;
            tokio::select! {
                biased;
                outcome = first_outcome(&mut in_flight), if !in_flight.is_empty() => {
                    let Some(pending) = in_flight.pop_front() else { continue };
                    if let Err(end) = self.reply(&mut output, &pending, &outcome).await {
                        return end;
                    }
                }
                is_more = poll_fn(|context| {
                    input.poll_take(context, |bytes| decoder.push(bytes))
                }), if is_open && has_room => {
                    read_at = Instant::now();
                    is_open = is_more;
                    if !is_open {
                        match decoder.finish() {
                            StreamEnd::Clean => {}
                            StreamEnd::Last(request) => held = Some(request),
                            StreamEnd::Cut => {
                                tracing::warn!("input ended in the middle of a packet");
                            }
                        }
                    }
                }
                else => return SessionEnd::InputClosed,
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
