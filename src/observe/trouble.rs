//! Trouble that goes on, which the log tells of without being filled by it.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::lock::locked;

/// The next line about the same trouble waits this long.
const QUIET: Duration = Duration::from_secs(60);

/// What the log has told of a trouble that comes again and again: it is told of once, then at most
/// once a minute, however often it is over between, and once when what was told of is over.
#[derive(Debug, Default)]
pub struct Trouble(Mutex<Option<TroubleState>>);

#[derive(Debug)]
struct TroubleState {
    last: Instant,
    untold: u64,
    is_over: bool,
}

impl Trouble {
    /// There it is again. `None` while the log keeps quiet about it; else how often it came since the
    /// last line.
    pub fn comes(&self) -> Option<u64> {
        let mut told = locked(&self.0);
        let now = Instant::now();
        let untold = match &mut *told {
            Some(told) if now - told.last < QUIET => {
                told.untold += 1;
                return None;
            }
            Some(told) => told.untold,
            None => 0,
        };
        *told = Some(TroubleState { last: now, untold: 0, is_over: false });
        Some(untold)
    }

    /// It is over. Whether the log has told of it, and has to tell of this.
    pub fn ends(&self) -> bool {
        locked(&self.0).as_mut().is_some_and(|told| !std::mem::replace(&mut told.is_over, true))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_told_of_once_a_minute_and_once_when_it_is_over() {
        let trouble = Trouble::default();
        assert!(!trouble.ends());
        assert_eq!([trouble.comes(), trouble.comes(), trouble.comes()], [Some(0), None, None]);
        sleep(QUIET).await;
        assert_eq!([trouble.comes(), trouble.comes()], [Some(2), None]);
        assert_eq!([trouble.ends(), trouble.ends()], [true, false]);
        sleep(QUIET).await;
        assert_eq!(trouble.comes(), Some(1));
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_and_goes_is_told_of_no_more_often() {
        let trouble = Trouble::default();
        let (mut begun, mut over) = (0, 0);
        for _ in 0..1200 {
            begun += u32::from(trouble.comes().is_some());
            over += u32::from(trouble.ends());
            sleep(QUIET / 600).await;
        }
        assert_eq!((begun, over), (2, 2));
    }
}
