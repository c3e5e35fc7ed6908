//! What the rates mean: tables, targets and pictures.

use serde_json::{Value, json};

use crate::contender::{CONTENDERS, NATIVE, OURS, OURS_EACH, PIPELINED, RELAYED, RIVALS, THREADS};
use crate::figures::{Figures, Work};
use crate::plot::{Bars, Lines};
use crate::rates::{Outcome, Rates, SCENES};
use crate::report::{Bound, Section, Table, Target, number};

/// The section of the rates.
pub fn section(rates: &Rates) -> Section {
    Section {
        title: "Rates, latencies and processor time",
        tables: SCENES.iter().map(|scene| table(rates, *scene)).collect(),
        targets: targets(rates),
        pictures: vec![
            ("rate.svg", rate_picture(rates)),
            ("latency.svg", latency_picture(rates)),
            ("processor.svg", processor_picture(rates)),
        ],
        figures: figures(rates),
    }
}

fn figures(rates: &Rates) -> Value {
    let outcomes = rates.outcomes.iter().map(|outcome| {
        json!({
            "work": outcome.scene.0.title(),
            "in_flight": outcome.scene.1,
            "contender": outcome.name,
            "setting": outcome.setting,
            "figures": outcome.figures.to_json(),
        })
    });
    json!({
        "outcomes": outcomes.collect::<Vec<_>>(),
        "without_directory_p50_us": rates.without_directory,
        "without_directory_between_two_cats_p50_us": rates.passed_on,
    })
}

fn table(rates: &Rates, (work, in_flight): (Work, usize)) -> Table {
    let limit = best_libldap(rates, (work, in_flight));
    let row = |outcome: &Outcome| {
        let figures = &outcome.figures;
        let name = if outcome.setting.is_empty() {
            outcome.name.to_owned()
        } else {
            format!("{} ({})", outcome.name, outcome.setting)
        };
        let numbers = [
            figures.p50,
            figures.p99,
            figures.rate,
            figures.processor,
            figures.memory,
            figures.directory,
            limit.map_or(f64::NAN, |limit| figures.p50 / limit.p50),
            limit.map_or(f64::NAN, |limit| figures.rate / limit.rate),
        ];
        std::iter::once(name).chain(numbers.map(number)).collect()
    };
    Table {
        title: format!("**{}, {in_flight} in flight**", work.title()),
        head: vec![
            "",
            "p50 µs",
            "p99 µs",
            "requests/s",
            "CPU µs",
            "MiB",
            "slapd's CPU µs",
            "p50 / libldap",
            "rate / libldap",
        ],
        rows: rates.scene((work, in_flight)).map(row).collect(),
    }
}

/// libldap in the manner that has the better rate there.
fn best_libldap(rates: &Rates, scene: (Work, usize)) -> Option<&Figures> {
    let both = [THREADS, PIPELINED].into_iter().filter_map(|name| rates.figures(scene, name));
    both.max_by(|a, b| a.rate.total_cmp(&b.rate))
}

fn targets(rates: &Rates) -> Vec<Target> {
    let mut targets = Vec::new();
    for (work, bound) in [(Work::SearchBind, 1.25), (Work::Bind, 1.35)] {
        targets.extend(lock_step(rates, work, bound));
    }
    let both = (Work::SearchBind, 16);
    targets.extend(rate(rates, OURS, both, best_libldap(rates, both), "libldap's best"));
    let pipelined = (Work::Search, 64);
    let limit = rates.figures(pipelined, PIPELINED);
    targets.extend(rate(rates, OURS, pipelined, limit, "libldap's on one connection"));
    for scene in [(Work::SearchBind, 1), (Work::Bind, 1), both] {
        targets.extend(processor(rates, scene));
    }
    targets.extend(daemon(rates).into_iter().flatten());
    for rival in RIVALS {
        for work in Work::ALL {
            targets.extend(rivalry(rates, rival, work).into_iter().flatten());
        }
    }
    targets
}

fn lock_step(rates: &Rates, work: Work, bound: f64) -> Option<Target> {
    let (ours, limit) = (rates.figures((work, 1), OURS)?, rates.figures((work, 1), THREADS)?);
    Some(Target {
        what: format!("{}, lock-step: p50 / libldap's", work.title()),
        value: ours.p50 / limit.p50,
        bound: Bound::AtMost(bound),
        reason: format!(
            "{} µs to {} µs; a reply that needs no directory takes {} µs, for the pipes alone",
            number(ours.p50),
            number(limit.p50),
            number(rates.without_directory)
        ),
    })
}

fn rate(
    rates: &Rates,
    name: &str,
    scene: (Work, usize),
    limit: Option<&Figures>,
    whose: &str,
) -> Option<Target> {
    let (ours, limit) = (rates.figures(scene, name)?, limit?);
    Some(Target {
        what: format!("{name}: {}, {} in flight: rate / {whose}", scene.0.title(), scene.1),
        value: ours.rate / limit.rate,
        bound: Bound::AtLeast(0.95),
        reason: format!(
            "{} to {} a second; a request costs {} µs here, {} µs there, {} µs in slapd, and {} µs \
             in the load generator, which libldap does without",
            number(ours.rate),
            number(limit.rate),
            number(ours.processor),
            number(limit.processor),
            number(ours.directory),
            number(ours.generator)
        ),
    })
}

