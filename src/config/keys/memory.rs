//! The keys of `[throttle]` and `[cache]`: what is remembered between requests.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::TableSpec;
use crate::config::value::{Count, Flag, Or, Span, Within, Word};
use crate::policy::cache::CacheMode;

const MINUTE: Duration = Duration::from_secs(60);
const TEN_THOUSAND: NonZeroUsize = NonZeroUsize::MIN.saturating_add(9_999);

const MODES: &[(&str, Option<CacheMode>)] = &[
    (CacheMode::Ttl.name(), Some(CacheMode::Ttl)),
    (CacheMode::StaleIfUnavailable.name(), Some(CacheMode::StaleIfUnavailable)),
    ("off", None),
];

/// `[throttle]`.
pub static THROTTLE: TableSpec =
    TableSpec { name: "throttle", groups: &[THROTTLE_KEYS], mistakes: &[] };

/// `[cache]`.
pub static CACHE: TableSpec = TableSpec { name: "cache", groups: &[CACHE_KEYS], mistakes: &[] };

keys! {
    /// The lock-out guard.
    THROTTLE_KEYS:

    /// whether accounts are guarded
    ENABLED = "enabled": Or<Flag> = Or(Flag, true);

    /// so many wrong passwords of an account reach the directory in any `within`, and no more
    FAILURES_OF_ACCOUNT = "failures": Or<Count<u32>> = Or(Count::within(1..=1000), 3);

    /// no shorter than the time for which the directory counts failures
    WITHIN = "within": Or<Within> = Or(Within, MINUTE.saturating_mul(60));

    /// so many wrong passwords in a domain make one loud line in the log
    DOMAIN_FAILURES = "domain_failures": Or<Count<u32>> = Or(Count::within(1..=100_000), 300);

    /// if they come in this time
    DOMAIN_WITHIN = "domain_within": Or<Span> = Or(Span, MINUTE.saturating_mul(5));

    /// the same wrong password is refused for so long without asking, if that is longer than `within`
    REMEMBER_WRONG = "remember_wrong": Within = Within, otherwise "`within`";
}

keys! {
    /// The credential cache, and the memory of DNs.
    CACHE_KEYS:

    /// when a password that was right counts
    MODE = "mode": Or<Word<Option<CacheMode>>> = Or(Word::of(MODES), None);

    /// for how long what was proved counts
    GOOD_FOR = "good_for": Span = Span, otherwise "5 min, 12 h by mode";

    /// for how long the DN of an account is remembered, which saves the search
    DN_TTL = "dn_ttl": Span = Span, otherwise "off";

    /// how many accounts each of these memories holds; the guard's of right passwords as well
    ACCOUNTS = "accounts": Or<Count<NonZeroUsize>> =
        Or(Count::within(1..=1_000_000), TEN_THOUSAND);
}
