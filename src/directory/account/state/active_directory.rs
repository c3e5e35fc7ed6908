//! The state of an account in Active Directory, Microsoft's or Samba's (MS-ADTS, sections 2.2.16, for
//! flags, and 3.1.1.4.5.17, for computed flags).

use std::time::SystemTime;

use super::fault::StateFault;
use crate::directory::message::entry::Entry;
use crate::directory::names::time::{Shown, windows_time};
use crate::verdict::Denial;

pub(super) const CONTROL: &str = "userAccountControl";

pub(super) const ATTRIBUTES: &[&str] = &[
    CONTROL,
    "msDS-User-Account-Control-Computed",
    "accountExpires",
    "lockoutTime",
    "pwdLastSet",
    "logonHours",
    "userWorkstations",
];

const DISABLED: u32 = 0x2;
const LOCKED_OUT: u32 = 0x10;
const PASSWORD_NEVER_EXPIRES: u32 = 0x1_0000;
const SMART_CARD_REQUIRED: u32 = 0x4_0000;
const PASSWORD_EXPIRED: u32 = 0x80_0000;

/// `accountExpires` of an account that never does (MS-ADA1, section 2.2).
const NEVER: u64 = 0x7fff_ffff_ffff_ffff;

pub(super) fn faults(entry: &Entry, now: SystemTime) -> Vec<StateFault> {
    let control = flags(entry, CONTROL).unwrap_or_default();
    let computed = flags(entry, "msDS-User-Account-Control-Computed");
    let mut faults = Vec::new();
    faults.extend(
        (control & DISABLED != 0).then(|| {
            StateFault::certain(Denial::AccountDisabled, "userAccountControl says disabled")
        }),
    );
    faults.extend(expired(entry, now));
    faults.extend(locked(entry, computed));
    faults.extend(stale(entry, control, computed));
    faults.extend((control & SMART_CARD_REQUIRED != 0).then(|| {
        StateFault::possible(
            Denial::LogonRestricted,
            "userAccountControl says that a smart card is required: nobody knows a password",
        )
    }));
    faults.extend(entry.text("userWorkstations").map(|_| {
        StateFault::possible(
            Denial::LogonRestricted,
            "userWorkstations restrict it to some workstations: the domain controller must be among them",
        )
    }));
    let hours = entry.values("logonHours").next();
    faults.extend(
        hours
            .filter(|hours| !may_log_on(hours, now))
            .map(|_| StateFault::certain(Denial::LogonHours, "logonHours forbid it at this hour")),
    );
    faults
}

/// Flags are written as signed numbers, and computed ones may have the highest bit.
fn flags(entry: &Entry, name: &str) -> Option<u32> {
    entry.text(name)?.parse::<i32>().ok().map(i32::cast_unsigned)
}

fn ticks(entry: &Entry, name: &str) -> Option<u64> {
    entry.text(name)?.parse().ok()
}

fn expired(entry: &Entry, now: SystemTime) -> Option<StateFault> {
    let ticks = ticks(entry, "accountExpires").filter(|ticks| !matches!(*ticks, 0 | NEVER))?;
    let expires = windows_time(ticks).filter(|expires| *expires <= now)?;
    let text = format!("accountExpires was {}", Shown(expires));
    Some(StateFault::certain(Denial::AccountExpired, text))
}

/// The computed flag says whether the lock-out still lasts. `lockoutTime` alone does not: it stays
/// set when the domain's lock-out duration is over.
fn locked(entry: &Entry, computed: Option<u32>) -> Option<StateFault> {
    let since = || ticks(entry, "lockoutTime");
    match computed {
        Some(flags) if flags & LOCKED_OUT != 0 => {
            let text = match since().and_then(windows_time) {
                Some(since) => format!("locked out since {}", Shown(since)),
                None => "locked out".to_owned(),
            };
            Some(StateFault::certain(Denial::AccountLocked, text))
        }
        Some(_) => None,
        None => since().is_some_and(|ticks| ticks != 0).then(|| {
            StateFault::possible(
                Denial::AccountLocked,
                "lockoutTime is set, unless the domain's lock-out duration is over",
            )
        }),
    }
}

fn stale(entry: &Entry, control: u32, computed: Option<u32>) -> Option<StateFault> {
    let must_change = || ticks(entry, "pwdLastSet") == Some(0);
    let is_stale = match computed {
        Some(flags) => flags & PASSWORD_EXPIRED != 0,
        None => control & PASSWORD_NEVER_EXPIRES == 0 && must_change(),
    };
    is_stale.then(|| match must_change() {
        true => StateFault::certain(Denial::MustChangePassword, "pwdLastSet is 0: must be changed"),
        false => StateFault::certain(Denial::PasswordExpired, "the password has expired"),
    })
}

/// 168 bits, one for each hour of the week from Sunday 00:00 UTC, the lowest bit of a byte first
/// (MS-SAMR, section 2.2.6.5).
fn may_log_on(hours: &[u8], now: SystemTime) -> bool {
    /// 1970 began on a Thursday.
    const HOURS_TO_THURSDAY: u64 = 4 * 24;
    if hours.len() != 21 {
        return true;
    }
    let since_1970 = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let hour = (since_1970 / 3600 + HOURS_TO_THURSDAY) % 168;
    let byte = usize::try_from(hour / 8).ok().and_then(|index| hours.get(index));
    byte.is_none_or(|byte| byte >> (hour % 8) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::directory::names::time::generalized_time;

    #[test]
    fn logon_hours_begin_on_sunday_in_utc() {
        let tuesday = generalized_time("20261124083000Z").unwrap();
        let mut hours = [0; 21];
        // Tuesday is the third day: its ninth hour is number 56, bit 0 of byte 7.
        hours[7] = 1;
        assert!(may_log_on(&hours, tuesday));
        assert!(!may_log_on(&hours, tuesday + Duration::from_secs(3600)));
        assert!(may_log_on(&hours, tuesday + Duration::from_secs(7 * 86_400)));
    }
}
