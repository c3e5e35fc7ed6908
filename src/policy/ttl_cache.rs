//! A bounded cache whose values expire (TTL, time to live).

use std::fmt;
use std::hash::Hash;
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::time::Duration;

use lru::LruCache;
use tokio::time::Instant;

use crate::lock::locked;

/// Values with the time at which each was learned. When there are too many, the least recently used
/// is forgotten.
pub struct TtlCache<K, V> {
    entries: Mutex<LruCache<K, (V, Instant)>>,
    ttl: Duration,
}

impl<K, V> fmt::Debug for TtlCache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TtlCache").field("ttl", &self.ttl).finish_non_exhaustive()
    }
}

impl<K: Hash + Eq, V: Clone> TtlCache<K, V> {
    /// An empty cache of so many values, each of which is good for `ttl`.
    pub fn new(capacity: NonZeroUsize, ttl: Duration) -> Self {
        Self { entries: Mutex::new(LruCache::new(capacity)), ttl }
    }

    /// The value, unless it has expired.
    pub fn get(&self, key: &K, now: Instant) -> Option<V> {
        let mut entries = locked(&self.entries);
        let (value, learned) = entries.get(key)?;
        if now.saturating_duration_since(*learned) < self.ttl {
            return Some(value.clone());
        }
        entries.pop(key);
        None
    }

    /// Remembers a value, learned now, in place of any before.
    pub fn put(&self, key: K, value: V, now: Instant) {
        locked(&self.entries).put(key, (value, now));
    }

    /// How many values there are, those that have expired since included.
    pub fn len(&self) -> usize {
        locked(&self.entries).len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets a value.
    pub fn forget(&self, key: &K) {
        locked(&self.entries).pop(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_expire_and_make_room() {
        let cache = TtlCache::new(NonZeroUsize::new(2).unwrap(), Duration::from_secs(60));
        let now = Instant::now();
        cache.put("a", 1, now);
        cache.put("b", 2, now);
        assert_eq!(cache.get(&"a", now + Duration::from_secs(59)), Some(1));
        cache.put("c", 3, now);
        assert_eq!(cache.get(&"b", now), None);
        assert_eq!(cache.get(&"a", now + Duration::from_secs(60)), None);
        cache.forget(&"c");
        assert_eq!(cache.get(&"c", now), None);
        cache.put("d", 4, now);
        assert_eq!(cache.get(&"d", now), Some(4));
    }
}
