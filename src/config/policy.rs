//! `[throttle]` and `[cache]`: what is remembered between requests.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::effective::Origin;
use super::keys::memory as keys;
use super::keys::top::{CACHE_TABLE, THROTTLE_TABLE};
use super::table::Table;
use crate::policy::cache::{CacheMode, CacheSettings};
use crate::policy::guard::{Budget, GuardSettings};
use crate::protocol::dialect::Dialect;

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

    /// What `caller` starts several processes for, each with a memory of its own.
    pub fn hints(&self, caller: Dialect) -> Vec<String> {
        let processes = match caller {
            Dialect::Prosody => "one for each host",
            Dialect::Ejabberd => "extauth_pool_size, or one a processor",
            Dialect::MongooseIm => "auth.external.instances",
            Dialect::Unnamed => return Vec::new(),
        };
        let mut hints = Vec::new();
        if let Some(GuardSettings { account: Budget { failures, within }, .. }) = &self.guard {
            hints.push(format!(
                "each process ({processes}) lets {failures} wrong passwords of an account (throttle.failures) through in any {}: keep processes × {failures} below the number at which the directory locks, which `probe` shows",
                humantime::format_duration(*within)
            ));
        }
        let has_memory = self.guard.is_some() || self.cache.is_some();
        if caller == Dialect::Ejabberd && has_memory {
            hints.push(
                "a password of more than 65,000 bytes ends a process, and with it what its guard and cache remember: set max_stanza_size: 65536 for c2s listeners".to_owned(),
            );
        }
        if let Some(CacheSettings { good_for, .. }) = &self.cache {
            hints.push(format!(
                "the cache is each process's own: a password that is changed by setpass in one may be right in the others for up to {}",
                humantime::format_duration(*good_for)
            ));
        }
        hints
    }

    /// What a daemon, which has one guard for whoever asks, lets through.
    pub fn daemon_hint(&self) -> Option<String> {
        let Budget { failures, within } = self.guard?.account;
        let within = humantime::format_duration(within);
        Some(format!(
            "the daemon lets {failures} wrong passwords of an account (throttle.failures) through in any {within}, whoever asks: keep that below the number at which the directory locks, which `probe` shows"
        ))
    }
}

fn read_guard(table: &Table<'_>, accounts: NonZeroUsize) -> Option<GuardSettings> {
    let within = table.get_or_default(&keys::WITHIN);
    let settings = GuardSettings {
        account: Budget { failures: table.get_or_default(&keys::FAILURES_OF_ACCOUNT), within },
        domain: Budget {
            failures: table.get_or_default(&keys::DOMAIN_FAILURES),
            within: table.get_or_default(&keys::DOMAIN_WITHIN),
        },
        remember_wrong: table
            .get(&keys::REMEMBER_WRONG)
            .filter(|written| *written > within)
            .unwrap_or_else(|| table.stand_in(&keys::REMEMBER_WRONG, within, Origin::Default)),
        accounts,
    };
    table.get_or_default(&keys::ENABLED).then_some(settings)
}

fn read_cache(table: &Table<'_>, accounts: NonZeroUsize) -> Option<CacheSettings> {
    let Some(mode) = table.get_or_default(&keys::MODE) else {
        if table.get(&keys::GOOD_FOR).is_some() {
            let text = "nothing is remembered while mode is \"off\": write mode, or leave it out";
            table.remark(&keys::GOOD_FOR, text);
        }
        return None;
    };
    let default = match mode {
        CacheMode::Ttl => Duration::from_secs(5 * 60),
        CacheMode::StaleIfUnavailable => Duration::from_secs(12 * 60 * 60),
    };
    Some(CacheSettings { mode, good_for: table.get_or(&keys::GOOD_FOR, default), accounts })
}
