//! `[throttle]` and `[cache]`: what is remembered between requests.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::file::Table;
use super::rules::named;
use crate::policy::cache::{CacheSettings, Mode};
use crate::policy::guard::{Budget, GuardSettings};

const MINUTE: Duration = Duration::from_secs(60);

/// How many accounts are remembered, unless the file says otherwise.
const ACCOUNTS: usize = 10_000;

/// What the file says about memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The lock-out guard, unless it is off.
    pub guard: Option<GuardSettings>,
    /// The credential cache, if it is on.
    pub cache: Option<CacheSettings>,
    /// How long the DN of an account is remembered, if it is.
    pub dn_ttl: Option<Duration>,
    /// How many accounts are remembered by each of these.
    pub accounts: NonZeroUsize,
}

impl Policy {
    pub(super) fn read(top: &Table<'_>) -> Self {
        let accounts = NonZeroUsize::new(ACCOUNTS).unwrap_or(NonZeroUsize::MIN);
        let cache_table = top.table("cache");
        let accounts = cache_table
            .count("accounts", 1..=1_000_000)
            .and_then(NonZeroUsize::new)
            .unwrap_or(accounts);
        Self {
            guard: read_guard(top.table("throttle"), accounts),
            dn_ttl: cache_table.duration("dn_ttl"),
            cache: read_cache(cache_table, accounts),
            accounts,
        }
    }

    /// The effective values by their keys.
    pub fn describe(&self) -> Vec<(&'static str, String)> {
        let budget = |budget: &Budget| {
            format!(
                "{} wrong passwords at once and in each {:?}, then {:?} doubling to {:?}",
                budget.failures, budget.within, budget.first_wait, budget.longest_wait
            )
        };
        let mut lines = match &self.guard {
            None => vec![("throttle", "off".to_owned())],
            Some(guard) => vec![
                ("throttle", budget(&guard.account)),
                ("throttle.domain", budget(&guard.domain)),
                ("throttle.remember_wrong", format!("{:?}", guard.remember_wrong)),
            ],
        };
        lines.push(match &self.cache {
            None => ("cache", "off".to_owned()),
            Some(cache) => {
                let mode = Mode::ALL.iter().find(|(_, mode)| *mode == cache.mode);
                let mode = mode.map_or("", |(name, _)| name);
                ("cache", format!("{mode}, for {:?}", cache.good_for))
            }
        });
        lines.extend(self.dn_ttl.map(|ttl| ("cache.dn_ttl", format!("{ttl:?}"))));
        lines
    }
}

fn read_guard(table: Table<'_>, accounts: NonZeroUsize) -> Option<GuardSettings> {
    let is_on = table.flag_or("enabled", true);
    let count = |key, default| {
        let count = table.count(key, 1..=100_000).and_then(|count| u32::try_from(count).ok());
        count.unwrap_or(default)
    };
    let settings = GuardSettings {
        account: Budget {
            failures: count("failures", 3),
            within: table.duration("within").unwrap_or(60 * MINUTE),
            first_wait: table.duration("first_wait").unwrap_or(MINUTE),
            longest_wait: table.duration("longest_wait").unwrap_or(30 * MINUTE),
        },
        domain: Budget {
            failures: count("domain_failures", 300),
            within: table.duration("domain_within").unwrap_or(5 * MINUTE),
            first_wait: table.duration("domain_first_wait").unwrap_or(Duration::from_secs(1)),
            longest_wait: table.duration("domain_longest_wait").unwrap_or(MINUTE),
        },
        remember_wrong: table.duration("remember_wrong").unwrap_or(10 * MINUTE),
        accounts,
    };
    table.finish();
    is_on.then_some(settings)
}

fn read_cache(table: Table<'_>, accounts: NonZeroUsize) -> Option<CacheSettings> {
    let mode = table.parsed("mode", |name| match name {
        "off" => Ok(None),
        name => named(&Mode::ALL, name).map(Some).map_err(|text| format!("{text}, \"off\"")),
    });
    let good_for = table.duration("good_for");
    table.finish();
    let mode = mode??;
    let default = match mode {
        Mode::Ttl => 5 * MINUTE,
        Mode::StaleIfUnavailable => 12 * 60 * MINUTE,
    };
    Some(CacheSettings { mode, good_for: good_for.unwrap_or(default), accounts })
}
