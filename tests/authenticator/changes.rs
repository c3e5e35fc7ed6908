//! A password change, and what was proved before it or meanwhile.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_change_that_is_refused_forgets_nothing() {
    let bed = Bed::new(Some(guard()), Some(CacheMode::Ttl));
    assert_eq!(bed.sign_in("wrong").await, WRONG);
    assert_eq!(bed.sign_in("right").await, Verdict::Granted);
    bed.script(|script| script.change = Some(Denial::PasswordRefused.into()));
    let change = Request::SetPass { account: alice(), password: "new".into() };
    let refused = bed.ask(&change, SECOND).await.verdict;
    assert_eq!(refused, Verdict::Denied(Denial::PasswordRefused));
    for (password, expected) in [("right", Verdict::Granted), ("wrong", WRONG)] {
        assert_eq!(bed.sign_in(password).await, expected);
    }
    assert_eq!(bed.binds(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_change_forgets_what_was_proved_before_it_and_meanwhile() {
    let change = Request::SetPass { account: alice(), password: "new".into() };
    for signs_in_meanwhile in [false, true] {
        let bed = Bed::new(Some(guard()), Some(CacheMode::Ttl));
        assert_eq!(bed.sign_in("right").await, Verdict::Granted);
        assert_eq!(bed.sign_in("new").await, WRONG);
        assert_eq!(bed.sign_in("right").await, Verdict::Granted);
        bed.script(|script| script.delay = SECOND);
        if signs_in_meanwhile {
            let outcomes = tokio::join!(bed.ask(&change, 4 * SECOND), async {
                bed.script(|script| script.delay = Duration::ZERO);
                bed.sign_in("right").await
            });
            assert_eq!(outcomes.1, Verdict::Granted);
            assert_eq!(outcomes.0.verdict, Verdict::Granted);
        } else {
            // Given up half-way, when nobody can say what the password is now.
            let given_up = tokio::time::timeout(SECOND / 2, bed.ask(&change, 4 * SECOND)).await;
            assert!(given_up.is_err());
            bed.script(|script| (script.password, script.delay) = ("new", Duration::ZERO));
        }
        assert_eq!(bed.sign_in("right").await, WRONG);
        assert_eq!(bed.sign_in("new").await, Verdict::Granted);
    }
}

#[tokio::test(start_paused = true)]
async fn what_began_before_a_change_and_ends_after_it_proves_nothing() {
    let modes = [None, Some(CacheMode::Ttl), Some(CacheMode::StaleIfUnavailable)];
    for (mode, is_guarded) in modes.into_iter().flat_map(|mode| [(mode, true), (mode, false)]) {
        for (password, before, after) in
            [("right", Verdict::Granted, WRONG), ("new", WRONG, Verdict::Granted)]
        {
            let bed = Bed::new(is_guarded.then(guard), mode);
            bed.script(|plan| plan.delay = 2 * SECOND);
            let overtaken = bed.sign_in_at("alias", password);
            let change = async {
                sleep(SECOND).await;
                bed.script(|plan| plan.delay = Duration::ZERO);
                let request = Request::SetPass { account: alice(), password: "new".into() };
                assert_eq!(bed.ask(&request, 4 * SECOND).await.verdict, Verdict::Granted);
                // Whoever asks now asks about the password that there is now.
                bed.sign_in(password).await
            };
            let (overtaken, now) = tokio::join!(overtaken, change);
            assert_eq!((overtaken, now), (before, after), "{mode:?} {is_guarded}");
            assert_eq!(bed.sign_in(password).await, after, "{mode:?} {is_guarded}");
        }
    }
}

/// An outage after a change that a slow sign-in with the old password outlives.
#[tokio::test(start_paused = true)]
async fn an_old_password_that_was_proved_late_stands_in_for_nothing() {
    let bed = Bed::new(None, Some(CacheMode::StaleIfUnavailable));
    bed.script(|plan| plan.delay = 2 * SECOND);
    let change = async {
        sleep(SECOND).await;
        bed.script(|plan| plan.delay = Duration::ZERO);
        let request = Request::SetPass { account: alice(), password: "new".into() };
        assert_eq!(bed.ask(&request, 4 * SECOND).await.verdict, Verdict::Granted);
    };
    let (slow, ()) = tokio::join!(bed.sign_in_at("alias", "right"), change);
    assert_eq!(slow, Verdict::Granted);
    bed.script(|plan| plan.search = out());
    for domain in ["alias", "h"] {
        assert_eq!(bed.sign_in_at(domain, "right").await, OUT);
    }
}

/// A change may end by a configuration that is in use no more.
#[tokio::test(start_paused = true)]
async fn a_change_is_known_to_every_configuration() {
    for settings in [None, Some(guard())] {
        let old = Bed::new(settings, Some(CacheMode::Ttl));
        let renewed = old.policies.renewed(Some(guard()), Some(cache(CacheMode::Ttl)));
        let domains = HashMap::from([("h".to_owned(), old.directory.clone())]);
        let served = ServedDomains { domains, policies: Arc::new(renewed) };
        let new = Authenticator::new(served);
        let sign_in = async || {
            let by = Deadline::after(Instant::now(), 4 * SECOND);
            new.answer(&auth("right"), by).await.verdict
        };
        assert_eq!(sign_in().await, Verdict::Granted);
        let request = Request::SetPass { account: alice(), password: "new".into() };
        assert_eq!(old.ask(&request, 4 * SECOND).await.verdict, Verdict::Granted);
        assert_eq!(sign_in().await, WRONG);
    }
}

#[tokio::test(start_paused = true)]
async fn the_password_that_was_set_last_has_the_last_share() {
    let bed = Bed::new(Some(guard()), None);
    let change = Request::SetPass { account: alice(), password: "new".into() };
    assert_eq!(bed.ask(&change, 4 * SECOND).await.verdict, Verdict::Granted);
    for (password, expected) in [("a", WRONG), ("b", WRONG), ("c", HELD)] {
        assert_eq!(bed.sign_in(password).await, expected);
    }
    assert_eq!(bed.sign_in("new").await, Verdict::Granted);
    // Nobody knows which of two changes was the last.
    let bed = Bed::new(Some(guard()), None);
    bed.script(|plan| plan.delay = SECOND);
    let another = Request::SetPass { account: alice(), password: "another".into() };
    let (first, second) = tokio::join!(bed.ask(&change, 4 * SECOND), bed.ask(&another, 4 * SECOND));
    assert_eq!([first.verdict, second.verdict], [Verdict::Granted; 2]);
    bed.script(|plan| plan.delay = Duration::ZERO);
    for password in ["a", "b", "c"] {
        assert_eq!(bed.sign_in(password).await, WRONG);
    }
}
