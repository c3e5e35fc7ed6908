//! The order in which hosts that offer a service are tried (RFC 2782, "Usage rules").

use crate::directory::locate::srv_record::SrvRecord;

/// The records by priority, and by chance in proportion to their weights where that is the same.
/// `random` gives a number of the range that it is given.
pub(in crate::directory) fn ordered(
    records: &[SrvRecord],
    mut random: impl FnMut(std::ops::RangeInclusive<u32>) -> u32,
) -> impl Iterator<Item = &SrvRecord> {
    let mut rest: Vec<&SrvRecord> = records.iter().collect();
    // Those of weight 0 come first, so that they have a small chance at all.
    rest.sort_by_key(|record| (record.priority, record.weight != 0));
    let mut order = Vec::with_capacity(rest.len());
    while let Some(first) = rest.first() {
        let priority = first.priority;
        let equals = || rest.iter().take_while(|record| record.priority == priority);
        let total = equals().map(|record| u32::from(record.weight)).sum();
        let chosen = random(0..=total);
        let mut sum = 0;
        let index = equals().position(|record| {
            sum += u32::from(record.weight);
            sum >= chosen
        });
        order.push(rest.remove(index.unwrap_or(0)));
    }
    order.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(priority: u16, weight: u16, host: &str) -> SrvRecord {
        SrvRecord { priority, weight, host: host.to_owned(), port: 389 }
    }

    fn hosts(
        records: &[SrvRecord],
        random: impl FnMut(std::ops::RangeInclusive<u32>) -> u32,
    ) -> String {
        ordered(records, random).map(|record| record.host.as_str()).collect()
    }

    #[test]
    fn priorities_come_first_and_nobody_is_left_out() {
        let records = [record(10, 0, "d"), record(0, 1, "a"), record(5, 0, "c"), record(0, 1, "b")];
        assert_eq!(hosts(&records, |range| *range.start()), "abcd");
        assert_eq!(hosts(&records, |range| *range.end()), "bacd");
        assert_eq!(hosts(&[], |_| 0), "");
    }

    #[test]
    fn weights_are_shares_of_the_chance() {
        let records =
            [record(0, 60, "a"), record(0, 20, "b"), record(0, 0, "c"), record(0, 20, "d")];
        let mut random = fastrand::Rng::with_seed(7);
        let mut first = std::collections::HashMap::new();
        for _ in 0..10_000 {
            let order = hosts(&records, |range| random.u32(range));
            assert_eq!(order.len(), records.len());
            *first.entry(order.chars().next().unwrap()).or_insert(0) += 1;
        }
        let share = |host: char| f64::from(first.get(&host).copied().unwrap_or(0)) / 10_000.0;
        for (host, expected) in [('a', 0.6), ('b', 0.2), ('c', 0.01), ('d', 0.2)] {
            assert!((share(host) - expected).abs() < 0.03, "{host}: {}", share(host));
        }
        assert!(share('c') > 0.0);
    }
}
