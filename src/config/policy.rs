//! `[throttle]` and `[cache]`: what is remembered between requests.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::file::Table;
use super::keys::memory as keys;
use super::keys::top::{CACHE_TABLE, THROTTLE_TABLE};
use crate::policy::cache::{CacheSettings, Mode};
use crate::policy::guard::{Budget, GuardSettings};

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
        let cache = top.table(&CACHE_TABLE);
        let accounts = cache.get_or_default(&keys::ACCOUNTS);
        Self {
            guard: read_guard(&top.table(&THROTTLE_TABLE), accounts),
            cache: read_cache(&cache, accounts),
            dn_ttl: cache.get(&keys::DN_TTL),
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

fn read_guard(table: &Table<'_>, accounts: NonZeroUsize) -> Option<GuardSettings> {
    let settings = GuardSettings {
        account: Budget {
            failures: table.get_or_default(&keys::FAILURES_OF_ACCOUNT),
            within: table.get_or_default(&keys::WITHIN),
            first_wait: table.get_or_default(&keys::FIRST_WAIT),
            longest_wait: table.get_or_default(&keys::LONGEST_WAIT),
        },
        domain: Budget {
            failures: table.get_or_default(&keys::DOMAIN_FAILURES),
            within: table.get_or_default(&keys::DOMAIN_WITHIN),
            first_wait: table.get_or_default(&keys::DOMAIN_FIRST_WAIT),
            longest_wait: table.get_or_default(&keys::DOMAIN_LONGEST_WAIT),
        },
        remember_wrong: table.get_or_default(&keys::REMEMBER_WRONG),
        accounts,
    };
    table.get_or_default(&keys::ENABLED).then_some(settings)
}

fn read_cache(table: &Table<'_>, accounts: NonZeroUsize) -> Option<CacheSettings> {
    let good_for = table.get(&keys::GOOD_FOR);
    let Some(mode) = table.get_or_default(&keys::MODE) else {
        if good_for.is_some() {
            let text = "nothing is remembered while mode is \"off\": write mode, or leave it out";
            table.remark_at(&keys::GOOD_FOR, text);
        }
        return None;
    };
    let default = match mode {
        Mode::Ttl => Duration::from_secs(5 * 60),
        Mode::StaleIfUnavailable => Duration::from_secs(12 * 60 * 60),
    };
    Some(CacheSettings { mode, good_for: good_for.unwrap_or(default), accounts })
}
