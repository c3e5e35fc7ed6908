//! Resident memory over very many mixed requests.

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::drive::{Request, Verb, Verdict, drive};
use crate::figures::{Work, float};
use crate::kernel::resident;
use crate::report::{Bound, Section, Table, Target, number};
use crate::site::{Setting, Site};

const IN_FLIGHT: usize = 64;

/// Asks so many requests, and looks after every tenth of them.
pub fn measure(site: &Site, requests: usize) -> Result<Section> {
    let setting = Setting { pool: "size = 64", ..Setting::of(Work::SearchBind) };
    let mut binary = [site.start_binary(&site.configure("memory", &setting)?)?];
    let mut mixed = (0..).map(|number| mixed(number, site.users));
    let mut samples = Vec::new();
    for tenth in 1..=10 {
        let mut some = mixed.by_ref().take(requests / 10);
        for answer in drive(&mut binary, IN_FLIGHT, |_| some.next())? {
            let exists = answer.request.user <= site.users;
            let expected = if exists { Verdict::Yes } else { Verdict::No };
            ensure!(answer.verdict == expected, "{answer:?} should be {expected:?}");
        }
        let memory = binary.first().map(|binary| resident(binary.id())).context("no process")??;
        samples.push((tenth * requests / 10, memory));
    }
    let (_, first) = *samples.first().context("no samples")?;
    let (_, last) = *samples.last().context("no samples")?;
    let most = samples.iter().map(|(_, memory)| *memory).fold(first, f64::max);
    Ok(Section {
        title: "Memory",
        tables: vec![Table {
            title: format!(
                "**Resident memory, shared libraries and all, with {IN_FLIGHT} in flight: half \
                 `auth`, half `isuser`, of which half for nobody**"
            ),
            head: vec!["after requests", "MiB"],
            rows: samples
                .iter()
                .map(|(count, memory)| vec![count.to_string(), number(*memory)])
                .collect(),
        }],
        targets: vec![
            Target {
                what: format!("MiB after {requests} requests"),
                value: last,
                bound: Bound::AtMost(10.0),
                reason: "64 connections for binds, one for searches".to_owned(),
            },
            Target {
                what: format!("MiB more than after {}", requests / 10),
                value: most - first,
                bound: Bound::AtMost(0.25),
                reason: "the most of all samples".to_owned(),
            },
        ],
        pictures: Vec::new(),
        figures: samples
            .iter()
            .map(|(count, memory)| json!({ "requests": float(*count), "mib": memory }))
            .collect(),
    })
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
