//! The load: a number of requests in flight over one or more lanes, and when each was answered.

use std::io::Read;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use ldap_fixtures::slapd::PASSWORD;
use rustix::event::{PollFd, PollFlags, poll};

use crate::figures::{Figures, Load, float, micros};
use crate::kernel::{Usage, own_processor};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Auth,
    IsUser,
    /// `isuser` in a domain that nobody serves.
    Elsewhere,
    /// `auth` with a wrong password, never the same twice.
    Guess,
}

/// One question about a numbered user; with the right password, unless it is a guess.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    pub verb: Verb,
    pub user: usize,
}

impl Request {
    /// The password of the request with this number.
    pub fn password(&self, number: usize) -> String {
        if self.verb == Verb::Guess { format!("guess {number}") } else { PASSWORD.to_owned() }
    }
}

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Yes,
    No,
    CannotTell,
}

/// One request that was answered.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    pub request: Request,
    pub lane: usize,
    pub sent: Instant,
    pub at: Instant,
    pub verdict: Verdict,
}

impl Answer {
    pub fn latency(&self) -> Duration {
        self.at.duration_since(self.sent)
    }
}

/// A way to ask somebody: a pipe or a socket.
pub trait Lane {
    /// Sends requests, each with the number that its answer will have.
    fn send(&mut self, requests: &[(usize, Request)]) -> Result<()>;
    /// Waits for an answer, and takes all that have arrived.
    fn receive(&mut self, answers: &mut Vec<(usize, Verdict)>) -> Result<()>;
    /// What becomes readable when there is an answer.
    fn readable(&self) -> Option<BorrowedFd<'_>>;
}

/// Keeps up to `depth` requests in flight on every lane, until `next` has none for any lane and all
/// are answered.
pub fn drive<L: Lane>(
    lanes: &mut [L],
    depth: usize,
    mut next: impl FnMut(usize) -> Option<Request>,
) -> Result<Vec<Answer>> {
    let mut sent: Vec<(Request, Instant)> = Vec::new();
    let mut in_flight = vec![0_usize; lanes.len()];
    let mut answers = Vec::new();
    let mut batch = Vec::new();
    let mut fill = |lane: &mut L, index: usize, in_flight: &mut usize, sent: &mut Vec<_>| {
        // What can be sent together is: a write is a system call of the generator's.
        let room = depth.saturating_sub(*in_flight);
        let first = sent.len();
        batch.clear();
        batch.extend((0..room).map_while(|_| next(index)).zip(first..).map(|(r, n)| (n, r)));
        let now = Instant::now();
        sent.extend(batch.iter().map(|(_, request)| (*request, now)));
        *in_flight += batch.len();
        if batch.is_empty() { Ok(()) } else { lane.send(&batch) }
    };
    for (index, (lane, in_flight)) in lanes.iter_mut().zip(&mut in_flight).enumerate() {
        fill(lane, index, in_flight, &mut sent)?;
    }
    let mut arrived = Vec::new();
    while in_flight.iter().any(|count| *count > 0) {
        let ready = ready(lanes, &in_flight)?;
        for (index, (lane, in_flight)) in lanes.iter_mut().zip(&mut in_flight).enumerate() {
            if !ready.get(index).is_some_and(|ready| *ready) {
                continue;
            }
            lane.receive(&mut arrived)?;
            let at = Instant::now();
            *in_flight = in_flight.checked_sub(arrived.len()).context("an answer too many")?;
            for (number, verdict) in arrived.drain(..) {
                let (request, sent) = *sent.get(number).context("an answer to no request")?;
                answers.push(Answer { request, lane: index, sent, at, verdict });
            }
            fill(lane, index, in_flight, &mut sent)?;
        }
    }
    Ok(answers)
}

/// Which lanes have an answer. A single lane is simply read.
fn ready<L: Lane>(lanes: &[L], in_flight: &[usize]) -> Result<Vec<bool>> {
    if lanes.len() == 1 {
        return Ok(vec![true]);
    }
    let mut indexes = Vec::with_capacity(lanes.len());
    let mut descriptors = Vec::with_capacity(lanes.len());
    for (index, (lane, in_flight)) in lanes.iter().zip(in_flight).enumerate() {
        if let (Some(descriptor), 1..) = (lane.readable(), *in_flight) {
            indexes.push(index);
            descriptors.push(PollFd::from_borrowed_fd(descriptor, PollFlags::IN));
        }
    }
    poll(&mut descriptors, None)?;
    let mut ready = vec![false; lanes.len()];
    for (index, descriptor) in indexes.into_iter().zip(&descriptors) {
        if let Some(ready) = ready.get_mut(index) {
            *ready = !descriptor.revents().is_empty();
        }
    }
    Ok(ready)
}

/// The figures of lanes that these processes serve, once they are warm; every answer must be a yes.
pub fn measure<L: Lane>(
    lanes: &mut [L],
    depth: usize,
    load: &Load,
    usage: impl Fn() -> Result<Usage>,
) -> Result<Figures> {
    let mut requests = load.requests();
    let mut warm_up = requests.by_ref().take(2 * load.in_flight);
    drive(lanes, depth, |_| warm_up.next())?;
    let (before, ours_before) = (usage()?, own_processor());
    let started = Instant::now();
    let answers =
        drive(
            lanes,
            depth,
            |_| {
                if started.elapsed() < load.lasting { requests.next() } else { None }
            },
        )?;
    let elapsed = started.elapsed();
    let (after, ours) = (usage()?, own_processor().saturating_sub(ours_before));
    expect_yes(&answers)?;
    let processor = after.processor.saturating_sub(before.processor);
    let figures = Figures::of(&answers, elapsed, processor, after.memory);
    Ok(Figures { generator: micros(ours) / float(answers.len()), ..figures })
}

pub fn expect_yes(answers: &[Answer]) -> Result<()> {
    let wrong = answers.iter().find(|answer| answer.verdict != Verdict::Yes);
    ensure!(wrong.is_none(), "the answer should be yes: {wrong:?}");
    Ok(())
}

/// Bytes that arrived and wait for the rest of their message.
#[derive(Default)]
pub struct Inbox(Vec<u8>);

impl Inbox {
    /// Reads once. The end of the stream is an error: nobody is asked who has nothing to say.
    pub fn read_from(&mut self, mut stream: impl Read) -> Result<()> {
        let mut buffer = [0; 16 * 1024];
        let length = stream.read(&mut buffer)?;
        ensure!(length > 0, "no answer: the other end is closed");
        self.0.extend_from_slice(buffer.get(..length).unwrap_or_default());
        Ok(())
    }

    /// Takes the first message, if it is whole; `length` tells how long a whole one is.
    pub fn take(&mut self, length: impl Fn(&[u8]) -> Option<usize>) -> Option<Vec<u8>> {
        let length = length(&self.0).filter(|length| *length <= self.0.len())?;
        Some(self.0.drain(..length).collect())
    }
}
