//! Times as directories write them.

use std::fmt;
use std::time::{Duration, SystemTime};

/// From 1601, where Windows begins, to 1970, in seconds.
const WINDOWS_EPOCH_S: i64 = 11_644_473_600;

/// Windows counts in units of 100 ns.
const TICKS_PER_SECOND: u64 = 10_000_000;

/// Reads a GeneralizedTime (RFC 4517, section 3.3.13); `None` if it is none.
pub(in crate::directory) fn generalized_time(source: &str) -> Option<SystemTime> {
    let mut rest = source;
    let mut number = |count| digits(&mut rest, count)?.parse::<u32>().ok();
    let [year, month, day, hour] = [number(4)?, number(2)?, number(2)?, number(2)?];
    let minute = number(2);
    let second = minute.and_then(|_| number(2));
    // What a fraction is a part of.
    let unit = match (minute, second) {
        (None, _) => Duration::from_secs(3600),
        (Some(_), None) => Duration::from_secs(60),
        (Some(_), Some(_)) => Duration::from_secs(1),
    };
    let (minute, second) = (minute.unwrap_or(0), second.unwrap_or(0));
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let day = day_from_1970(year.into(), month.into(), day.into())?;
    let local = day * 86_400 + i64::from(hour * 3600 + minute * 60 + second);
    let part = if rest.starts_with(['.', ',']) {
        let (_, fraction) = rest.split_at_checked(1)?;
        let length = fraction.bytes().take_while(u8::is_ascii_digit).count();
        let (fraction, behind) = fraction.split_at_checked(length).filter(|_| length > 0)?;
        rest = behind;
        unit.mul_f64(format!("0.{fraction}").parse().ok()?)
    } else {
        Duration::ZERO
    };
    let offset = match rest.split_at_checked(1)? {
        ("Z", "") => 0,
        (sign @ ("+" | "-"), mut rest) => {
            let hours: i64 = digits(&mut rest, 2)?.parse().ok()?;
            let minutes: i64 = digits(&mut rest, 2).unwrap_or("0").parse().ok()?;
            let offset = hours * 3600 + minutes * 60;
            if !rest.is_empty() {
                return None;
            }
            if sign == "+" { offset } else { -offset }
        }
        _ => return None,
    };
    from_1970(local - offset)?.checked_add(part)
}

/// The number of a day of the Gregorian calendar, counted from 1970.
fn day_from_1970(year: i64, month: i64, day: i64) -> Option<i64> {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return None,
    };
    if !(1..=days).contains(&day) {
        return None;
    }
    // Years begin in March here, so that the leap day is the last, and with 400 more there is none
    // before zero.
    let (year, month) = if month > 2 { (year + 400, month - 3) } else { (year + 399, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    /// From 1 March of the year -400 to 1970.
    const EPOCH: i64 = 865_565;
    Some(days - EPOCH)
}

/// So many seconds after 1970, or before.
fn from_1970(seconds: i64) -> Option<SystemTime> {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(distance)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(distance)
    }
}

/// Takes so many digits from the start of a text; none where there are fewer.
fn digits<'a>(text: &mut &'a str, count: usize) -> Option<&'a str> {
    let (digits, rest) = text.split_at_checked(count)?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    *text = rest;
    Some(digits)
}

/// The time that Windows counts in units of 100 ns from 1601.
pub(in crate::directory) fn windows_time(ticks: u64) -> Option<SystemTime> {
    from_1970(i64::try_from(ticks / TICKS_PER_SECOND).ok()? - WINDOWS_EPOCH_S)
}

/// A time span that Windows writes as a negative number of units of 100 ns, in whole seconds; `None` for
/// "never", which is the lowest number (MS-SAMR, section 2.2.4.1).
pub(in crate::directory) fn windows_span(ticks: i64) -> Option<Duration> {
    let seconds = ticks.checked_neg()?.try_into().ok()?;
    Some(Duration::from_secs(u64::div_ceil(seconds, TICKS_PER_SECOND)))
}

/// The start of a day that is counted from 1970.
pub(in crate::directory) fn unix_day(days: u64) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(days.checked_mul(86_400)?))
}

/// A time for people, in UTC.
pub(in crate::directory) struct Shown(pub(in crate::directory) SystemTime);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < SystemTime::UNIX_EPOCH {
            return f.write_str("before 1970");
        }
        // A date beyond the year 9999 has no form.
        let mut text = String::new();
        match fmt::write(&mut text, format_args!("{}", humantime::format_rfc3339_seconds(self.0))) {
            Ok(()) => f.write_str(&text),
            Err(fmt::Error) => f.write_str("the end of time"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(source: &str) -> Option<String> {
        generalized_time(source).map(|time| Shown(time).to_string())
    }

    #[test]
    fn generalized_times_are_read() {
        for (source, expected) in [
            ("20261124083000Z", "2026-11-24T08:30:00Z"),
            ("20261124083000.0Z", "2026-11-24T08:30:00Z"),
            ("20261124083000,123Z", "2026-11-24T08:30:00Z"),
            ("2026112408.5Z", "2026-11-24T08:30:00Z"),
            ("202611240830,5Z", "2026-11-24T08:30:30Z"),
            ("2026112408.25+0130", "2026-11-24T06:45:00Z"),
            ("20240229120000Z", "2024-02-29T12:00:00Z"),
            ("20000301000000Z", "2000-03-01T00:00:00Z"),
            ("20261231235960Z", "2027-01-01T00:00:00Z"),
            ("19691231235959Z", "before 1970"),
            ("16010101000000Z", "before 1970"),
            ("000001010000Z", "before 1970"),
            ("202611240830Z", "2026-11-24T08:30:00Z"),
            ("2026112408Z", "2026-11-24T08:00:00Z"),
            ("20261124083000+0130", "2026-11-24T07:00:00Z"),
            ("20261124083000-05", "2026-11-24T13:30:00Z"),
            ("19700101000000Z", "1970-01-01T00:00:00Z"),
        ] {
            assert_eq!(shown(source).as_deref(), Some(expected), "{source}");
        }
        for source in [
            "",
            "Z",
            "20261124083000",
            "20261324083000Z",
            "2026112408300Z",
            "20261124083000X",
            "20261124083000+1",
            "20261124083000+1x",
            "20260229000000Z",
            "19000229000000Z",
            "20261100000000Z",
            "2026112424Z",
            "202611240860Z",
            "20261124083000.Z",
            "20261124083000..,Z",
            "20261124083000.5",
            "ü",
            "20261124083000é",
        ] {
            assert_eq!(shown(source), None, "{source}");
        }
    }

    #[test]
    fn windows_times_are_read() {
        assert_eq!(windows_time(0), generalized_time("16010101000000Z"));
        assert_eq!(windows_time(1), windows_time(0));
        let time = windows_time(134_000_000_000_000_000).unwrap();
        assert_eq!(Shown(time).to_string(), "2025-08-18T14:13:20Z");
        let _ = Shown(windows_time(u64::MAX).unwrap()).to_string();
    }

    proptest::proptest! {
        #[test]
        fn every_second_is_read_as_others_write_it(seconds in 0..253_402_300_799_u64) {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            let text = humantime::format_rfc3339_seconds(time).to_string();
            let text = text.replace(['-', 'T', ':'], "");
            proptest::prop_assert_eq!(generalized_time(&text), Some(time), "{}", text);
        }
    }
}
