//! What is measured, and how figures of several rounds become one.

use std::time::Duration;

use serde_json::{Value, json};

use crate::drive::{Answer, Request, Verb};

/// The work of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    /// `auth`: search for the entry, bind as it.
    SearchBind,
    /// `auth`: bind with a DN made from the name.
    Bind,
    /// `isuser`: search for the entry.
    Search,
}

impl Work {
    pub const ALL: [Self; 3] = [Self::SearchBind, Self::Bind, Self::Search];

    pub fn verb(self) -> Verb {
        if self == Self::Search { Verb::IsUser } else { Verb::Auth }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::SearchBind => "auth by search and bind",
            Self::Bind => "auth by DN template",
            Self::Search => "isuser",
        }
    }
}

/// How much at once, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub work: Work,
    pub in_flight: usize,
    pub lasting: Duration,
    pub users: usize,
}

impl Load {
    /// Requests for one user after the other, without end.
    pub fn requests(&self) -> impl Iterator<Item = Request> + use<> {
        let (verb, users) = (self.work.verb(), self.users);
        (0..).map(move |number| Request { verb, user: 1 + number % users })
    }
}

/// The figures of one round; what a contender cannot tell is not a number.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// Latency in microseconds.
    pub p50: f64,
    pub p99: f64,
    /// Requests a second.
    pub rate: f64,
    /// Processor time of the client, for each request, in microseconds.
    pub processor: f64,
    /// Resident memory of the client, in MiB.
    pub memory: f64,
    /// Processor time of the load generator, for each request, in microseconds.
    pub generator: f64,
    /// Processor time of the directory, for each request, in microseconds.
    pub directory: f64,
}

impl Figures {
    pub fn of(answers: &[Answer], elapsed: Duration, processor: Duration, memory: f64) -> Self {
        let latencies = answers.iter().map(|answer| micros(answer.latency())).collect();
        Self::of_latencies(latencies, elapsed, processor, memory)
    }

    /// From the latency of every request, in microseconds.
    pub fn of_latencies(
        latencies: Vec<f64>,
        elapsed: Duration,
        processor: Duration,
        memory: f64,
    ) -> Self {
        let count = float(latencies.len());
        let sorted = Sorted::of(latencies);
        Self {
            p50: sorted.percentile(50),
            p99: sorted.percentile(99),
            rate: count / elapsed.as_secs_f64(),
            processor: micros(processor) / count,
            memory,
            generator: f64::NAN,
            directory: f64::NAN,
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
            memory: of(|figures| figures.memory),
            generator: of(|figures| figures.generator),
            directory: of(|figures| figures.directory),
        }
    }

    pub fn to_json(self) -> Value {
        json!({
            "p50_us": self.p50,
            "p99_us": self.p99,
            "requests_per_second": self.rate,
            "processor_us": self.processor,
            "memory_mib": self.memory,
            "generator_processor_us": self.generator,
            "directory_processor_us": self.directory,
        })
    }
}

/// Values in ascending order.
pub struct Sorted(Vec<f64>);

impl Sorted {
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    pub fn percentile(&self, percent: usize) -> f64 {
        let last = self.0.len().saturating_sub(1);
        self.0.get((self.0.len() * percent / 100).min(last)).copied().unwrap_or(f64::NAN)
    }
}

/// The middle value.
pub fn median(values: Vec<f64>) -> f64 {
    Sorted::of(values).percentile(50)
}

pub fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// A count, for dividing by it.
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub fn float(count: usize) -> f64 {
    count as f64
}
