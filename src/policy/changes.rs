//! What happened to accounts while others asked: what began before an account's password was changed
//! proves nothing about the password that it has now, whenever it ends.

use std::sync::Mutex;

use lru::LruCache;

use super::digest::{ById, HashedId};

use crate::lock::locked;

/// So many are remembered of each kind of event.
const REMEMBERED: usize = 10_000;

/// A place in the order in which things happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(u64);

/// What happened last to each account.
#[derive(Debug)]
pub struct Changes(Mutex<ChangeLog>);

#[derive(Debug)]
struct ChangeLog {
    now: Moment,
    passwords: LastEvents,
    denials: LastEvents,
}

/// The last event of each of the accounts that had one.
#[derive(Debug)]
struct LastEvents {
    events: LruCache<HashedId, Moment, ById>,
    /// When the others may have had one, those that are forgotten.
    others: Moment,
}

impl Default for Changes {
    fn default() -> Self {
        let [passwords, denials] = [(), ()].map(|()| LastEvents {
            events: LruCache::unbounded_with_hasher(ById::default()),
            others: Moment::default(),
        });
        Self(Mutex::new(ChangeLog { now: Moment::default(), passwords, denials }))
    }
}

impl Changes {
    /// Now.
    pub fn now(&self) -> Moment {
        locked(&self.0).now
    }

    /// The password of an account was changed, or may have been.
    pub fn password_changed(&self, account: HashedId) {
        let mut state = locked(&self.0);
        let now = state.advance();
        state.passwords.record(account, now);
    }

    /// When the password of an account was changed last, if not earlier.
    pub fn last_password(&self, account: HashedId) -> Moment {
        locked(&self.0).passwords.of(account)
    }

    /// The directory has said no to an account, or to an entry.
    pub fn denied(&self, whom: HashedId) {
        let mut state = locked(&self.0);
        let now = state.advance();
        state.denials.record(whom, now);
    }

    /// When the directory said no last, if not earlier.
    pub fn last_denial(&self, whom: HashedId) -> Moment {
        locked(&self.0).denials.of(whom)
    }
}

impl ChangeLog {
    fn advance(&mut self) -> Moment {
        self.now.0 += 1;
        self.now
    }
}

impl LastEvents {
    fn record(&mut self, id: HashedId, now: Moment) {
        self.events.put(id, now);
        if self.events.len() > REMEMBERED
            && let Some((_, forgotten)) = self.events.pop_lru()
        {
            self.others = forgotten;
        }
    }

    fn of(&self, id: HashedId) -> Moment {
        self.events.peek(&id).copied().unwrap_or(self.others)
    }
}

#[cfg(test)]
mod tests {
    use super::super::digest::ProcessKey;
    use super::*;

    #[test]
    fn what_began_before_a_change_is_told_from_what_began_after_it() {
        let (changes, key) = (Changes::default(), ProcessKey::new().unwrap());
        let [alice, bob] = ["alice", "bob"].map(|name| key.id(name));
        let before = changes.now();
        changes.password_changed(alice);
        assert!(changes.last_password(alice) > before && changes.last_password(bob) <= before);
        assert!(changes.last_denial(alice) <= before);
        assert!(changes.last_password(alice) <= changes.now());
        changes.denied(bob);
        assert!(changes.last_denial(bob) > before && changes.last_denial(alice) <= before);
    }

    #[test]
    fn of_an_account_that_is_forgotten_the_worst_is_assumed() {
        let (changes, key) = (Changes::default(), ProcessKey::new().unwrap());
        let id = |number: usize| key.id(&number.to_string());
        let before = changes.now();
        changes.password_changed(id(0));
        for number in 1..=REMEMBERED {
            changes.password_changed(id(number));
        }
        assert_eq!(locked(&changes.0).passwords.events.len(), REMEMBERED);
        assert!(changes.last_password(id(0)) > before);
        assert!(changes.last_password(key.id("another")) > before);
        let after = changes.now();
        assert!((0..=REMEMBERED).all(|number| changes.last_password(id(number)) <= after));
    }
}