fn processor(rates: &Rates, scene: (Work, usize)) -> Option<Target> {
    let (ours, limit) = (rates.figures(scene, OURS)?, best_libldap(rates, scene)?);
    Some(Target {
        what: format!("{}, {} in flight: CPU / libldap's", scene.0.title(), scene.1),
        value: ours.processor / limit.processor,
        bound: Bound::AtMost(1.5),
        reason: format!("{} µs to {} µs", number(ours.processor), number(limit.processor)),
    })
}

/// What it takes to ask a daemon, and what it brings.
fn daemon(rates: &Rates) -> Option<Vec<Target>> {
    let (alone, both) = ((Work::SearchBind, 1), (Work::SearchBind, 16));
    let (hop, child) = (rates.figures(alone, RELAYED)?, rates.figures(alone, OURS)?);
    let (relays, children) = (rates.figures(both, RELAYED)?, rates.figures(both, OURS_EACH)?);
    let mut targets = vec![
        Target {
            what: "a relay, lock-step: µs of p50 more than without a daemon".to_owned(),
            value: hop.p50 - child.p50,
            bound: Bound::AtMost(20.0),
            reason: format!(
                "{} µs to {} µs; two `cat`s that only pass bytes on, one each way, take {} µs",
                number(hop.p50),
                number(child.p50),
                number(rates.passed_on - rates.without_directory)
            ),
        },
        Target {
            what: "16 relays: rate / that of 16 processes".to_owned(),
            value: relays.rate / children.rate,
            bound: Bound::AtLeast(1.0),
            reason: format!("{} to {} a second", number(relays.rate), number(children.rate)),
        },
        Target {
            what: "16 relays: CPU / that of 16 processes".to_owned(),
            value: relays.processor / children.processor,
            bound: Bound::AtMost(1.0),
            reason: format!(
                "{} µs to {} µs; slapd uses {} µs and {} µs",
                number(relays.processor),
                number(children.processor),
                number(relays.directory),
                number(children.directory)
            ),
        },
    ];
    let limit = best_libldap(rates, both);
    targets.extend(rate(rates, NATIVE, both, limit, "libldap's best"));
    Some(targets)
}

/// Throughput and processor time where each has its best rate.
fn rivalry(rates: &Rates, rival: &str, work: Work) -> Option<[Target; 2]> {
    let (ours, theirs) = (rates.best(work, OURS)?, rates.best(work, rival)?);
    let (we, they) = (&ours.figures, &theirs.figures);
    let where_best = format!("{} in flight to {} in flight", ours.scene.1, theirs.scene.1);
    Some([
        Target {
            what: format!("{}: rate / that of {rival}", work.title()),
            value: we.rate / they.rate,
            bound: Bound::AtLeast(3.0),
            reason: format!(
                "{} to {} a second, {where_best} ({}); slapd alone uses {} µs for each",
                number(we.rate),
                number(they.rate),
                theirs.setting,
                number(we.directory)
            ),
        },
        Target {
            what: format!("{}: CPU / that of {rival}", work.title()),
            value: we.processor / they.processor,
            bound: Bound::AtMost(1.0 / 3.0),
            reason: format!("{} µs to {} µs", number(we.processor), number(they.processor)),
        },
    ])
}

fn rate_picture(rates: &Rates) -> String {
    let counts: Vec<usize> = SCENES
        .iter()
        .filter(|(work, _)| *work == Work::SearchBind)
        .map(|(_, in_flight)| *in_flight)
        .collect();
    let series = CONTENDERS.into_iter().map(|name| {
        let at = |in_flight: &usize| {
            rates.figures((Work::SearchBind, *in_flight), name).map(|figures| figures.rate)
        };
        (name, counts.iter().map(at).collect())
    });
    Lines {
        title: "auth by search and bind: requests a second",
        across: "requests in flight",
        points: counts.iter().map(ToString::to_string).collect(),
        series: series.collect(),
    }
    .to_svg()
}

fn latency_picture(rates: &Rates) -> String {
    let rows = rates.scene((Work::SearchBind, 1));
    let rows = rows.map(|outcome| (outcome.name, vec![outcome.figures.p50, outcome.figures.p99]));
    Bars {
        title: "auth by search and bind, one after the other: µs to the answer",
        kinds: vec!["p50", "p99"],
        rows: rows.collect(),
    }
    .to_svg()
}

fn processor_picture(rates: &Rates) -> String {
    let at = |in_flight, name| {
        let figures = rates.figures((Work::SearchBind, in_flight), name);
        figures.map_or(f64::NAN, |figures| figures.processor)
    };
    Bars {
        title: "auth by search and bind: µs of processor time for each request",
        kinds: vec!["1 in flight", "16 in flight"],
        rows: CONTENDERS.into_iter().map(|name| (name, vec![at(1, name), at(16, name)])).collect(),
    }
    .to_svg()
}
