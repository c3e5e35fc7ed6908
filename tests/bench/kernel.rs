//! What the kernel has accounted to processes.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::time::clock_getcpuclockid;
use nix::unistd::{Pid, SysconfVar, sysconf};
use rustix::time::{ClockId, clock_gettime};

use crate::figures::float;

/// What processes have used so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// User and system time of all their threads, and of their children that have ended.
    pub processor: Duration,
    /// Resident memory of their own in MiB: without what is mapped from files, which others may have
    /// as well. What is shared since a fork counts once, where that may be seen.
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

/// User and system time of this process.
pub fn own_processor() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
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
    match shared_once.ok().as_deref().and_then(|text| field(text, "Pss_Anon:")) {
        Some(kib) => Ok(kib / 1024.0),
        None => status(process, "RssAnon:"),
    }
}

/// Resident memory of one process in MiB, with all that it shares.
pub fn resident(process: u32) -> Result<f64> {
    status(process, "VmRSS:")
}

/// Memory of one process in MiB, of which what it shares counts in proportion.
pub fn proportional(process: u32) -> Result<f64> {
    let file = format!("/proc/{process}/smaps_rollup");
    let text = fs::read_to_string(&file).with_context(|| format!("{file}: needs root"))?;
    Ok(field(&text, "Pss:").context("no Pss")? / 1024.0)
}

/// How many connections a server on this machine has at a port of 127.0.0.1.
pub fn connections_to(server: SocketAddr) -> Result<usize> {
    // Its address as proc(5) writes it, and the state that is named TCP_ESTABLISHED.
    let (local, established) = (format!("0100007F:{:04X}", server.port()), "01");
    let table = fs::read_to_string("/proc/net/tcp")?;
    let is_one = |line: &&str| {
        let mut fields = line.split_whitespace().skip(1);
        fields.next() == Some(&local) && fields.nth(1) == Some(established)
    };
    Ok(table.lines().filter(is_one).count())
}

fn status(process: u32, name: &str) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    Ok(field(&status, name).with_context(|| format!("no {name}"))? / 1024.0)
}

fn field(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(float(line.trim().trim_end_matches(" kB").parse().ok()?))
}

/// What the figures were measured on.
pub fn machine() -> String {
    let read = |file| fs::read_to_string(file).unwrap_or_default();
    let processors = read("/proc/cpuinfo");
    let model = processors.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.unwrap_or_default().trim_start_matches(['\t', ' ', ':']).to_owned();
    let count = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{count} × {model}, Linux {}", read("/proc/sys/kernel/osrelease").trim())
}
