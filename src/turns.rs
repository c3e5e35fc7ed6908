//! The order of requests about one account, through whichever listeners they come.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use crate::answer::Answer;
use crate::deadline::Deadline;
use crate::jid::Account;
use crate::lock::locked;
use crate::request::{Request, Verb};
use crate::verdict::{Outage, Outcome};

/// So many sign-ins and password changes of one account go on or wait at once; one more would take a
/// place that others need, for as long as a directory leaves the first of them unanswered.
pub const MOST_AT_ONCE: usize = 32;

type Turns = Mutex<HashMap<Arc<Account>, AccountQueue>>;

/// The requests about one account.
#[derive(Debug, Default)]
struct AccountQueue {
    turn: Arc<RwLock<()>>,
    open: usize,
}

/// Answers as another one does, and lets a password change, and the sign-ins around it for the same
/// account, wait for each other: they mean what they say only one after the other. Whether an account
/// exists has to do with no password, and waits for none. No account has more than its share.
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
        if request.verb() == Verb::IsUser {
            return self.answerer.answer(request, by).await;
        }
        let Some(turns) = AccountTurns::of(request, &self.turns) else {
            return Outage::Crowded.into();
        };
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
    /// `None` where there are as many as there may be.
    fn of(request: &'a Request, turns: &'a Turns) -> Option<Self> {
        let account = request.account();
        let mut locked = locked(turns);
        let queue = locked.entry(Arc::clone(account)).or_default();
        (queue.open < MOST_AT_ONCE).then(|| {
            queue.open += 1;
            Self { turns, account, turn: Arc::clone(&queue.turn) }
        })
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
        if let Some(queue) = turns.get_mut(self.account) {
            queue.open -= 1;
            if queue.open == 0 {
                turns.remove(self.account);
            }
        }
    }
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
    async fn a_question_that_has_to_do_with_no_password_waits_for_none() {
        use Verb::{Auth, IsUser, SetPass};
        let (_, took, _) = play(&[(Auth, "a"), (SetPass, "a"), (IsUser, "a"), (IsUser, "a")]).await;
        assert!((Duration::from_secs(2)..Duration::from_secs(3)).contains(&took), "{took:?}");
        let (lines, ..) = play(&[(Auth, "a"), (SetPass, "a"), (IsUser, "a")]).await;
        assert_eq!(lines.get(1), Some(&(IsUser, true)), "{lines:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn no_account_has_more_than_its_share_of_those_who_wait() {
        for verb in [Verb::Auth, Verb::SetPass] {
            let mut requests = vec![(verb, "a"); 4 * MOST_AT_ONCE];
            requests.push((Verb::Auth, "b"));
            let (lines, ..) = play(&requests).await;
            assert_eq!(lines.len(), 2 * (MOST_AT_ONCE + 1));
        }
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
