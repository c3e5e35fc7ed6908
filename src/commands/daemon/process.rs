//! What the process uses, by the names that Prometheus has for it everywhere.

use std::fmt;
use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::families::{Families, NONE, number};
use crate::peer::birth::own_age;

/// What this process uses at the moment.
#[derive(Debug)]
pub(super) struct Usage;

impl Collector for Usage {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut to = Families(encoder);
        let used = clock(ClockId::ProcessCPUTime).as_secs_f64();
        to.seconds("process_cpu_seconds", "Processor time that was used", used)?;
        let mut gauge = |name, help, value: Option<i64>| match value {
            Some(value) => to.gauges(name, help, [(NONE, value)]),
            None => Ok(()),
        };
        gauge("process_start_time_seconds", "When the process began", start())?;
        let [virtual_memory, resident_memory] = memory();
        gauge("process_virtual_memory_bytes", "Memory that is mapped", virtual_memory)?;
        gauge("process_resident_memory_bytes", "Memory that is resident", resident_memory)?;
        gauge("process_open_fds", "Descriptors that are open", descriptors())?;
        let most = getrlimit(Resource::Nofile).current;
        gauge(
            "process_max_fds",
            "Descriptors that may be open",
            most.and_then(|most| i64::try_from(most).ok()),
        )
    }
}

fn clock(id: ClockId) -> Duration {
    Duration::try_from(clock_gettime(id)).unwrap_or_default()
}

/// In whole seconds since 1970.
fn start() -> Option<i64> {
    let at = SystemTime::now().checked_sub(own_age()?)?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(at.as_secs()).ok()
}

/// What is mapped and what is resident, in bytes (proc_pid_statm(5)).
fn memory() -> [Option<i64>; 2] {
    let pages = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let mut pages = pages.split(' ').map(|pages| {
        let bytes = pages.parse::<usize>().ok()?.checked_mul(rustix::param::page_size())?;
        Some(number(bytes))
    });
    [(); 2].map(|()| pages.next().flatten())
}

fn descriptors() -> Option<i64> {
    // One of them is the directory's own.
    Some(number(fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1)))
}
