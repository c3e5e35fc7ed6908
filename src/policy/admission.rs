//! Admission control: whether one more sign-in would be answered in time at the rate at which its
//! directory answers the others. Whoever would not be is told so at once, rather than late, and makes
//! nobody behind wait.
//!
//! What counts is how many answers come in the time for which any is awaited. It holds whether the
//! directory works on all at once or on one after the other, and however many other processes ask it
//! as well.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::lock::locked;

/// What was so long ago counts for a third of what is now.
const MEMORY: Duration = Duration::from_secs(2);

/// So many answers are taken for granted, because the first that are awaited say little.
const PRESUMED: f64 = 4.0;

/// Admits sign-ins to one directory.
#[derive(Debug, Default)]
pub struct Admission(Mutex<Rate>);

/// The rate of a directory's answers, as an average that forgets.
#[derive(Debug, Default)]
struct Rate {
    under_way: u32,
    /// For how many seconds of late answers were awaited, and how many came.
    awaited_s: f64,
    answers: f64,
    /// Up to when these two count.
    counted: Option<Instant>,
}

impl Rate {
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

/// The slot of a sign-in that was admitted; dropping it makes room for another.
#[derive(Debug)]
pub struct SignInSlot {
    admission: Arc<Admission>,
    is_aside: bool,
}

/// By this the directory tells that a bind waits for a person, which says nothing of its own pace, and
/// has left its connection's place to others.
#[derive(Clone, Debug, Default)]
pub struct PersonalWait(Arc<Notify>);

impl PersonalWait {
    /// The wait begins.
    pub fn begin(&self) {
        self.0.notify_one();
    }

    /// Ends when the wait has begun.
    pub async fn begun(&self) {
        self.0.notified().await;
    }
}

impl Admission {
    /// Admits a sign-in that must be answered within `time`. The error is how long its answer would
    /// take, which is longer. Where none is under way, one is always admitted.
    pub fn admit(self: &Arc<Self>, time: Duration, now: Instant) -> Result<SignInSlot, Duration> {
        let mut rate = locked(&self.0);
        rate.count(now);
        if rate.under_way > 0 {
            let each = rate.awaited_s / (rate.answers + PRESUMED);
            let expected = each * (f64::from(rate.under_way) + 1.0);
            if expected > time.as_secs_f64() {
                return Err(Duration::try_from_secs_f64(expected).unwrap_or(Duration::MAX));
            }
        }
        rate.under_way += 1;
        drop(rate);
        Ok(SignInSlot { admission: Arc::clone(self), is_aside: false })
    }
}

impl SignInSlot {
    /// Makes room for another while the directory is not asked: no answer of its is awaited.
    pub fn step_aside(&mut self, now: Instant) {
        if !std::mem::replace(&mut self.is_aside, true) {
            let mut rate = locked(&self.admission.0);
            rate.count(now);
            rate.under_way = rate.under_way.saturating_sub(1);
        }
    }

    /// Takes the slot again, to ask the directory.
    pub fn step_back(&mut self, now: Instant) {
        if std::mem::replace(&mut self.is_aside, false) {
            let mut rate = locked(&self.admission.0);
            rate.count(now);
            rate.under_way += 1;
        }
    }

