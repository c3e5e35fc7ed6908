//! What TLS costs: in lock-step on kept connections, and with a connection for each request.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};

use crate::drive;
use crate::extauth::Extauth;
use crate::figures::{Figures, Load, Work};
use crate::kernel::Usage;
use crate::libldap::{Manner, Program};
use crate::report::{Bound, Section, Table, Target, number};
use crate::site::{Security, Setting, Site};

/// Ours and libldap's figures of the rounds.
#[derive(Default)]
struct Rounds {
    ours: Vec<Figures>,
    libldap: Vec<Figures>,
}

impl Rounds {
    fn medians(&self) -> [Figures; 2] {
        [Figures::median(&self.ours), Figures::median(&self.libldap)]
    }
}

/// Measures both, for each kind of connection.
pub fn measure(
    site: &Site,
    libldap: &Program,
    rounds: usize,
    lasting: Duration,
) -> Result<Section> {
    let mut kept: [Rounds; 3] = Default::default();
    let mut fresh: [Rounds; 3] = Default::default();
    let kept_load = Load { work: Work::SearchBind, in_flight: 1, lasting, users: site.users };
    let fresh_load = Load { work: Work::Bind, ..kept_load };
    for _ in 0..rounds {
        for ((security, kept), fresh) in Security::ALL.into_iter().zip(&mut kept).zip(&mut fresh) {
            kept.ours.push(ours_kept(site, security, &kept_load)?);
            kept.libldap.push(libldap.run(site, security, Manner::Threads, &kept_load)?);
            fresh.ours.push(ours_fresh(site, security, &fresh_load)?);
            fresh.libldap.push(libldap.connect(site, security, &fresh_load)?);
        }
    }
    let (kept, fresh) = (kept.map(|rounds| rounds.medians()), fresh.map(|rounds| rounds.medians()));
    Ok(Section {
        title: "TLS",
        tables: vec![
            table("**auth by search and bind, lock-step, on kept connections**", &kept),
            table("**a connection and a bind on it, for each request**", &fresh),
        ],
        targets: targets(&kept, &fresh),
        pictures: Vec::new(),
        figures: json!({ "kept": to_json(&kept), "fresh": to_json(&fresh) }),
    })
}

fn start(site: &Site, security: Security, pool: &str, work: Work) -> Result<[Extauth; 1]> {
    let setting = Setting { security, pool, ..Setting::of(work) };
    Ok([site.start_binary(&site.configure("encryption", &setting)?)?])
}

fn ours_kept(site: &Site, security: Security, load: &Load) -> Result<Figures> {
    let mut binary = start(site, security, "", load.work)?;
    let id = binary.each_ref().map(Extauth::id);
    drive::measure(&mut binary, 1, load, || Usage::of(id))
}

/// A connection that is past its lifetime when it is wanted is replaced. So that each is, requests
/// come at that distance; their rate says nothing.
fn ours_fresh(site: &Site, security: Security, load: &Load) -> Result<Figures> {
    let mut binary = start(site, security, "lifetime = \"10ms\"", load.work)?;
    let id = binary.each_ref().map(Extauth::id);
    let mut requests = load.requests();
    let before = Usage::of(id)?;
    let started = Instant::now();
    let answers = drive::drive(&mut binary, 1, |_| {
        sleep(Duration::from_millis(12));
        if started.elapsed() < load.lasting { requests.next() } else { None }
    })?;
    let after = Usage::of(id)?;
    drive::expect_yes(&answers)?;
    let used = after.processor.saturating_sub(before.processor);
    let figures = Figures::of(&answers, started.elapsed(), used, after.memory);
    Ok(Figures { rate: f64::NAN, ..figures })
}

fn table(title: &str, figures: &[[Figures; 2]; 3]) -> Table {
    let rows = Security::ALL.iter().zip(figures).flat_map(|(security, both)| {
        ["xmpp-ldap-auth", "libldap"].iter().zip(both).map(move |(name, figures)| {
            let numbers = [figures.p50, figures.p99, figures.rate, figures.processor].map(number);
            std::iter::once(format!("{name}, {}", security.title())).chain(numbers).collect()
        })
    });
    Table {
        title: title.to_owned(),
        head: vec!["", "p50 µs", "p99 µs", "requests/s", "CPU µs"],
        rows: rows.collect(),
    }
}

fn targets(kept: &[[Figures; 2]; 3], fresh: &[[Figures; 2]; 3]) -> Vec<Target> {
    let [[ours, libldap], [ours_start, libldap_start], [ours_ldaps, libldap_ldaps]] = kept;
    let [_, _, [fresh_ours, fresh_libldap]] = fresh;
    let more = |with: &Figures, without: &Figures| with.p50 - without.p50;
    let cost = |security: Security, with: &Figures, theirs: &Figures| Target {
        what: format!("{}: µs more for an auth in lock-step", security.title()),
        value: more(with, ours),
        bound: Bound::AtMost(20.0),
        reason: format!(
            "slapd's own share included; libldap's is {}",
            number(more(theirs, libldap))
        ),
    };
    vec![
        cost(Security::StartTls, ours_start, libldap_start),
        cost(Security::Ldaps, ours_ldaps, libldap_ldaps),
        Target {
            what: "LDAPS: µs for a new connection with its bind".to_owned(),
            value: fresh_ours.p50,
            bound: Bound::AtMost(3000.0),
            reason: format!("libldap's is {}", number(fresh_libldap.p50)),
        },
    ]
}

fn to_json(figures: &[[Figures; 2]; 3]) -> Value {
    let rows = Security::ALL.iter().zip(figures).map(|(security, [ours, libldap])| {
        json!({
            "connection": security.title(),
            "ours": ours.to_json(),
            "libldap": libldap.to_json(),
        })
    });
    rows.collect()
}
