//! A bounded memory of what was learned lately.

use std::fmt;
use std::hash::Hash;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lru::LruCache;
use tokio::time::Instant;

/// Values with their age. What was not used for longest is forgotten when there are too many.
pub struct Recent<K, V> {
    entries: Mutex<LruCache<K, (V, Instant)>>,
    good_for: Duration,
}

impl<K, V> fmt::Debug for Recent<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recent").field("good_for", &self.good_for).finish_non_exhaustive()
    }
}

impl<K: Hash + Eq, V: Clone> Recent<K, V> {
    /// Remembers so many values, each for so long.
    pub fn new(most: NonZeroUsize, good_for: Duration) -> Self {
        Self { entries: Mutex::new(LruCache::new(most)), good_for }
    }

    /// The value, if it is young enough.
    pub fn get(&self, key: &K, now: Instant) -> Option<V> {
        let mut entries = self.locked();
        let (value, learned) = entries.get(key)?;
        if now.saturating_duration_since(*learned) < self.good_for {
            return Some(value.clone());
        }
        entries.pop(key);
        None
    }

    /// Remembers a value, in place of any before.
    pub fn put(&self, key: K, value: V, now: Instant) {
        self.locked().put(key, (value, now));
    }

    /// Forgets a value.
    pub fn forget(&self, key: &K) {
        self.locked().pop(key);
    }

    /// Forgets every value of which that is true.
    pub fn forget_where(&self, is_so: impl Fn(&V) -> bool)
    where
        K: Clone,
    {
        let mut entries = self.locked();
        let gone: Vec<K> = entries
            .iter()
            .filter(|(_, (value, _))| is_so(value))
            .map(|(key, _)| key.clone())
            .collect();
        for key in gone {
            entries.pop(&key);
        }
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, LruCache<K, (V, Instant)>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_age_and_make_room() {
        let recent = Recent::new(NonZeroUsize::new(2).unwrap(), Duration::from_secs(60));
        let now = Instant::now();
        recent.put("a", 1, now);
        recent.put("b", 2, now);
        assert_eq!(recent.get(&"a", now + Duration::from_secs(59)), Some(1));
        recent.put("c", 3, now);
        assert_eq!(recent.get(&"b", now), None);
        assert_eq!(recent.get(&"a", now + Duration::from_secs(60)), None);
        recent.forget(&"c");
        assert_eq!(recent.get(&"c", now), None);
        recent.put("d", 4, now);
        recent.put("e", 5, now);
        recent.forget_where(|value| *value == 5);
        assert_eq!((recent.get(&"d", now), recent.get(&"e", now)), (Some(4), None));
    }
}
