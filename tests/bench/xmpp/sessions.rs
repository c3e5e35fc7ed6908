//! Users who sign in to an XMPP server as fast as they can, and another who pings it meanwhile.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, ScopedJoinHandle, sleep};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use ldap_fixtures::slapd::PASSWORD;
use ldap_fixtures::stream::Stream;
use ldap_fixtures::xmpp::Outcome;

/// Between a reply to a ping and the next ping, which is to be no load of its own.
const PAUSE: Duration = Duration::from_millis(5);

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Sessions {
    pub signed_in: usize,
    /// What was said to those who were not, although their password was right, or how their stream
    /// ended.
    pub failures: Vec<String>,
    /// Until the last of them was done.
    pub elapsed: Duration,
    /// How long the replies to the pings took.
    pub pings: Vec<Duration>,
}

/// A stream of the user who pings. The first requests of a program on a terminal are not answered.
pub fn pinging(port: u16) -> Result<Stream> {
    for _ in 0..5 {
        let mut stream = Stream::open_clear(port)?;
        if stream.sign_in("alice", PASSWORD)? == Outcome::Success {
            return Ok(stream);
        }
    }
    bail!("alice is not signed in");
}

/// Lets so many clients sign in again and again, each as another of the numbered users, for as long;
/// what has begun then is finished.
pub fn run(
    port: u16,
    other: &mut Stream,
    clients: usize,
    lasting: Duration,
    users: usize,
) -> Result<Sessions> {
    let (next, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let started = Instant::now();
    let client = || {
        let (mut signed_in, mut failures) = (0, Vec::new());
        while (signed_in == 0 && failures.is_empty()) || started.elapsed() < lasting {
            let user = 1 + next.fetch_add(1, Ordering::Relaxed) % users;
            let sign_in = |mut stream: Stream| stream.sign_in(&format!("user{user:05}"), PASSWORD);
            match Stream::open_clear(port).and_then(sign_in) {
                Ok(Outcome::Success) => signed_in += 1,
                failure => failures.push(format!("{failure:?}")),
            }
        }
        (signed_in, failures)
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..clients).map(|_| scope.spawn(client)).collect();
        let pinger = scope.spawn(|| -> Result<Vec<Duration>> {
            let mut pings = Vec::new();
            while pings.is_empty() || !is_over.load(Ordering::Relaxed) {
                pings.push(other.ping()?);
                sleep(PAUSE);
            }
            Ok(pings)
        });
        let (signed_in, failures): (Vec<usize>, Vec<_>) = clients.into_iter().map(joined).unzip();
        let elapsed = started.elapsed();
        is_over.store(true, Ordering::Relaxed);
        let (signed_in, failures) = (signed_in.iter().sum(), failures.concat());
        Ok(Sessions { signed_in, failures, elapsed, pings: joined(pinger)? })
    })
}

fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
