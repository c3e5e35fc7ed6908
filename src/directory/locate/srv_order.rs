//! The order in which hosts that offer a service are tried (RFC 2782, "Usage rules").

use crate::directory::locate::dns::Offer;

/// The offers by priority, and by chance in proportion to their weights where that is the same.
/// `random` gives a number of the range that it is given.
pub(in crate::directory) fn ordered(
    offers: &[Offer],
    mut random: impl FnMut(std::ops::RangeInclusive<u32>) -> u32,
) -> impl Iterator<Item = &Offer> {
    let mut rest: Vec<&Offer> = offers.iter().collect();
    // Those of weight 0 come first, so that they have a small chance at all.
    rest.sort_by_key(|offer| (offer.priority, offer.weight != 0));
    let mut order = Vec::with_capacity(rest.len());
    while let Some(first) = rest.first() {
        let priority = first.priority;
        let equals = || rest.iter().take_while(|offer| offer.priority == priority);
        let total = equals().map(|offer| u32::from(offer.weight)).sum();
        let chosen = random(0..=total);
        let mut sum = 0;
        let index = equals().position(|offer| {
            sum += u32::from(offer.weight);
            sum >= chosen
        });
        order.push(rest.remove(index.unwrap_or(0)));
    }
    order.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(priority: u16, weight: u16, host: &str) -> Offer {
        Offer { priority, weight, host: host.to_owned(), port: 389 }
    }

    fn hosts(offers: &[Offer], random: impl FnMut(std::ops::RangeInclusive<u32>) -> u32) -> String {
        ordered(offers, random).map(|offer| offer.host.as_str()).collect()
    }

    #[test]
    fn priorities_come_first_and_nobody_is_left_out() {
        let offers = [offer(10, 0, "d"), offer(0, 1, "a"), offer(5, 0, "c"), offer(0, 1, "b")];
        assert_eq!(hosts(&offers, |range| *range.start()), "abcd");
        assert_eq!(hosts(&offers, |range| *range.end()), "bacd");
        assert_eq!(hosts(&[], |_| 0), "");
    }

    #[test]
    fn weights_are_shares_of_the_chance() {
        let offers = [offer(0, 60, "a"), offer(0, 20, "b"), offer(0, 0, "c"), offer(0, 20, "d")];
        let mut random = fastrand::Rng::with_seed(7);
        let mut first = std::collections::HashMap::new();
        for _ in 0..10_000 {
            let order = hosts(&offers, |range| random.u32(range));
            assert_eq!(order.len(), offers.len());
            *first.entry(order.chars().next().unwrap()).or_insert(0) += 1;
        }
        let share = |host: char| f64::from(first.get(&host).copied().unwrap_or(0)) / 10_000.0;
        for (host, expected) in [('a', 0.6), ('b', 0.2), ('c', 0.01), ('d', 0.2)] {
            assert!((share(host) - expected).abs() < 0.03, "{host}: {}", share(host));
        }
        assert!(share('c') > 0.0);
    }
}
