//! At how many wrong passwords a directory locks an account, and what that leaves for the guard.

use std::time::Duration;

use crate::directory::inspect::report::{Grade, Report};
use crate::directory::inspect::view::{UnansweredSearch, View};
use crate::directory::message::entry::Entry;
use crate::directory::message::{Filter, Query, Scope};
use crate::directory::names::time::windows_span;
use crate::policy::guard::{Budget, GuardSettings, LONGEST_WITHIN};

/// The kinds of entries in which products keep password policies that may stand anywhere.
const POLICIES: [&str; 3] = ["pwdPolicy", "krbPwdPolicy", "msDS-PasswordSettings"];

/// The attributes of each product: whether it locks at all, at how many failures, and for how long a
/// failure counts.
const SCHEMAS: [[&str; 3]; 5] = [
    ["", "lockoutThreshold", "lockOutObservationWindow"],
    ["", "msDS-LockoutThreshold", "msDS-LockoutObservationWindow"],
    ["pwdLockout", "pwdMaxFailure", "pwdFailureCountInterval"],
    ["passwordLockout", "passwordMaxFailure", "passwordResetFailureCount"],
    ["", "krbPwdMaxFailure", "krbPwdFailureCountInterval"],
];

/// A rule of the directory.
#[derive(Debug, PartialEq, Eq)]
struct LockoutRule {
    /// The entry in which it stands.
    source: String,
    /// The failure that locks; none if no number does.
    threshold: Option<u32>,
    /// For how long a failure counts; none if it does until a sign-in succeeds.
    window: Option<Duration>,
}

impl LockoutRule {
    fn read(entry: &Entry) -> Option<Self> {
        SCHEMAS.iter().find_map(|[lockout, max_failure, interval]| {
            let number: u32 = entry.text(max_failure)?.parse().ok()?;
            let is_off = ["FALSE", "off"].iter().any(|off| entry.has(lockout, off));
            let is_unset = *lockout == "pwdLockout" && entry.text(lockout).is_none();
            let window = entry.text(interval).and_then(|window| match window.starts_with('-') {
                true => windows_span(window.parse().ok()?),
                false => window.parse().ok().map(Duration::from_secs),
            });
            Some(Self {
                source: entry.dn.clone(),
                threshold: Some(number).filter(|number| *number > 0 && !is_off && !is_unset),
                window: window.filter(|window| !window.is_zero()),
            })
        })
    }

    /// What the rule comes to beside the guard's, and whether the guard can keep accounts from being
    /// locked.
    fn judge(&self, guard: Option<&GuardSettings>) -> (bool, String) {
        let source = &self.source;
        let Some(threshold) = self.threshold else {
            return (true, format!("{source}: no number of wrong passwords locks an account"));
        };
        let shown = |window: Duration| humantime::format_duration(window).to_string();
        // A longer one is as good as none: nobody waits for its end.
        let window = self.window.filter(|window| *window <= LONGEST_WITHIN);
        let rule = format!(
            "{source}: {threshold} wrong passwords {} lock an account",
            window.map_or_else(
                || "without a sign-in between, however seldom,".to_owned(),
                |window| format!("within {}", shown(window))
            )
        );
        let Some(GuardSettings { account: Budget { failures, within }, .. }) = guard else {
            return (false, format!("{rule}, and [throttle] is off"));
        };
        let processes = (threshold - 1) / failures;
        let room = match processes {
            0 if threshold == 1 => "no guard can prevent that".to_owned(),
            0 => {
                format!("write throttle.failures = {} or less, and have one process", threshold - 1)
            }
            1 => format!("throttle.failures = {failures} leaves room for 1 process and no more"),
            _ => format!(
                "throttle.failures = {failures} leaves room for {processes} processes in all"
            ),
        };
        let too_short = match window {
            None => Some(
                "; no throttle.within is as long: who guesses on and on locks the account in the end".to_owned(),
            ),
            Some(window) if window > *within => {
                Some(format!("; write throttle.within = {:?} or more", shown(window)))
            }
            Some(_) => None,
        };
        let is_good = processes > 0 && too_short.is_none();
        (is_good, format!("{rule}; {room}{}", too_short.unwrap_or_default()))
    }
}

pub(super) async fn look(
    view: &View,
    guard: Option<&GuardSettings>,
    report: &mut Report,
) -> Result<(), UnansweredSearch> {
    let rules = read_rules(view).await?;
    if rules.is_empty() {
        let text =
            "the service account may not read at how many wrong passwords an account is locked";
        report.note(Grade::Good, "lock-out", text);
    }
    for rule in rules {
        let (is_good, text) = rule.judge(guard);
        report.note(if is_good { Grade::Good } else { Grade::Odd }, "lock-out", text);
    }
    Ok(())
}

