//! Servers that hang, or are all away.

use super::*;

async fn comes_back_only_when_it_does_its_work(step: Step, lost: usize) {
    let within = Duration::from_secs(3);
    let (servers, directory) = pair(SEARCH).await;
    servers[0].set(step, Fate::Never);
    for _ in 0..lost {
        assert_eq!(
            sign_in_within(&directory, within).await,
            expected(step, Fate::Never),
            "{step:?}"
        );
    }
    assert_eq!(sign_in_within(&directory, within).await, Verdict::Granted, "{step:?}");
    // It answers its root DSE all the time.
    let started = Instant::now();
    while started.elapsed() < 2 * within {
        let asked = Instant::now();
        assert_eq!(sign_in_within(&directory, within).await, Verdict::Granted, "{step:?}");
        assert!(asked.elapsed() < within / 6, "{step:?}: {:?}", asked.elapsed());
        sleep(within / 30).await;
    }
    let [before, _] = binds(&servers);
    servers[0].set(step, Fate::Ok);
    let started = Instant::now();
    while binds(&servers)[0] < before + 3 {
        assert!(started.elapsed() < Duration::from_secs(30), "{step:?}: it never came back");
        assert_eq!(sign_in_within(&directory, within).await, Verdict::Granted, "{step:?}");
        sleep(within / 30).await;
    }
}

#[tokio::test]
async fn a_server_that_hangs_in_its_work_comes_back_only_when_it_does_it_again() {
    tokio::join!(
        comes_back_only_when_it_does_its_work(Step::Connect, 0),
        comes_back_only_when_it_does_its_work(Step::Search, 0),
        // Each of the first two may have waited for a person.
        comes_back_only_when_it_does_its_work(Step::Bind, 2),
    );
}

#[tokio::test]
async fn servers_that_take_connections_and_answer_nothing_cost_no_sign_in_a_second() {
    for hangs_up in [false, true] {
        for lookup in [SEARCH, "user_dn = \"uid={localpart},dc=x\""] {
            let (mut mute, mut urls) = (Vec::new(), Vec::new());
            for _ in 0..8 {
                let (listener, port) = ldap::bind().await;
                urls.push(format!("ldap://127.0.0.1:{port}"));
                if hangs_up {
                    ldap::serve(listener, &Arc::new(()), async |_, _, stream| drop(stream));
                } else {
                    // What nobody accepts is connected all the same.
                    mute.push(listener);
                }
            }
            let (server, port) = Server::start().await;
            urls.push(format!("ldap://127.0.0.1:{port}"));
            let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
            let directory = directory_within(&urls, lookup, "2s");
            let started = Instant::now();
            let verdict = sign_in_within(&directory, Duration::from_secs(4)).await;
            assert_eq!(verdict, Verdict::Granted, "{hangs_up} {lookup}");
            assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
            assert_eq!(server.binds.load(Ordering::SeqCst), 1);
        }
    }
}

/// There are servers to which whoever has not signed in may ask nothing.
#[tokio::test]
async fn servers_that_like_no_question_before_a_bind_do_their_work() {
    for fate in [Fate::HangUp, Fate::Never] {
        let (servers, directory) = pair(SEARCH).await;
        servers.iter().for_each(|server| server.set(Step::RootDse, fate));
        for _ in 0..3 {
            let verdict = sign_in_within(&directory, Duration::from_secs(4)).await;
            assert_eq!(verdict, Verdict::Granted, "{fate:?}");
        }
    }
}

#[tokio::test]
async fn an_outage_is_told_to_all_who_wait_at_once() {
    for lookup in [SEARCH, "user_dn = \"uid={localpart},dc=x\""] {
        let black_hole = Unreachable::start().unwrap();
        let directory = directory_of(&[&black_hole.url()], lookup);
        let kept = Arc::clone(&directory);
        tokio::spawn(async move { kept.directory().maintain().await });
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(7) {
            let _ = sign_in(&directory).await;
            sleep(WITHIN / 10).await;
        }
        let within = Duration::from_secs(20);
        let started = Instant::now();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..64 {
            let directory = Arc::clone(&directory);
            tasks.spawn(async move { sign_in_within(&directory, within).await });
        }
        for verdict in tasks.join_all().await {
            assert_eq!(verdict, Verdict::Unavailable(Outage::NoServer));
        }
        assert!(started.elapsed() < Duration::from_millis(900), "{:?}", started.elapsed());
    }
}

#[tokio::test]
async fn a_server_that_hangs_keeps_nobody_waiting_once_it_is_taken_for_down() {
    async fn hangs(with_service: bool) {
        let (server, port) = Server::start().await;
        let url = format!("ldap://127.0.0.1:{port}");
        let directory = if with_service { directory(&url) } else { made_up(&url) };
        let kept = Arc::clone(&directory);
        tokio::spawn(async move { kept.directory().maintain().await });
        assert_eq!(sign_in_within(&directory, 10 * WITHIN).await, Verdict::Granted);
        // It accepts connections, and reads.
        server.swallowed.store(usize::MAX, Ordering::SeqCst);
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(12) {
            let _ = sign_in(&directory).await;
            sleep(WITHIN / 10).await;
        }
        for _ in 0..3 {
            let started = Instant::now();
            let verdict = sign_in_within(&directory, Duration::from_secs(20)).await;
            assert_eq!(verdict, Verdict::Unavailable(Outage::NoServer), "{with_service}");
            assert!(started.elapsed() < 2 * WITHIN, "{with_service}: {:?}", started.elapsed());
        }
        server.swallowed.store(0, Ordering::SeqCst);
        let started = Instant::now();
        while sign_in(&directory).await != Verdict::Granted {
            assert!(started.elapsed() < Duration::from_secs(20), "it never came back");
            sleep(WITHIN / 10).await;
        }
    }
    tokio::join!(hangs(true), hangs(false));
}

#[tokio::test]
async fn a_single_server_that_is_only_slow_is_never_taken_for_down() {
    let delay = Duration::from_secs(1);
    let (_server, port) = Server::start().await;
    let proxy = Proxy::start(([127, 0, 0, 1], port).into()).unwrap();
    proxy.set(Fault::Delay(delay));
    // What is the default of a request that may take four seconds.
    let directory = directory_within(&[&proxy.url()], SEARCH, "1s");
    let kept = Arc::clone(&directory);
    tokio::spawn(async move { kept.directory().maintain().await });
    let kept = Arc::clone(&directory);
    let watching = tokio::spawn(async move {
        while !kept.directory().is_out() {
            sleep(Duration::from_millis(5)).await;
        }
    });
    // It is doubted because somebody had no time to wait for it.
    let verdict = sign_in_within(&directory, delay / 2).await;
    assert!(matches!(verdict, Verdict::Unavailable(_)), "{verdict:?}");
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..30 {
        let directory = Arc::clone(&directory);
        tasks.spawn(async move {
            let account = Account::new("a", "h").unwrap();
            directory.find(&account, Deadline::after(Instant::now(), 4 * delay)).await.is_ok()
        });
    }
    assert!(tasks.join_all().await.into_iter().all(|is_found| is_found));
    assert_eq!(sign_in_within(&directory, 4 * delay).await, Verdict::Granted);
    // More sessions are opened for the many, and every trial ends.
    sleep(4 * delay).await;
    assert!(!watching.is_finished(), "it was taken for down");
}
