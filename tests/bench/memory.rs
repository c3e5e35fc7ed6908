//! Resident memory over very many mixed requests.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::drive::{Request, Verb, Verdict, drive};
use crate::figures::Work;
use crate::kernel::resident;
use crate::report::{Bound, Section, Table, Target, number};
use crate::site::{Setting, Site};

const IN_FLIGHT: usize = 64;

/// How many connections for binds there may be: the default, and one for each request in flight.
const POOLS: [usize; 2] = [8, IN_FLIGHT];

/// Resident memory in MiB after each tenth of the requests.
struct Samples {
    pool: usize,
    mib: Vec<f64>,
}

/// Asks so many requests of each, and looks after every tenth of them.
pub fn measure(site: &Site, requests: usize) -> Result<Section> {
    let samples = POOLS.map(|pool| sample(site, pool, requests / 10));
    let samples: Vec<Samples> = samples.into_iter().collect::<Result<_>>()?;
    let row = |tenth: usize| {
        let at = samples.iter().filter_map(|samples| samples.mib.get(tenth)).copied();
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
            head: vec!["after requests", "pool.size = 8, the default", "pool.size = 64"],
            rows: (0..10).map(row).collect(),
        }],
        targets: samples.iter().flat_map(|samples| targets(samples, requests)).collect(),
        pictures: Vec::new(),
        figures: samples
            .iter()
            .map(|samples| {
                json!({
                    "pool_size": samples.pool,
                    "requests": requests,
                    "mib_after_each_tenth": samples.mib,
                })
            })
            .collect(),
    })
}

fn sample(site: &Site, pool: usize, requests: usize) -> Result<Samples> {
    let size = format!("size = {pool}");
    let setting = Setting { pool: &size, ..Setting::of(Work::SearchBind) };
    let mut binary = [site.start_binary(&site.configure("memory", &setting)?)?];
    let mut mixed = (0..).map(|number| mixed(number, site.users));
    let mut mib = Vec::new();
    for _ in 0..10 {
        let mut some = mixed.by_ref().take(requests);
        for answer in drive(&mut binary, IN_FLIGHT, |_| some.next())? {
            let exists = answer.request.user <= site.users;
            let expected = if exists { Verdict::Yes } else { Verdict::No };
            ensure!(answer.verdict == expected, "{answer:?} should be {expected:?}");
        }
        let [binary] = &binary;
        mib.push(resident(binary.id())?);
    }
    Ok(Samples { pool, mib })
}

fn targets(samples: &Samples, requests: usize) -> [Target; 2] {
    let (first, last) = (samples.mib.first(), samples.mib.last());
    let (first, last) = (first.copied().unwrap_or(f64::NAN), last.copied().unwrap_or(f64::NAN));
    let most = samples.mib.iter().copied().fold(first, f64::max);
    let connections = format!("{} connections for binds, up to four for searches", samples.pool);
    [
        Target {
            what: format!("pool.size = {}: MiB after {requests} requests", samples.pool),
            value: last,
            bound: Bound::AtMost(10.0),
            reason: connections,
        },
        Target {
            what: format!("pool.size = {}: MiB more than after {}", samples.pool, requests / 10),
            value: most - first,
            bound: Bound::AtMost(0.25),
            reason: "the most of all samples".to_owned(),
        },
    ]
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
