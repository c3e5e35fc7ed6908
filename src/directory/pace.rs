//! How fast the directory takes sign-ins, and whether one more would be answered in time.
//!
//! What counts is the time from one answer to the next while any is awaited. It holds whether the
//! directory works on all at once or on one after the other, and however many other processes ask it
//! as well.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How many of the last answers the mean follows.
const FOLLOWED: u32 = 8;

/// The pace of the sign-ins of one directory.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    under_way: u32,
    /// From one answer to the next.
    mean: Duration,
    /// When the last answer came, or, since none was awaited then, the first sign-in began.
    last: Option<Instant>,
}

/// A sign-in under way. Dropping it says that it came to no answer.
#[derive(Debug)]
pub(super) struct Step {
    pace: Arc<Pace>,
    is_answered: bool,
}

impl Pace {
    fn locked(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When one more sign-in could expect its answer, behind those under way and `waiting` others.
    /// Nothing is expected where none is under way.
    pub(super) fn expected(&self, waiting: usize) -> Duration {
        let state = self.locked();
        if state.under_way == 0 {
            return Duration::ZERO;
        }
        let waiting = u32::try_from(waiting).unwrap_or(u32::MAX);
        state.mean.saturating_mul(state.under_way.saturating_add(waiting).saturating_add(1))
    }

    /// Begins a sign-in.
    pub(super) fn begin(self: &Arc<Self>, now: Instant) -> Step {
        let mut state = self.locked();
        if state.under_way == 0 {
            state.last = Some(now);
        }
        state.under_way += 1;
        Step { pace: Arc::clone(self), is_answered: false }
    }

    fn end(&self, is_answered: bool, now: Instant) {
        let mut state = self.locked();
        state.under_way = state.under_way.saturating_sub(1);
        let sample = state.last.map_or(Duration::ZERO, |last| now - last);
        state.mean = (state.mean * (FOLLOWED - 1) + sample) / FOLLOWED;
        // What gave up has waited since the last answer, and so has all that gives up with it.
        if is_answered {
            state.last = Some(now);
        }
    }
}

impl Step {
    /// The answer has come; to be called right before it is dropped.
    pub(super) fn answered(&mut self) {
        self.is_answered = true;
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.pace.end(self.is_answered, Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, sleep};

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// A directory that answers one sign-in after the other, each after so long.
    async fn answer_each_after(pace: &Arc<Pace>, each: Duration, times: u32) {
        let steps: Vec<Step> = (0..times).map(|_| pace.begin(Instant::now())).collect();
        for mut step in steps {
            sleep(each).await;
            step.answered();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_queue_counts_at_the_pace_of_the_answers() {
        let pace = Arc::new(Pace::default());
        assert_eq!(pace.expected(100), Duration::ZERO);
        answer_each_after(&pace, 10 * MS, 64).await;
        assert_eq!(pace.expected(100), Duration::ZERO);
        let _under_way = [pace.begin(Instant::now()), pace.begin(Instant::now())];
        let expected = pace.expected(7);
        assert!((95 * MS..101 * MS).contains(&expected), "{expected:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn answers_that_come_together_make_a_fast_pace() {
        let pace = Arc::new(Pace::default());
        for _ in 0..8 {
            let steps: Vec<Step> = (0..64).map(|_| pace.begin(Instant::now())).collect();
            advance(100 * MS).await;
            steps.into_iter().for_each(|mut step| step.answered());
        }
        let _under_way = pace.begin(Instant::now());
        assert!(pace.expected(64) < 20 * MS, "{:?}", pace.expected(64));
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_slows_the_pace_and_answers_mend_it() {
        let pace = Arc::new(Pace::default());
        let steps: Vec<Step> = (0..64).map(|_| pace.begin(Instant::now())).collect();
        advance(1000 * MS).await;
        drop(steps);
        let mut under_way = pace.begin(Instant::now());
        assert!(pace.expected(0) > 1900 * MS, "{:?}", pace.expected(0));
        under_way.answered();
        drop(under_way);
        answer_each_after(&pace, 10 * MS, 64).await;
        let _under_way = pace.begin(Instant::now());
        assert!(pace.expected(0) < 25 * MS, "{:?}", pace.expected(0));
    }
}
