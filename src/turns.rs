//! The order of requests about one account, through whichever listeners they come.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use crate::answer::Answer;
use crate::deadline::Deadline;
use crate::jid::Account;
use crate::request::{Request, Verb};
use crate::verdict::Outcome;

type Turns = Mutex<HashMap<Arc<Account>, Arc<RwLock<()>>>>;

/// Answers as another one does, and lets a password change, and the requests around it for the same
/// account, wait for each other: they mean what they say only one after the other.
#[derive(Debug)]
pub struct InTurn<A> {
    answerer: Arc<A>,
    turns: Turns,
}

impl<A> InTurn<A> {
    /// With the answers of `answerer`.
    pub fn new(answerer: Arc<A>) -> Self {
        Self { answerer, turns: Turns::default() }
    }
}

impl<A: Answer> Answer for InTurn<A> {
    async fn answer(&self, request: &Request, by: Deadline) -> Outcome {
        let turns = AccountTurns::of(request, &self.turns);
        let _turn = turns.turn(request.verb()).await;
        self.answerer.answer(request, by).await
    }
}

/// The turns of the account that a request is about.
struct AccountTurns<'a> {
    turns: &'a Turns,
    account: &'a Arc<Account>,
    turn: Arc<RwLock<()>>,
}

enum HeldTurn {
    Shared(#[expect(dead_code, reason = "it is held")] OwnedRwLockReadGuard<()>),
    Alone(#[expect(dead_code, reason = "it is held")] OwnedRwLockWriteGuard<()>),
}

impl<'a> AccountTurns<'a> {
    fn of(request: &'a Request, turns: &'a Turns) -> Self {
        let account = request.account();
        let turn = Arc::clone(locked(turns).entry(Arc::clone(account)).or_default());
        Self { turns, account, turn }
    }

    /// They come in the order in which they are first waited for.
    async fn turn(&self, verb: Verb) -> HeldTurn {
        let turn = Arc::clone(&self.turn);
        match verb {
            Verb::SetPass => HeldTurn::Alone(turn.write_owned().await),
            Verb::Auth | Verb::IsUser | Verb::Other => HeldTurn::Shared(turn.read_owned().await),
        }
    }
}

impl Drop for AccountTurns<'_> {
    fn drop(&mut self) {
        let mut turns = locked(self.turns);
        // The table's and ours are the last two.
        if Arc::strong_count(&self.turn) <= 2 {
            turns.remove(self.account);
        }
    }
}

fn locked(turns: &Turns) -> MutexGuard<'_, HashMap<Arc<Account>, Arc<RwLock<()>>>> {
    turns.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use secrecy::SecretString;
    use tokio::time::{Instant, sleep};

    use super::*;
    use crate::verdict::Verdict;

    /// Writes down when each request begins and ends, which takes a second.
    #[derive(Default)]
    struct Diary(Mutex<Vec<(Verb, bool)>>);

    impl Answer for Diary {
        async fn answer(&self, request: &Request, _: Deadline) -> Outcome {
            self.0.lock().unwrap().push((request.verb(), true));
            sleep(Duration::from_secs(1)).await;
            self.0.lock().unwrap().push((request.verb(), false));
            Verdict::Granted.into()
        }
    }

    fn request(verb: Verb, name: &str) -> Request {
        let account = Arc::new(Account::new(name, "example.com").unwrap());
        let password = SecretString::from("secret");
        match verb {
            Verb::SetPass => Request::SetPass { account, password },
            Verb::Auth => Request::Auth { account, password },
            Verb::IsUser | Verb::Other => Request::IsUser { account },
        }
    }

    async fn play(requests: &[(Verb, &str)]) -> (Vec<(Verb, bool)>, Duration, usize) {
        let diary = Arc::new(Diary::default());
        let answerer = Arc::new(InTurn::new(Arc::clone(&diary)));
        let started = Instant::now();
        let tasks = requests.iter().map(|(verb, name)| {
            let (answerer, request) = (Arc::clone(&answerer), request(*verb, name));
            tokio::spawn(async move {
                answerer.answer(&request, Deadline::after(started, Duration::from_secs(60))).await
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            let _ = task.await.unwrap();
        }
        let lines = diary.0.lock().unwrap().clone();
        (lines, started.elapsed(), locked(&answerer.turns).len())
    }

    #[tokio::test(start_paused = true)]
    async fn a_password_change_is_alone_with_its_account() {
        use Verb::{Auth, SetPass};
        let (lines, took, left) =
            play(&[(Auth, "a"), (SetPass, "a"), (Auth, "a"), (Auth, "b"), (SetPass, "c")]).await;
        let at = |line| lines.iter().position(|known| *known == line).unwrap();
        assert!(took >= Duration::from_secs(3) && took < Duration::from_secs(4), "{took:?}");
        assert_eq!(at((Auth, true)), 0);
        assert_eq!(lines.last(), Some(&(Auth, false)), "{lines:?}");
        assert_eq!(left, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_gives_up_leaves_nothing_behind() {
        let answerer = InTurn::new(Arc::new(Diary::default()));
        let by = Deadline::after(Instant::now(), Duration::from_millis(100));
        for verb in [Verb::SetPass, Verb::Auth] {
            let request = request(verb, "a");
            assert!(by.bound(answerer.answer(&request, by)).await.is_err());
        }
        assert_eq!(locked(&answerer.turns).len(), 0);
    }
}
