//! What the kernel has accounted to processes.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::time::clock_getcpuclockid;
use nix::unistd::{Pid, SysconfVar, sysconf};

use crate::figures::float;

/// What processes have used so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// User and system time of all their threads, and of their children that have ended.
    pub processor: Duration,
    /// Resident memory in MiB, pages that processes share counted once (PSS). Where that may not be
    /// seen, each counts all that it has (RSS).
    pub memory: f64,
}

impl Usage {
    pub fn of(processes: impl IntoIterator<Item = u32>) -> Result<Self> {
        processes.into_iter().try_fold(Self::default(), |sum, process| {
            Ok(Self {
                processor: sum.processor + processor(process)?,
                memory: sum.memory + memory(process)?,
            })
        })
    }
}

fn processor(process: u32) -> Result<Duration> {
    let clock = clock_getcpuclockid(Pid::from_raw(process.try_into()?))?;
    Ok(Duration::from(clock.now()?) + ended_children(process)?)
}

fn ended_children(process: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name may have spaces in it; cutime and cstime are the 16th and 17th field.
    let (_, fields) = stat.rsplit_once(") ").context("no name in stat")?;
    let ticks = fields.split(' ').skip(13).take(2).map(str::parse::<u32>);
    let ticks = ticks.sum::<Result<u32, _>>()?;
    let second = sysconf(SysconfVar::CLK_TCK)?.context("no CLK_TCK")?;
    Ok(Duration::from_secs(1) * ticks / u32::try_from(second)?)
}

fn memory(process: u32) -> Result<f64> {
    let shared_once = fs::read_to_string(format!("/proc/{process}/smaps_rollup"));
    let kib = shared_once.ok().as_deref().and_then(|text| field(text, "Pss:"));
    Ok(kib.map_or_else(|| resident(process), Ok)? / 1024.0)
}

/// Resident memory of one process in KiB, shared pages and all.
pub fn resident(process: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    field(&status, "VmRSS:").context("no VmRSS")
}

fn field(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(float(line.trim().trim_end_matches(" kB").parse().ok()?))
}
