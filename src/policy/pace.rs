//! How fast a directory answers sign-ins, and whether one more would be answered in time: whoever
//! would not be is told so at once, rather than late, and makes nobody behind wait.
//!
//! What counts is how many answers come in the time for which any is awaited. It holds whether the
//! directory works on all at once or on one after the other, and however many other processes ask it
//! as well.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What was so long ago counts for a third of what is now.
const MEMORY: Duration = Duration::from_secs(2);

/// So many answers are taken for granted, because the first that are awaited say little.
const PRESUMED: f64 = 4.0;

/// The pace of the sign-ins of one directory.
#[derive(Debug, Default)]
pub struct Pace(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    under_way: u32,
    /// For how many seconds of late answers were awaited, and how many came.
    awaited_s: f64,
    answers: f64,
    /// Up to when these two count.
    counted: Option<Instant>,
}

impl State {
    fn count(&mut self, now: Instant) {
        let before = self.counted.replace(now);
        if let Some(before) = before.filter(|_| self.under_way > 0) {
            let passed = now.saturating_duration_since(before).as_secs_f64();
            let kept = (-passed / MEMORY.as_secs_f64()).exp();
            self.awaited_s = self.awaited_s * kept + passed;
            self.answers *= kept;
        }
    }
}

/// A sign-in under way.
#[derive(Debug)]
pub struct Step {
    pace: Arc<Pace>,
    has_ended: bool,
}

impl Pace {
    fn locked(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a sign-in that has so much time; or says for how long it would have to wait, if that
    /// is longer. Where none is under way, one always begins.
    pub fn begin(self: &Arc<Self>, time: Duration, now: Instant) -> Result<Step, Duration> {
        let mut state = self.locked();
        state.count(now);
        if state.under_way > 0 {
            let each = state.awaited_s / (state.answers + PRESUMED);
            let expected = each * (f64::from(state.under_way) + 1.0);
            if expected > time.as_secs_f64() {
                return Err(Duration::try_from_secs_f64(expected).unwrap_or(Duration::MAX));
            }
        }
        state.under_way += 1;
        drop(state);
        Ok(Step { pace: Arc::clone(self), has_ended: false })
    }
}

impl Step {
    /// The sign-in has ended, with an answer of the directory or without one.
    pub fn end(mut self, is_answered: bool, now: Instant) {
        let mut state = self.pace.locked();
        state.count(now);
        state.under_way = state.under_way.saturating_sub(1);
        if is_answered {
            state.answers += 1.0;
        }
        drop(state);
        self.has_ended = true;
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if !self.has_ended {
            let mut state = self.pace.locked();
            state.under_way = state.under_way.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const SECOND: Duration = Duration::from_secs(1);

    struct Bed {
        pace: Arc<Pace>,
        now: Instant,
    }

    impl Bed {
        fn new() -> Self {
            Self { pace: Arc::default(), now: Instant::now() }
        }

        fn begin(&self, time: Duration) -> Result<Step, Duration> {
            self.pace.begin(time, self.now)
        }

        fn begin_many(&self, count: u32) -> Vec<Step> {
            (0..count).map(|_| self.begin(Duration::MAX).unwrap()).collect()
        }

        /// A directory that answers one sign-in after the other, each after so long.
        fn answer_each_after(&mut self, each: Duration, count: u32) {
            for step in self.begin_many(count) {
                self.now += each;
                step.end(true, self.now);
            }
        }
    }

    #[test]
    fn the_queue_counts_at_the_pace_of_the_answers() {
        let mut bed = Bed::new();
        bed.answer_each_after(10 * MS, 1000);
        let _under_way = bed.begin_many(9);
        let expected = bed.begin(MS).unwrap_err();
        assert!((90 * MS..105 * MS).contains(&expected), "{expected:?}");
        assert!(bed.begin(110 * MS).is_ok());
    }

    #[test]
    fn answers_that_come_together_make_a_fast_pace() {
        let mut bed = Bed::new();
        for _ in 0..8 {
            let steps = bed.begin_many(64);
            bed.now += 100 * MS;
            steps.into_iter().for_each(|step| step.end(true, bed.now));
        }
        let _under_way = bed.begin_many(64);
        assert!(bed.begin(200 * MS).is_ok());
    }

    #[test]
    fn the_first_that_are_awaited_do_not_frighten() {
        let mut bed = Bed::new();
        let _under_way = bed.begin_many(8);
        bed.now += 200 * MS;
        assert!(bed.begin(500 * MS).is_ok());
    }

    #[test]
    fn who_gives_up_slows_the_pace_and_answers_mend_it() {
        let mut bed = Bed::new();
        let steps = bed.begin_many(64);
        bed.now += SECOND;
        steps.into_iter().for_each(|step| step.end(false, bed.now));
        let begun: Vec<_> = std::iter::from_fn(|| bed.begin(SECOND).ok()).collect();
        assert!((2..8).contains(&begun.len()), "{}", begun.len());
        drop(begun);
        bed.answer_each_after(10 * MS, 500);
        let _under_way = bed.begin_many(50);
        assert!(bed.begin(SECOND).is_ok());
    }

    #[test]
    fn one_is_always_let_through() {
        let mut bed = Bed::new();
        for _ in 0..10 {
            let step = bed.begin(Duration::ZERO).unwrap();
            bed.now += SECOND;
            step.end(false, bed.now);
        }
        drop(bed.begin(Duration::ZERO).unwrap());
        assert!(bed.begin(Duration::ZERO).is_ok());
    }
}
