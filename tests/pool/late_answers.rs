//! Binds as users that go on when their requests have ended, in paused time.

use std::num::NonZeroUsize;

use tokio::time::advance;
use xmpp_ldap_auth::directory::pool::sent_bind::GOES_ON_FOR;
use xmpp_ldap_auth::policy::Policies;
use xmpp_ldap_auth::policy::guard::{Barred, Budget, Guard, GuardSettings, Hold};

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

struct Bed {
    server: Arc<Server>,
    directory: Arc<Domain>,
    policies: Policies,
}

impl Bed {
    /// A directory on which so many binds have places.
    async fn with_places(places: usize) -> Self {
        let (server, port) = Server::start().await;
        let directory = read(&format!(
            "servers = [\"ldap://127.0.0.1:{port}\"]\nuser_dn = \"uid={{localpart}},dc=x\"\n\
             pool.size = {places}"
        ));
        let account = Budget { failures: 3, within: HOUR };
        let accounts = NonZeroUsize::new(100).unwrap();
        let guard = GuardSettings { account, domain: account, remember_wrong: HOUR, accounts };
        Self { server, directory, policies: Policies::new(Some(guard), None).unwrap() }
    }

    fn guard(&self) -> &Arc<Guard> {
        self.policies.guard.as_ref().unwrap()
    }

    fn enter(&self, entry: &str, within: Duration) -> Result<Permit, Barred> {
        let attempt = self.policies.attempt("h", entry, entry, &"secret".into());
        self.guard().enter(attempt, Instant::now() + within, Instant::now())
    }

    /// What a sign-in comes to that has four seconds.
    async fn sign_in(&self, entry: &str) -> Verdict {
        let by = Deadline::after(Instant::now(), 4 * SECOND);
        let permit = self.enter(entry, 4 * SECOND).unwrap();
        by.bound(try_with(&self.directory, &permit, by)).await.unwrap_or(UNANSWERED)
    }

    fn held(&self) -> (usize, usize) {
        self.guard().held(Instant::now())
    }

    fn open(&self) -> usize {
        self.directory.directory().open_connections()
    }
}

const UNANSWERED: Verdict = Verdict::Unavailable(Outage::BindUnanswered);

#[tokio::test(start_paused = true)]
async fn a_bind_goes_on_and_its_late_answer_counts() {
    for (code, failures, is_remembered) in [(0, 0, false), (49, 1, true), (51, 0, false)] {
        let bed = Bed::with_places(1).await;
        bed.server.set(Step::Bind, Fate::Late(code));
        assert_eq!(bed.sign_in("a").await, UNANSWERED);
        assert_eq!((bed.held(), bed.open()), ((1, 0), 1), "{code}");
        sleep(LATE - 4 * SECOND + SECOND).await;
        assert_eq!((bed.held(), bed.open()), ((failures, 0), 0), "{code}");
        let again = bed.enter("a", SECOND);
        let is_refused = matches!(again, Err(Barred::Deny(Hold::SameAgain { .. })));
        assert_eq!(is_refused, is_remembered, "{code}: {again:?}");
        assert_eq!(bed.server.binds.load(Ordering::SeqCst), 1, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_is_nobodys() {
    let bed = Bed::with_places(1).await;
    bed.server.set(Step::Bind, Fate::Late(0));
    assert_eq!(bed.sign_in("a").await, UNANSWERED);
    bed.server.set(Step::Bind, Fate::Never);
    sleep(LATE - 6 * SECOND).await;
    // The first is answered while this one waits.
    assert_eq!(bed.sign_in("a").await, UNANSWERED);
    assert_eq!(bed.held(), (0, 0), "the password is known to be right");
}

#[tokio::test(start_paused = true)]
async fn a_bind_goes_on_for_25_seconds_and_no_longer() {
    let bed = Bed::with_places(1).await;
    bed.server.set(Step::Bind, Fate::Never);
    let started = Instant::now();
    assert_eq!(bed.sign_in("a").await, UNANSWERED);
    advance(GOES_ON_FOR - started.elapsed() - SECOND).await;
    assert_eq!(bed.open(), 1);
    sleep(2 * SECOND).await;
    assert_eq!((bed.open(), bed.held()), (0, (1, 0)));
}

#[tokio::test(start_paused = true)]
async fn binds_that_go_on_are_few_and_leave_their_places_to_others() {
    let bed = Bed::with_places(2).await;
    bed.server.set(Step::Bind, Fate::Never);
    for round in 0..2 {
        let hanging: Vec<String> = (0..40).map(|number| format!("{round} {number}")).collect();
        let all = hanging.iter().map(|entry| bed.sign_in(entry));
        for verdict in futures_util::future::join_all(all).await {
            assert!(matches!(verdict, Verdict::Unavailable(_)));
        }
        assert!(bed.open() <= 16, "{}", bed.open());
    }
    bed.server.set(Step::Bind, Fate::Ok);
    assert_eq!(bed.sign_in("b").await, Verdict::Granted);
    sleep(GOES_ON_FOR).await;
    assert_eq!(bed.open(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_bind_whose_caller_went_away_goes_on_too() {
    let bed = Bed::with_places(1).await;
    bed.server.set(Step::Bind, Fate::Late(49));
    let gone = tokio::time::timeout(SECOND, bed.sign_in("a")).await;
    assert!(gone.is_err());
    sleep(LATE).await;
    assert!(matches!(bed.enter("a", SECOND), Err(Barred::Deny(Hold::SameAgain { .. }))));
}
