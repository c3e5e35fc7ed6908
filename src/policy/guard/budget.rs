//! A budget of failures, and what the failures so far leave of it: a leaking bucket.

use std::time::Duration;

use tokio::time::Instant;

/// How often the time doubles at most.
const DOUBLINGS: f64 = 30.0;

/// How many failures are free, and what each one beyond them costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// So many failures are free,
    pub failures: u32,
    /// and so many are forgiven in each of these times.
    pub within: Duration,
    /// For how long nobody is let through after the first failure beyond them; it doubles with each
    /// one more,
    pub first_wait: Duration,
    /// up to this.
    pub longest_wait: Duration,
}

/// The failures of an account or of a domain.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Failures {
    /// How many were not forgiven yet, right after the last one.
    count: f64,
    last: Option<Instant>,
}

impl Failures {
    pub(super) fn add(&mut self, budget: &Budget, now: Instant) {
        *self = Self { count: self.count(budget, now) + 1.0, last: Some(now) };
    }

    /// How many failures are left. The error is for how long nobody is let through, because more than
    /// the free ones are spent; after that, one attempt at a time is, although nothing is left.
    pub(super) fn left(&self, budget: &Budget, now: Instant) -> Result<f64, Duration> {
        let free = f64::from(budget.failures);
        let beyond = (self.count - free).ceil();
        if let Some(last) = self.last.filter(|_| beyond > 0.0) {
            let doubled = budget.first_wait.mul_f64((beyond - 1.0).min(DOUBLINGS).exp2());
            let until = last + doubled.min(budget.longest_wait);
            if now < until {
                return Err(until - now);
            }
        }
        Ok(free - self.count(budget, now))
    }

    fn count(&self, budget: &Budget, now: Instant) -> f64 {
        let since = self.last.map_or(Duration::ZERO, |last| now.saturating_duration_since(last));
        let forgiven = since.as_secs_f64() / budget.within.as_secs_f64();
        (self.count - forgiven * f64::from(budget.failures)).max(0.0)
    }
}
