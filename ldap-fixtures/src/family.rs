//! What a server has started on its own account, known by a mark in the environment that survives
//! new sessions and dead parents.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::process::wait_until;

/// The environment variable whose value is the server's own directory.
pub(crate) const MARK: &str = "LDAP_FIXTURES_OWNER";

/// How long a program may take to see that its server is gone.
const GRACE: Duration = Duration::from_secs(2);

/// A process that inherited the mark.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) id: u32,
    pub(crate) parent: u32,
    pub(crate) name: String,
}

/// All processes with this mark that have not ended.
pub(crate) fn members(owner: &Path) -> Vec<Member> {
    let mark = format!("{MARK}={}", owner.display()).into_bytes();
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    processes
        .filter_map(|process| {
            let directory = process.ok()?.path();
            let id = directory.file_name()?.to_str()?.parse().ok()?;
            let environment = fs::read(directory.join("environ")).ok()?;
            if !environment.split(|byte| *byte == 0).any(|variable| variable == mark) {
                return None;
            }
            // "42 (name) S 1 …", where the name may hold anything.
            let status = fs::read_to_string(directory.join("stat")).ok()?;
            let (name, rest) = status.split_once('(')?.1.rsplit_once(')')?;
            let parent = rest.split_whitespace().nth(1)?.parse().ok()?;
            Some(Member { id, parent, name: name.to_owned() })
        })
        .collect()
}

/// Waits until all with this mark have ended, and ends the rest; returns how many those were.
pub(crate) fn end(owner: &Path) -> usize {
    if wait_until("a family's end", GRACE, || members(owner).is_empty()).is_ok() {
        return 0;
    }
    let late = members(owner);
    for member in &late {
        if let Some(id) = i32::try_from(member.id).ok().and_then(Pid::from_raw) {
            let _ = kill_process(id, Signal::KILL);
        }
    }
    let _ = wait_until("a family's end", GRACE, || members(owner).is_empty());
    late.len()
}
