//! Ctrl-C ends the servers too: they are in process groups of their own, where it does not arrive.

use std::fs;
use std::process::exit;
use std::thread;

use anyhow::Result;
use nix::sys::signal::{self, SigSet};
use rustix::process::{Pid, Signal, kill_process_group};

/// Watches for the wish to end, as long as the process runs. To be called before there are other threads.
pub fn watch() -> Result<()> {
    let wishes: SigSet = [signal::Signal::SIGINT, signal::Signal::SIGTERM].into_iter().collect();
    // In the threads that are started later as well.
    wishes.thread_block()?;
    thread::spawn(move || {
        let _ = wishes.wait();
        for child in children().unwrap_or_default() {
            let _ = kill_process_group(child, Signal::TERM);
        }
        exit(130);
    });
    Ok(())
}

/// The children of all threads of this process.
fn children() -> Result<Vec<Pid>> {
    let mut children = Vec::new();
    for thread in fs::read_dir("/proc/self/task")? {
        let list = fs::read_to_string(thread?.path().join("children"))?;
        children.extend(list.split_whitespace().filter_map(|id| Pid::from_raw(id.parse().ok()?)));
    }
    Ok(children)
}
