//! Resident memory over very many mixed requests.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use serde_json::json;

use crate::daemon::{Client, Daemon, PATIENCE};
use crate::drive::{Lane, Request, Verb, Verdict, drive};
use crate::figures::Work;
use crate::kernel::resident;
use crate::report::{Bound, Section, Table, Target, number};
use crate::site::{Setting, Site};

const IN_FLIGHT: usize = 64;

/// How many connections for binds there may be: the default, and one for each request in flight.
const POOLS: [usize; 2] = [8, IN_FLIGHT];

/// Resident memory in MiB after each tenth of the requests.
struct Samples {
    title: String,
    mib: Vec<f64>,
}

/// Asks so many requests of each, and looks after every tenth of them.
pub fn measure(site: &Site, requests: usize) -> Result<Section> {
    let mut all = Vec::new();
    for pool in POOLS {
        let binary = site.start_binary(&configure(site, pool)?)?;
        let title = format!("pool.size = {pool}");
        all.push(Samples::take(title, binary.id(), [binary], site.users, requests)?);
    }
    let daemon = Daemon::start(site, "memory", &configure(site, IN_FLIGHT)?)?;
    let client = Client::connect(&daemon, PATIENCE)?;
    let title = format!("a daemon, pool.size = {IN_FLIGHT}");
    all.push(Samples::take(title, daemon.id(), [client], site.users, requests)?);
    let row = |tenth: usize| {
        let at = all.iter().filter_map(|samples| samples.mib.get(tenth)).copied();
        let count = ((tenth + 1) * requests / 10).to_string();
        std::iter::once(count).chain(at.map(number)).collect()
    };
    Ok(Section {
        title: "Memory",
        tables: vec![Table {
            title: format!(
                "**MiB of resident memory, shared libraries and all, with {IN_FLIGHT} in flight: \
                 half `auth`, half `isuser`, of which half for nobody**"
            ),
            head: vec![
                "after requests",
                "pool.size = 8, the default",
                "pool.size = 64",
                "a daemon, pool.size = 64",
            ],
            rows: (0..10).map(row).collect(),
        }],
        targets: all.iter().flat_map(|samples| samples.targets(requests)).collect(),
        pictures: Vec::new(),
        figures: all
            .iter()
            .map(|samples| {
                json!({
                    "process": samples.title,
                    "requests": requests,
                    "mib_after_each_tenth": samples.mib,
                })
            })
            .collect(),
    })
}

fn configure(site: &Site, pool: usize) -> Result<PathBuf> {
    let size = format!("size = {pool}");
    site.configure("memory", &Setting { pool: &size, ..Setting::of(Work::SearchBind) })
}

impl Samples {
    /// Asks a process through its lane.
    fn take(
        title: String,
        process: u32,
        mut lane: [impl Lane; 1],
        users: usize,
        requests: usize,
    ) -> Result<Self> {
        let mut mixed = (0..).map(|number| mixed(number, users));
        let mut mib = Vec::new();
        for _ in 0..10 {
            let mut some = mixed.by_ref().take(requests / 10);
            for answer in drive(&mut lane, IN_FLIGHT, |_| some.next())? {
                let exists = answer.request.user <= users;
                let expected = if exists { Verdict::Yes } else { Verdict::No };
                ensure!(answer.verdict == expected, "{answer:?} should be {expected:?}");
            }
            mib.push(resident(process)?);
        }
        Ok(Self { title, mib })
    }

    fn targets(&self, requests: usize) -> [Target; 2] {
        let (first, last) = (self.mib.first(), self.mib.last());
        let (first, last) = (first.copied().unwrap_or(f64::NAN), last.copied().unwrap_or(f64::NAN));
        let most = self.mib.iter().copied().fold(first, f64::max);
        [
            Target {
                what: format!("{}: MiB after {requests} requests", self.title),
                value: last,
                bound: Bound::AtMost(10.0),
                reason: "a connection for each bind at once, up to four for searches".to_owned(),
            },
            Target {
                what: format!("{}: MiB more than after {}", self.title, requests / 10),
                value: most - first,
                bound: Bound::AtMost(0.25),
                reason: "the most of all samples".to_owned(),
            },
        ]
    }
}

/// `auth`, `isuser`, `auth`, `isuser` for nobody, of one user after the other.
fn mixed(number: usize, users: usize) -> Request {
    let user = 1 + number % users;
    match number % 4 {
        1 => Request { verb: Verb::IsUser, user },
        3 => Request { verb: Verb::IsUser, user: user + users },
        _ => Request { verb: Verb::Auth, user },
    }
}