    /// Counts the time until now, and the directory's answer if there was one. A slot that is only
    /// dropped, because its caller gave up, leaves that to the next who comes or goes.
    pub fn end(self, is_answered: bool, now: Instant) {
        let mut rate = locked(&self.admission.0);
        rate.count(now);
        if is_answered && !self.is_aside {
            rate.answers += 1.0;
        }
    }
}

impl Drop for SignInSlot {
    fn drop(&mut self) {
        if !self.is_aside {
            let mut rate = locked(&self.admission.0);
            rate.under_way = rate.under_way.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const SECOND: Duration = Duration::from_secs(1);

    struct AdmissionBed {
        admission: Arc<Admission>,
        now: Instant,
    }

    impl AdmissionBed {
        fn new() -> Self {
            Self { admission: Arc::default(), now: Instant::now() }
        }

        fn admit(&self, time: Duration) -> Result<SignInSlot, Duration> {
            self.admission.admit(time, self.now)
        }

        fn admit_many(&self, count: u32) -> Vec<SignInSlot> {
            (0..count).map(|_| self.admit(Duration::MAX).unwrap()).collect()
        }

        /// A directory that answers one sign-in after the other, each after so long.
        fn answer_each_after(&mut self, each: Duration, count: u32) {
            for slot in self.admit_many(count) {
                self.now += each;
                slot.end(true, self.now);
            }
        }
    }

    #[test]
    fn the_queue_counts_at_the_rate_of_the_answers() {
        let mut bed = AdmissionBed::new();
        bed.answer_each_after(10 * MS, 1000);
        let _under_way = bed.admit_many(9);
        let expected = bed.admit(MS).unwrap_err();
        assert!((90 * MS..105 * MS).contains(&expected), "{expected:?}");
        assert!(bed.admit(110 * MS).is_ok());
    }

    #[test]
    fn answers_that_come_together_make_a_high_rate() {
        let mut bed = AdmissionBed::new();
        for _ in 0..8 {
            let slots = bed.admit_many(64);
            bed.now += 100 * MS;
            slots.into_iter().for_each(|slot| slot.end(true, bed.now));
        }
        let _under_way = bed.admit_many(64);
        assert!(bed.admit(200 * MS).is_ok());
    }

    #[test]
    fn the_first_that_are_awaited_do_not_frighten() {
        let mut bed = AdmissionBed::new();
        let _under_way = bed.admit_many(8);
        bed.now += 200 * MS;
        assert!(bed.admit(500 * MS).is_ok());
    }

    #[test]
    fn who_gives_up_lowers_the_rate_and_answers_mend_it() {
        let mut bed = AdmissionBed::new();
        let slots = bed.admit_many(64);
        bed.now += SECOND;
        slots.into_iter().for_each(|slot| slot.end(false, bed.now));
        let admitted: Vec<_> = std::iter::from_fn(|| bed.admit(SECOND).ok()).collect();
        assert!((2..8).contains(&admitted.len()), "{}", admitted.len());
        drop(admitted);
        bed.answer_each_after(10 * MS, 500);
        let _under_way = bed.admit_many(50);
        assert!(bed.admit(SECOND).is_ok());
    }

    #[test]
    fn who_steps_aside_awaits_nothing_until_stepping_back() {
        let mut bed = AdmissionBed::new();
        bed.answer_each_after(10 * MS, 1000);
        let mut waiting = bed.admit_many(1000);
        for slot in &mut waiting {
            slot.step_aside(bed.now);
            slot.step_aside(bed.now);
        }
        bed.now += SECOND;
        let _one = bed.admit(SECOND).unwrap();
        assert!(bed.admit(30 * MS).is_ok());
        // Those who end there have had no answer, and made no room.
        let others = waiting.split_off(500);
        others.into_iter().for_each(|slot| slot.end(true, bed.now));
        waiting.iter_mut().for_each(|slot| slot.step_back(bed.now));
        let expected = bed.admit(SECOND).unwrap_err();
        assert!((4 * SECOND..6 * SECOND).contains(&expected), "{expected:?}");
        drop(waiting);
        assert!(bed.admit(30 * MS).is_ok());
    }

    #[test]
    fn one_is_always_admitted() {
        let mut bed = AdmissionBed::new();
        for _ in 0..10 {
            let slot = bed.admit(Duration::ZERO).unwrap();
            bed.now += SECOND;
            slot.end(false, bed.now);
        }
        drop(bed.admit(Duration::ZERO).unwrap());
        assert!(bed.admit(Duration::ZERO).is_ok());
    }
}
