//! From the start of the process to its first answer.

use std::time::Instant;

use anyhow::Result;
use serde_json::{Value, json};

use crate::drive::{Request, Verb, drive, expect_yes};
use crate::figures::{Sorted, Work};
use crate::report::{Bound, Section, Table, Target, number};
use crate::site::{Security, Setting, Site};

/// Starts the binary so many times, for each kind of connection.
pub fn measure(site: &Site, starts: usize) -> Result<Section> {
    let mut rows = Vec::new();
    for security in Security::ALL {
        let setting = Setting { security, ..Setting::of(Work::SearchBind) };
        let config = site.configure("start", &setting)?;
        let mut times = Vec::new();
        for number in 0..starts {
            let started = Instant::now();
            let mut binary = [site.start_binary(&config)?];
            let user = 1 + number % site.users;
            let mut request = Some(Request { verb: Verb::Auth, user });
            expect_yes(&drive(&mut binary, 1, |_| request.take())?)?;
            times.push(started.elapsed().as_secs_f64() * 1e3);
        }
        rows.push((security, Sorted::of(times)));
    }
    let target = |(security, times): &(Security, Sorted)| Target {
        what: format!("ms to the first answer, {}", security.title()),
        value: times.percentile(50),
        bound: Bound::AtMost(30.0),
        reason: format!("at worst {}", number(times.percentile(100))),
    };
    Ok(Section {
        title: "The first answer",
        tables: vec![Table {
            title: "**From the start of the process to the answer to `auth` by search and bind**"
                .to_owned(),
            head: vec!["", "p50 ms", "max ms"],
            rows: rows
                .iter()
                .map(|(security, times)| {
                    let times = [50, 100].map(|percent| number(times.percentile(percent)));
                    std::iter::once(security.title().to_owned()).chain(times).collect()
                })
                .collect(),
        }],
        targets: rows.iter().map(target).collect(),
        pictures: Vec::new(),
        figures: rows
            .iter()
            .map(|(security, times)| {
                json!({
                    "connection": security.title(),
                    "p50_ms": times.percentile(50),
                    "max_ms": times.percentile(100),
                })
            })
            .collect::<Value>(),
    })
}
