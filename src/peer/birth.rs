//! Since when there is this process, and since when a caller may have been waiting for it.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use rustix::param::clock_ticks_per_second;
use rustix::termios::isatty;
use rustix::time::{ClockId, clock_gettime};

/// As many ancestors are looked at.
const MOST_WRAPPERS: usize = 8;

/// How long ago this process was started. `None` where the system does not say.
pub fn own_age() -> Option<Duration> {
    Stat::of("self")?.age()
}

/// How long ago the first process was started on this terminal: this one, or a wrapper that started
/// it. A caller writes its request as soon as it has started somebody, so that one that is there
/// already may have been there all that time. `None` where the system does not say.
pub(super) fn age() -> Option<Duration> {
    let mut process = Stat::of("self")?;
    for _ in 0..MOST_WRAPPERS {
        let parent = process.parent.to_string();
        if !shares_stdin(&parent) {
            break;
        }
        let Some(wrapper) = Stat::of(&parent) else { break };
        process = wrapper;
    }
    process.age()
}

/// What the kernel says of a process (proc_pid_stat(5)).
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    parent: u32,
    /// After the machine was.
    started: Duration,
}

impl Stat {
    fn of(id: &str) -> Option<Self> {
        Self::parse(&fs::read(format!("/proc/{id}/stat")).ok()?, clock_ticks_per_second())
    }

    fn age(&self) -> Option<Duration> {
        let now = Duration::try_from(clock_gettime(ClockId::Boottime)).ok()?;
        Some(now.saturating_sub(self.started))
    }

    fn parse(stat: &[u8], ticks_per_second: u64) -> Option<Self> {
        // The second field is a name in brackets, which may hold anything.
        let (_, fields) =
            stat.split_at_checked(stat.iter().rposition(|byte| *byte == b')')? + 1)?;
        let fields: Vec<&str> = str::from_utf8(fields).ok()?.split_ascii_whitespace().collect();
        let parent = fields.get(1)?.parse().ok()?;
        let ticks: u64 = fields.get(19)?.parse().ok()?;
        let nanoseconds = u128::from(ticks) * 1_000_000_000 / u128::from(ticks_per_second.max(1));
        Some(Self { parent, started: Duration::from_nanos(u64::try_from(nanoseconds).ok()?) })
    }
}

/// Whether another process has our standard input for its own. Prosody itself has not.
fn shares_stdin(id: &str) -> bool {
    let file = |id| {
        let metadata = fs::metadata(format!("/proc/{id}/fd/0")).ok()?;
        Some((metadata.dev(), metadata.ino()))
    };
    file("self").is_some_and(|own| file(id) == Some(own)) && isatty(io::stdin())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_found_behind_whatever_name() {
        let stat = b"12 (a) b) S 7 12 12 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 250 1000 0 18446744073709551615\n";
        let started = Duration::from_millis(2500);
        assert_eq!(Stat::parse(stat, 100), Some(Stat { parent: 7, started }));
        for broken in [&b""[..], b"12 (a", b"12 (a)", b"12 (a) S x", b"12 (\xff) S 7 \xff"] {
            assert_eq!(Stat::parse(broken, 100), None);
        }
    }

    #[test]
    fn this_process_has_an_age() {
        let age = age().unwrap();
        assert!(age < Duration::from_secs(3600), "{age:?}");
    }
}
