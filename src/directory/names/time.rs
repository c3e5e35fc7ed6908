//! Times as directories write them.

use std::fmt;
use std::time::{Duration, SystemTime};

/// From 1601, where Windows begins, to 1970, in seconds.
const WINDOWS_EPOCH_S: u64 = 11_644_473_600;

/// Windows counts in units of 100 ns.
const TICKS_PER_SECOND: u64 = 10_000_000;

/// Reads a GeneralizedTime (RFC 4517, section 3.3.13); `None` if it is none, or before 1970.
pub(in crate::directory) fn generalized_time(source: &str) -> Option<SystemTime> {
    let mut rest = source;
    let [year, month, day, hour] = [4, 2, 2, 2].map(|count| digits(&mut rest, count));
    let minute = digits(&mut rest, 2);
    let second = minute.and_then(|_| digits(&mut rest, 2)).unwrap_or("00");
    let minute = minute.unwrap_or("00");
    let utc = format!("{}-{}-{}T{}:{minute}:{second}Z", year?, month?, day?, hour?);
    let local = humantime::parse_rfc3339(&utc).ok()?;
    if rest.starts_with(['.', ',']) {
        // Parts of a second do not matter.
        rest = rest.trim_start_matches(['.', ',']).trim_start_matches(|c: char| c.is_ascii_digit());
    }
    if rest == "Z" {
        return Some(local);
    }
    let (sign, mut rest) = rest.split_at_checked(1)?;
    let hours: u64 = digits(&mut rest, 2)?.parse().ok()?;
    let minutes: u64 = digits(&mut rest, 2).unwrap_or("0").parse().ok()?;
    let offset = Duration::from_secs(hours * 3600 + minutes * 60);
    match (sign, rest) {
        ("+", "") => local.checked_sub(offset),
        ("-", "") => local.checked_add(offset),
        _ => None,
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

/// The time that Windows counts in units of 100 ns from 1601; `None` if it is before 1970.
pub(in crate::directory) fn windows_time(ticks: u64) -> Option<SystemTime> {
    let seconds = (ticks / TICKS_PER_SECOND).checked_sub(WINDOWS_EPOCH_S)?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// A time span that Windows counts in units of 100 ns.
pub(in crate::directory) fn windows_span(ticks: u64) -> Duration {
    Duration::from_secs(ticks / TICKS_PER_SECOND)
}

/// The start of a day that is counted from 1970.
pub(in crate::directory) fn unix_day(days: u64) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(days.checked_mul(86_400)?))
}

/// A time for people, in UTC.
pub(in crate::directory) struct Shown(pub(in crate::directory) SystemTime);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
            "000001010000Z",
            "16010101000000Z",
            "ü",
            "20261124083000é",
        ] {
            assert_eq!(shown(source), None, "{source}");
        }
    }

    #[test]
    fn windows_times_are_read() {
        assert_eq!(windows_time(0), None);
        let time = windows_time(134_000_000_000_000_000).unwrap();
        assert_eq!(Shown(time).to_string(), "2025-08-18T14:13:20Z");
        let _ = Shown(windows_time(u64::MAX).unwrap()).to_string();
    }
}
