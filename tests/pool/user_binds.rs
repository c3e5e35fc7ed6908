//! Binds as users, of which none is sent more often than it may be.

use super::*;

#[tokio::test]
async fn the_pool_bounds_the_binds_and_the_wait_counts() {
    let (server, port) = Server::start().await;
    let directory = directory(&format!("ldap://127.0.0.1:{port}"));
    server.set(Step::Bind, Fate::Slow);
    let mut tasks = tokio::task::JoinSet::new();
    // Two at once, 150 ms each, 600 ms in all: eight can be served, the others cannot.
    for _ in 0..12 {
        let directory = Arc::clone(&directory);
        tasks.spawn(async move { sign_in(&directory).await });
    }
    let verdicts = tasks.join_all().await;
    let granted = verdicts.iter().filter(|verdict| **verdict == Verdict::Granted).count();
    let late = verdicts
        .iter()
        .filter(|verdict| {
            matches!(
                verdict,
                Verdict::Unavailable(
                    Outage::BindUnanswered | Outage::DeadlinePassed | Outage::Overloaded
                )
            )
        })
        .count();
    assert!(granted >= 2 && granted + late == 12, "{verdicts:?}");
    assert!(directory.directory().open_connections() <= 2);
}

#[tokio::test]
async fn a_bind_that_waits_for_a_person_is_sent_once() {
    let (servers, directory) = pair(SEARCH).await;
    servers[0].set(Step::Bind, Fate::Confirmed);
    for round in 1..=2 {
        let verdict = sign_in_within(&directory, Duration::from_secs(4)).await;
        assert_eq!((verdict, binds(&servers)), (Verdict::Granted, [round, 0]));
    }
}

#[tokio::test]
async fn a_bind_that_nobody_answers_is_told_from_a_directory_that_is_absent() {
    // A server that was there before the bind may be gone when it is sent; one that hangs up is there.
    for (fate, of_searched, of_made_up) in [
        (Fate::Never, Outage::BindUnanswered, Outage::BindUnanswered),
        (Fate::HangUp, Outage::BindUnanswered, Outage::LostConnection),
        (Fate::Dead, Outage::DeadlinePassed, Outage::DeadlinePassed),
    ] {
        let (server, port) = Server::start().await;
        server.set(Step::Bind, fate);
        let url = format!("ldap://127.0.0.1:{port}");
        for (directory, outage) in [(directory(&url), of_searched), (made_up(&url), of_made_up)] {
            let verdict = sign_in_within(&directory, Duration::from_secs(2)).await;
            assert_eq!(verdict, Verdict::Unavailable(outage), "{fate:?}");
            if fate == Fate::HangUp {
                let by = Deadline::after(Instant::now(), Duration::from_secs(2));
                let permit = Permit::unguarded();
                let outcome = ldap::sign_in_by(&directory, "a", "secret", &permit, by).await;
                assert!(outcome.detail.unwrap().contains("closed"), "{outage:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_server_that_dies_behind_a_search_is_absent_before_that_is_found_out() {
    for (fate, outage) in
        [(Fate::Never, Outage::BindUnanswered), (Fate::Dead, Outage::DeadlinePassed)]
    {
        let (server, port) = Server::start().await;
        server.set(Step::Bind, fate);
        let directory = directory_within(&[&format!("ldap://127.0.0.1:{port}")], SEARCH, "20s");
        assert_eq!(sign_in(&directory).await, Verdict::Unavailable(outage), "{fate:?}");
    }
}

#[tokio::test]
async fn a_bind_is_sent_once_more_where_its_server_died() {
    let (servers, directory) = pair(SEARCH).await;
    for is_warm in [false, true] {
        if is_warm {
            servers[0].set(Step::Bind, Fate::Ok);
            let started = Instant::now();
            let [before, _] = binds(&servers);
            while binds(&servers)[0] == before {
                assert!(started.elapsed() < Duration::from_secs(20));
                assert_eq!(sign_in(&directory).await, Verdict::Granted);
            }
        }
        let [first, second] = binds(&servers);
        servers[0].set(Step::Bind, Fate::Dead);
        let verdict = sign_in_within(&directory, Duration::from_secs(4)).await;
        assert_eq!(verdict, Verdict::Granted);
        // A server that has answered nothing yet is asked something else first.
        let sent_to_first = usize::from(is_warm);
        assert_eq!(binds(&servers), [first + sent_to_first, second + 1], "warm: {is_warm}");
    }
}

#[tokio::test]
async fn no_password_goes_on_an_idle_connection_that_was_swallowed() {
    let (server, port) = Server::start().await;
    let url = format!("ldap://127.0.0.1:{port}");
    let directory = directory_of(&[&url], "user_dn = \"uid={localpart},dc=x\"");
    assert_eq!(sign_in(&directory).await, Verdict::Granted);
    sleep(Duration::from_millis(5100)).await;
    server.swallowed.store(server.accepted.load(Ordering::SeqCst), Ordering::SeqCst);
    let verdict = sign_in_within(&directory, Duration::from_secs(8)).await;
    assert_eq!(verdict, Verdict::Granted);
    assert_eq!(server.binds.load(Ordering::SeqCst), 2, "it was sent again, or not at all");
}

#[tokio::test]
async fn a_bind_on_which_every_server_hangs_up_is_sent_twice_at_most() {
    let (servers, directory) = pair("user_dn = \"uid={localpart},dc=x\"").await;
    servers.iter().for_each(|server| server.set(Step::Bind, Fate::HangUp));
    for round in 1..=4 {
        let verdict = sign_in_within(&directory, Duration::from_secs(4)).await;
        assert_eq!(verdict, Verdict::Unavailable(Outage::BindUnanswered));
        assert!(binds(&servers).iter().sum::<usize>() <= 2 * round);
    }
}

#[tokio::test]
async fn binds_that_wait_for_a_person_leave_their_places_to_others() {
    let (server, port) = Server::start().await;
    let directory = read(&format!(
        "servers = [\"ldap://127.0.0.1:{port}\"]\nuser_dn = \"uid={{localpart}},dc=x\"\n\
         connect_within = \"200ms\"\npool.size = 1"
    ));
    server.set(Step::Bind, Fate::Never);
    let mut waiting = tokio::task::JoinSet::new();
    // One has the place, and seven may leave it.
    for _ in 0..8 {
        let directory = Arc::clone(&directory);
        waiting.spawn(async move { sign_in_within(&directory, Duration::from_secs(60)).await });
    }
    let started = Instant::now();
    while server.binds.load(Ordering::SeqCst) < 8 {
        assert!(started.elapsed() < Duration::from_secs(50), "{:?}", server.binds);
        sleep(Duration::from_millis(50)).await;
    }
    // The last one stays there.
    server.set(Step::Bind, Fate::Ok);
    let verdict = sign_in_within(&directory, Duration::from_secs(5)).await;
    assert_eq!(verdict, Verdict::Unavailable(Outage::DeadlinePassed));
    assert_eq!(directory.directory().open_connections(), 8);
    waiting.shutdown().await;
    assert_eq!(sign_in_within(&directory, Duration::from_secs(2)).await, Verdict::Granted);
    assert_eq!(directory.directory().open_connections(), 1);
}
