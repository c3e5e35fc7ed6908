//! Ctrl-C ends the servers too: they are in process groups of their own, where it does not arrive.

use std::fs;
use std::process::exit;
use std::thread;

use anyhow::Result;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::signal::unix::{SignalKind, signal};

/// Watches for the wish to end, as long as the process runs.
pub fn watch() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate) = {
        let _runtime = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
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
