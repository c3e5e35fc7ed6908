//! A load of which every answer is known, so that one that is wrong, lost or another's is noticed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::support::Answer::{CannotTell, No, Yes};
use crate::support::{Adapter, Answer, PATIENCE};

/// Signs alice in.
pub const RIGHT: &str = "auth:alice:example.com:secret";

/// What is asked again and again, with what is to come of it.
pub const MIX: [(&str, Answer); 4] = [
    (RIGHT, Yes),
    ("auth:bob:example.com:secretx", No),
    ("isuser:nobody:example.com", No),
    ("isuser:alice:example.com", Yes),
];

/// Without the guard, each wrong password reaches a directory.
pub const UNGUARDED: &str = "[throttle]\nenabled = false";

/// So many rounds are always under way.
const AHEAD: usize = 8;

/// Sends the mix so many times.
pub fn send_mix(adapter: &mut Adapter, rounds: usize) {
    for (request, _) in std::iter::repeat_n(MIX, rounds).flatten() {
        adapter.send(request);
    }
}

/// Checks the answers to as many.
#[track_caller]
pub fn expect_mix(adapter: &mut Adapter, rounds: usize) {
    for (request, expected) in std::iter::repeat_n(MIX, rounds).flatten() {
        let answer = adapter.answer();
        assert_eq!(answer, expected, "{request}: {}", adapter.log());
    }
}

/// One request and its answer.
#[track_caller]
pub fn expect(adapter: &mut Adapter, request: &str, expected: Answer) {
    let answer = adapter.ask(request);
    assert_eq!(answer, expected, "{request}: {}", adapter.log());
}

/// Asks until it is so; meanwhile every answer is right.
#[track_caller]
pub fn right_until(adapter: &mut Adapter, what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < PATIENCE, "never {what}: {}", adapter.log());
        send_mix(adapter, 1);
        expect_mix(adapter, 1);
    }
}

/// Asks until it is answered with yes; until then nobody can tell.
#[track_caller]
pub fn recovers(adapter: &mut Adapter) {
    let started = Instant::now();
    loop {
        match adapter.ask(RIGHT) {
            Yes => return,
            answer => assert_eq!(answer, CannotTell, "{}", adapter.log()),
        }
        assert!(started.elapsed() < PATIENCE, "{}", adapter.log());
    }
}

/// Keeps requests under way while `work` is done elsewhere; every answer is right.
pub fn under_load<T: Send>(adapter: &mut Adapter, work: impl FnOnce() -> T + Send) -> T {
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            // Even if the work fails, the load is to end.
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            is_done.store(true, Ordering::SeqCst);
            outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        send_mix(adapter, AHEAD);
        while !is_done.load(Ordering::SeqCst) {
            expect_mix(adapter, 1);
            send_mix(adapter, 1);
        }
        expect_mix(adapter, AHEAD);
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
