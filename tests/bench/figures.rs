//! What is measured, and how figures of several rounds become one.

use std::time::Duration;

/// The work of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// `auth`: search for the entry, bind as it.
    SearchBind,
    /// `auth`: bind with a DN made from the name.
    Bind,
    /// `isuser`: search for the entry.
    Search,
}

/// How much at once, and how often.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub work: Work,
    pub in_flight: usize,
    pub requests: usize,
    pub users: usize,
}

/// The figures of one round.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// Latency in microseconds.
    pub p50: f64,
    pub p99: f64,
    /// Requests a second.
    pub rate: f64,
    /// Processor time of the client, for each request, in microseconds.
    pub processor: f64,
}

impl Figures {
    /// From the latency of every request, in microseconds.
    pub fn of(mut latencies: Vec<f64>, elapsed: Duration, processor: Duration) -> Self {
        latencies.sort_by(f64::total_cmp);
        let count = latencies.len();
        let at = |percent: usize| latencies.get(count * percent / 100).copied().unwrap_or(f64::NAN);
        Self {
            p50: at(50),
            p99: at(99),
            rate: float(count) / elapsed.as_secs_f64(),
            processor: processor.as_secs_f64() * 1e6 / float(count),
        }
    }

    /// The median of each figure.
    pub fn median(rounds: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| median(rounds.iter().map(figure).collect());
        Self {
            p50: of(|figures| figures.p50),
            p99: of(|figures| figures.p99),
            rate: of(|figures| figures.rate),
            processor: of(|figures| figures.processor),
        }
    }
}

/// The middle value.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A count, for dividing by it.
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub fn float(count: usize) -> f64 {
    count as f64
}