/// The rules that the service account may read.
async fn read_rules(view: &View) -> Result<Vec<LockoutRule>, UnansweredSearch> {
    let root_dse = &view.root_dse;
    let attributes = SCHEMAS.concat();
    let attributes: Vec<&str> = attributes.into_iter().filter(|name| !name.is_empty()).collect();
    let is_policy = POLICIES.map(|class| Filter::equality("objectClass", class.as_bytes()));
    let is_policy = Filter::or(&is_policy);
    let below = |base| Query {
        scope: Scope::Subtree,
        filter: &is_policy,
        at_most: None,
        ..Query::entry(base, &attributes)
    };
    let (single, bases): (_, Vec<&str>) = match root_dse.text("defaultNamingContext") {
        Some(head) if root_dse.is_active_directory() => (head, vec![head]),
        _ => ("cn=config", root_dse.texts("namingContexts").filter(|dn| !dn.is_empty()).collect()),
    };
    let queries = bases.into_iter().map(below).chain([Query::entry(single, &attributes)]);
    let mut rules = Vec::new();
    for query in queries {
        // What may not be read is no rule, and no fault either.
        let found = view.search(&query).await?;
        rules.extend(found.entries.iter().filter_map(LockoutRule::read));
    }
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn read(attributes: &[(&str, &str)]) -> Option<LockoutRule> {
        let attributes = attributes
            .iter()
            .map(|(name, value)| ((*name).to_owned(), vec![value.as_bytes().to_vec()]));
        LockoutRule::read(&Entry::new("dc=x", attributes.collect()))
    }

    fn rule(threshold: Option<u32>, window: Option<Duration>) -> LockoutRule {
        LockoutRule { source: "dc=x".to_owned(), threshold, window }
    }

    #[test]
    fn each_products_rule_is_read() {
        let half_an_hour = Some(30 * MINUTE);
        for (attributes, expected) in [
            (
                &[("lockoutThreshold", "5"), ("lockOutObservationWindow", "-18000000000")][..],
                Some(rule(Some(5), half_an_hour)),
            ),
            (
                &[("lockoutThreshold", "5"), ("lockOutObservationWindow", "-9223372036854775808")],
                Some(rule(Some(5), None)),
            ),
            (&[("lockoutThreshold", "0")], Some(rule(None, None))),
            (
                &[
                    ("pwdLockout", "TRUE"),
                    ("pwdMaxFailure", "5"),
                    ("pwdFailureCountInterval", "1800"),
                ],
                Some(rule(Some(5), half_an_hour)),
            ),
            (
                &[("pwdLockout", "TRUE"), ("pwdMaxFailure", "5"), ("pwdFailureCountInterval", "0")],
                Some(rule(Some(5), None)),
            ),
            (&[("pwdLockout", "TRUE"), ("pwdMaxFailure", "5")], Some(rule(Some(5), None))),
            (&[("pwdLockout", "FALSE"), ("pwdMaxFailure", "5")], Some(rule(None, None))),
            (&[("pwdMaxFailure", "5")], Some(rule(None, None))),
            (
                &[
                    ("passwordLockout", "on"),
                    ("passwordMaxFailure", "3"),
                    ("passwordResetFailureCount", "1800"),
                ],
                Some(rule(Some(3), half_an_hour)),
            ),
            (&[("passwordLockout", "off"), ("passwordMaxFailure", "3")], Some(rule(None, None))),
            (
                &[("krbPwdMaxFailure", "6"), ("krbPwdFailureCountInterval", "1800")],
                Some(rule(Some(6), half_an_hour)),
            ),
            (&[("lockoutThreshold", "many")], None),
            (&[("pwdLockout", "TRUE")], None),
            (&[], None),
        ] {
            assert_eq!(read(attributes), expected, "{attributes:?}");
        }
    }

    #[test]
    fn the_number_of_processes_is_what_stays_below_the_threshold() {
        for (threshold, failures, is_good, words) in [
            (3, 3, false, "failures = 2 or less"),
            (1, 1, false, "no guard can"),
            (4, 3, true, "for 1 process and no more"),
            (6, 3, true, "for 1 process and no more"),
            (7, 3, true, "for 2 processes"),
            (10, 1, true, "for 9 processes"),
        ] {
            let budget = Budget { failures, within: 60 * MINUTE };
            let guard = GuardSettings {
                account: budget,
                domain: budget,
                remember_wrong: MINUTE,
                accounts: NonZeroUsize::MIN,
            };
            let judge = |window| rule(Some(threshold), window).judge(Some(&guard));
            let (good, text) = judge(Some(30 * MINUTE));
            assert_eq!(good, is_good, "{text}");
            assert!(text.contains(words), "{text}");
            let (good, text) = judge(Some(61 * MINUTE));
            assert!(!good && text.contains("throttle.within = \"1h 1m\""), "{text}");
            let (good, text) = judge(Some(LONGEST_WITHIN));
            let advised = text.split('"').nth(1).map(humantime::parse_duration);
            assert!(!good && advised == Some(Ok(LONGEST_WITHIN)), "{text}");
            for window in [None, Some(LONGEST_WITHIN + MINUTE), Some(Duration::MAX)] {
                let (good, text) = judge(window);
                assert!(!good && text.contains("in the end"), "{text}");
            }
        }
        assert!(rule(None, None).judge(None).0);
        assert!(!rule(Some(5), None).judge(None).0);
    }
}
