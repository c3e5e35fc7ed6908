//! What must not grow.

use std::fmt;
use std::path::Path;

/// Figures of one process at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// KiB, without the files that it runs from.
    pub memory: u64,
    pub descriptors: usize,
    /// Of the directory server, which both processes share.
    pub server_descriptors: usize,
    pub log: u64,
    pub requests: usize,
}

impl Figures {
    pub fn of(process: u32, log: &Path, server_descriptors: usize, requests: usize) -> Self {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let memory = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
        let memory = memory.split_whitespace().nth(1).unwrap().parse().unwrap();
        let descriptors = std::fs::read_dir(format!("/proc/{process}/fd")).unwrap().count();
        let log = std::fs::metadata(log).unwrap().len();
        Self { memory, descriptors, server_descriptors, log, requests }
    }

    /// Checks that these are no more than those of an `earlier` moment.
    pub fn check_since(&self, earlier: &Self) {
        assert!(self.memory <= earlier.memory + 2 * 1024, "memory grows: {earlier}, then {self}");
        // Each of eight connections for users and four for searches may be open now and not then.
        for (now, then) in [
            (self.descriptors, earlier.descriptors),
            (self.server_descriptors, earlier.server_descriptors + 12),
        ] {
            assert!(now <= then + 12, "connections grow: {earlier}, then {self}");
        }
        let (first, since) = (earlier.log / per(earlier.requests), self.log - earlier.log);
        let later = since / per(self.requests - earlier.requests);
        assert!(later <= first * 2, "the log grows from {first} to {later} bytes a request");
    }
}

fn per(requests: usize) -> u64 {
    u64::try_from(requests.max(1)).unwrap()
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} requests, {} KiB of memory, {} descriptors, {} of the server, {} bytes of log a request",
            self.requests,
            self.memory,
            self.descriptors,
            self.server_descriptors,
            self.log / per(self.requests)
        )
    }
}
