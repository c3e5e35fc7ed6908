//! What sixteen processes have in common behind one daemon: connections, memory and the guard.

use anyhow::{Result, ensure};
use ldap_fixtures::slapd::{Options, PASSWORD};
use serde_json::{Value, json};

use crate::daemon::Daemon;
use crate::drive::{Request, Verb, Verdict, drive, expect_yes};
use crate::extauth::Extauth;
use crate::figures::{Work, float};
use crate::kernel::{connections_to, proportional};
use crate::report::{Bound, Section, Table, Target, number};
use crate::site::{Setting, Site, user_dn};

const PROCESSES: usize = 16;

/// How many wrong passwords are tried, each once.
const GUESSES: usize = 20 * PROCESSES;

/// How many of them a guard lets through: what `failures` is, if nothing else is said.
const FAILURES: usize = 3;

/// Beside those of the pool, a daemon has so many connections: for searches, and one to spare.
const OTHERS: usize = 5;

/// Sixteen processes, and the daemon behind them.
struct Processes {
    daemon: Option<Daemon>,
    lanes: Vec<Extauth>,
}

/// What they needed.
struct Need {
    title: String,
    /// The `pool.size` of the daemon, if there is one.
    pool: Option<usize>,
    connections: usize,
    /// Proportional memory of all, in MiB.
    memory: f64,
    guesses: Guesses,
}

/// What came of guesses at one password.
struct Guesses {
    /// How many reached the directory.
    binds: usize,
    /// Whether it has locked the account.
    locks: bool,
}

/// Measures them by themselves, and behind daemons.
pub fn measure(site: &Site) -> Result<Section> {
    let needs = [None, Some(8), Some(16)].map(|pool| need(site, pool));
    let needs: Vec<Need> = needs.into_iter().collect::<Result<_>>()?;
    let row = |need: &Need| {
        vec![
            need.title.clone(),
            need.connections.to_string(),
            number(need.memory),
            need.guesses.binds.to_string(),
            if need.guesses.locks { "yes" } else { "no" }.to_owned(),
        ]
    };
    Ok(Section {
        title: "One daemon for sixteen processes",
        tables: vec![Table {
            title: format!(
                "**After an `auth` of each of {} users; and {GUESSES} wrong passwords for another**",
                site.users
            ),
            head: vec![
                "",
                "connections",
                "MiB, proportional",
                "guesses at the directory",
                "account locked",
            ],
            rows: needs.iter().map(row).collect(),
        }],
        targets: targets(&needs),
        pictures: Vec::new(),
        figures: needs.iter().map(Need::to_json).collect(),
    })
}

fn need(site: &Site, pool: Option<usize>) -> Result<Need> {
    let mut processes = Processes::start(site, "sharing", pool)?;
    let mut users = (1..=site.users).map(|user| Request { verb: Verb::Auth, user });
    expect_yes(&drive(&mut processes.lanes, 1, |_| users.next())?)?;
    let connections = connections_to(site.slapd.address())?;
    let memory = processes.ids().map(proportional).sum::<Result<f64>>()?;
    Ok(Need {
        title: match pool {
            None => format!("{PROCESSES} processes"),
            Some(size) => format!("a daemon with pool.size = {size}, and {PROCESSES} relays"),
        },
        pool,
        connections,
        memory,
        guesses: guesses(pool)?,
    })
}

/// All processes guess at one password at once, which nobody may do more than a few times.
fn guesses(pool: Option<usize>) -> Result<Guesses> {
    let site = Site::start(Options { users: 1, ..Options::default() }, 1)?;
    let mut processes = Processes::start(&site, "guesses", pool)?;
    let mut guesses = (0..GUESSES).map(|_| Request { verb: Verb::Guess, user: 1 });
    let answers = drive(&mut processes.lanes, 1, |_| guesses.next())?;
    ensure!(answers.iter().all(|answer| answer.verdict != Verdict::Yes), "a guess was right");
    let dn = user_dn("user00001");
    Ok(Guesses { binds: site.slapd.binds(&dn), locks: !site.slapd.accepts(&dn, PASSWORD)? })
}

impl Processes {
    fn start(site: &Site, name: &str, pool: Option<usize>) -> Result<Self> {
        let pool_lines = pool.map(|size| format!("size = {size}")).unwrap_or_default();
        let name = format!("{name}-{pool:?}");
        let setting = Setting { pool: &pool_lines, ..Setting::of(Work::SearchBind) };
        let config = site.configure(&name, &setting)?;
        let daemon = pool.map(|_| Daemon::start(site, &name, &config)).transpose()?;
        let config = daemon.as_ref().map_or(Ok(config), |daemon| daemon.configure_relays(""))?;
        let lanes = (0..PROCESSES).map(|_| site.start_binary(&config)).collect::<Result<_>>()?;
        Ok(Self { daemon, lanes })
    }

    fn ids(&self) -> impl Iterator<Item = u32> {
        self.lanes.iter().map(Extauth::id).chain(self.daemon.as_ref().map(Daemon::id))
    }
}

impl Need {
    fn to_json(&self) -> Value {
        json!({
            "processes": self.title,
            "connections": self.connections,
            "proportional_memory_mib": self.memory,
            "guesses_at_the_directory": self.guesses.binds,
            "account_locked": self.guesses.locks,
        })
    }
}

fn targets(needs: &[Need]) -> Vec<Target> {
    let [alone, shared @ ..] = needs else { return Vec::new() };
    let of = |need: &Need| {
        let pool = need.pool.unwrap_or_default();
        [
            Target {
                what: format!("pool.size = {pool}: connections at the directory"),
                value: float(need.connections),
                bound: Bound::AtMost(float(pool + OTHERS)),
                reason: format!("{PROCESSES} processes have {}", alone.connections),
            },
            Target {
                what: format!("pool.size = {pool}: memory / that of {PROCESSES} processes"),
                value: need.memory / alone.memory,
                bound: Bound::AtMost(1.0 / 3.0),
                reason: format!("{} MiB to {} MiB", number(need.memory), number(alone.memory)),
            },
            Target {
                what: format!("pool.size = {pool}: guesses that reach the directory"),
                value: float(need.guesses.binds),
                bound: Bound::AtMost(float(FAILURES)),
                reason: format!(
                    "{PROCESSES} processes let {} of {GUESSES} through",
                    alone.guesses.binds
                ),
            },
        ]
    };
    shared.iter().flat_map(of).collect()
}
