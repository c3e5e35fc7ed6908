//! What came of the storms, as tables and as a picture.

use super::{LANES, SHORT, Storm};
use crate::drive::Verdict;
use crate::figures::{Sorted, float};
use crate::plot::Bars;
use crate::report::{Table, number};

pub(super) fn table<'a>(users: usize, storms: impl Iterator<Item = &'a Storm>) -> Table {
    let row = |storm: &Storm| {
        let all = Sorted::of(storm.seconds(None));
        let counts = [Verdict::Yes, Verdict::No, Verdict::CannotTell];
        let counts = counts.map(|verdict| storm.count(verdict).to_string());
        let times = [
            storm.elapsed.as_secs_f64(),
            storm.yes_rate(),
            all.percentile(50),
            all.percentile(99),
            storm.longest(),
            storm.fairness(),
            storm.memory,
        ];
        std::iter::once(storm.name()).chain(counts).chain(times.map(number)).collect()
    };
    Table {
        title: format!(
            "**{users} users through {LANES} processes, relays or connections; a: in lock-step, as \
             ejabberd asks; b: all written at once; c: 64 in flight each, a hash five times as slow, \
             and {SHORT} s to answer**"
        ),
        head: vec![
            "",
            "yes",
            "no",
            "cannot tell",
            "all done in s",
            "yes/s",
            "p50 s",
            "p99 s",
            "max s",
            "most/least",
            "MiB, proportional",
        ],
        rows: storms.map(row).collect(),
    }
}

/// How many answers came in each tenth of the short deadline.
pub(super) fn buckets(storm: &Storm) -> impl Iterator<Item = (String, usize, usize)> {
    (0..12).map(move |bucket: u32| {
        let (from, to) = (f64::from(bucket) * SHORT / 10.0, f64::from(bucket + 1) * SHORT / 10.0);
        let is_last = bucket == 11;
        let within = |verdict| {
            let seconds = storm.seconds(Some(verdict)).into_iter();
            seconds.filter(|time| *time >= from && (is_last || *time < to)).count()
        };
        let title = if is_last {
            format!("{from:.1} s and later")
        } else {
            format!("{from:.1}–{to:.1} s")
        };
        (title, within(Verdict::Yes), within(Verdict::CannotTell))
    })
}

pub(super) fn histogram(overload: &Storm) -> Table {
    Table {
        title: format!("**When the answers of the overload (c) came; {}**", overload.way.title()),
        head: vec!["after", "yes", "cannot tell"],
        rows: buckets(overload)
            .map(|(title, yes, cannot_tell)| vec![title, yes.to_string(), cannot_tell.to_string()])
            .collect(),
    }
}

pub(super) fn picture(overload: &Storm) -> String {
    let rows: Vec<_> = buckets(overload).collect();
    Bars {
        title: "Overload with 1 s to answer: how many answers came when",
        kinds: vec!["yes", "cannot tell"],
        rows: rows
            .iter()
            .map(|(title, yes, no)| (title.as_str(), vec![float(*yes), float(*no)]))
            .collect(),
    }
    .to_svg()
}
