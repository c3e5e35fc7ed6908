//! What a server takes no request for, or only once.

use super::*;

#[tokio::test]
async fn a_session_that_lost_its_bind_is_replaced() {
    let server = Server::start(|request| {
        let words = b"000004DC: LdapErr: DSID-0C090A5C";
        let mut fields = vec![0x0a, 1, 1, 4, 0, 4, u8::try_from(words.len()).unwrap()];
        fields.extend_from_slice(words);
        let is_lost = request.is_search() && request.connection == 0 && request.id > 2;
        Some(if is_lost { message(request.id, 0x65, &fields) } else { request.good() })
    })
    .await;
    let domain = domain(&[&server], "");
    for _ in 0..3 {
        assert_eq!(sign_in(&domain, "right").await, Verdict::Granted);
    }
    assert_eq!(server.count(Request::is_service_bind), 2);
}

#[tokio::test]
async fn a_server_that_takes_no_policy_control_is_asked_without() {
    for code in [None, Some(2), Some(12)] {
        let server = Server::start(move |request| {
            if request.operation == BIND && !request.controls.is_empty() {
                return code.map(|code| request.result(code));
            }
            Some(request.good())
        })
        .await;
        let domain = domain(&[&server], "");
        let started = Instant::now();
        while sign_in(&domain, "right").await != Verdict::Granted {
            assert!(started.elapsed() < Duration::from_secs(6), "{code:?}");
            sleep(Duration::from_millis(50)).await;
        }
        let asked =
            || server.count(|request| request.operation == BIND && !request.controls.is_empty());
        let before = asked();
        assert_eq!(sign_in(&domain, "wrong").await, WRONG, "{code:?}");
        assert_eq!(asked(), before, "{code:?}");
    }
}

#[tokio::test]
async fn a_server_that_hung_up_for_another_reason_is_still_asked_for_its_policy() {
    let server = Server::start(|request| {
        (request.connection > 0 || request.operation != BIND).then(|| request.good())
    })
    .await;
    let domain = domain(&[&server], "");
    let started = Instant::now();
    while sign_in(&domain, "right").await != Verdict::Granted {
        assert!(started.elapsed() < Duration::from_secs(6));
        sleep(Duration::from_millis(50)).await;
    }
    let without = |request: &Request| request.operation == BIND && request.controls.is_empty();
    assert_eq!(server.count(without), 0);
    assert!(server.count(Request::is_user_bind) > 0);
}

#[tokio::test]
async fn pages_are_as_large_as_the_server_takes_them() {
    for most in [Some(100), Some(10), Some(7), None] {
        let server = Server::start(move |request| {
            let is_too_large =
                request.page().is_some_and(|size| most.is_none_or(|most| size > most));
            Some(if is_too_large { request.result(11) } else { request.good() })
        })
        .await;
        let keys =
            "require_group = \"cn=g,dc=x\"\ngroup_method = \"member\"\ngroup_base = \"dc=x\"";
        let domain = domain(&[&server], keys);
        assert_eq!(sign_in(&domain, "right").await, Verdict::Granted, "{most:?}");
        let refused = || {
            server.count(|request| {
                request.page().is_some_and(|size| most.is_none_or(|most| size > most))
            })
        };
        let before = refused();
        assert!(before > 0, "{most:?}");
        assert_eq!(sign_in(&domain, "right").await, Verdict::Granted, "{most:?}");
        assert_eq!(refused(), before, "{most:?}: it is remembered");
    }
}

#[tokio::test]
async fn one_bind_a_connection_is_enough_where_no_more_are_taken() {
    let server = Server::start(|request| {
        Some(if request.user_binds > 1 { request.result(49) } else { request.good() })
    })
    .await;
    let domain = domain(&[&server], "pool.reuse = false");
    for _ in 0..4 {
        assert_eq!(sign_in(&domain, "right").await, Verdict::Granted);
    }
    assert_eq!(server.count(|request| request.is_user_bind() && request.user_binds > 1), 0);
}

#[tokio::test]
async fn connections_that_end_while_a_server_is_away_say_nothing_about_what_it_takes() {
    // A balancer accepts for it, and closes.
    let is_away = Arc::new(AtomicBool::new(true));
    let away = Arc::clone(&is_away);
    let server =
        Server::start(move |request| (!away.load(Ordering::SeqCst)).then(|| request.good())).await;
    for was_well in [false, true] {
        let domain = domain(&[&server], "");
        if was_well {
            assert_eq!(sign_in(&domain, "right").await, Verdict::Granted);
        }
        is_away.store(true, Ordering::SeqCst);
        for _ in 0..4 {
            assert!(matches!(sign_in(&domain, "right").await, Verdict::Unavailable(_)));
        }
        is_away.store(false, Ordering::SeqCst);
        server.seen.lock().unwrap().clear();
        let started = Instant::now();
        while sign_in(&domain, "right").await != Verdict::Granted {
            assert!(started.elapsed() < Duration::from_secs(20));
            sleep(Duration::from_millis(50)).await;
        }
        let without = |request: &Request| request.operation == BIND && request.controls.is_empty();
        assert_eq!(server.count(without), 0, "{was_well}");
    }
}

#[tokio::test]
async fn a_refused_service_password_is_tried_once_however_often_its_directory_is_made_anew() {
    let server = Server::start(|request| {
        Some(if request.is_service_bind() { request.result(49) } else { request.good() })
    })
    .await;
    let refused = Arc::new(RefusedLogins::default());
    for others_work in [false, true, false] {
        let domain = domain_after(&[&server], "", &refused);
        let tried = domain.directory().try_out(others_work, soon()).await;
        let refusal = Verdict::Unavailable(Outage::ServiceBind { code: Some(49) });
        assert_eq!(tried.unwrap_err().verdict, refusal);
        assert_eq!(sign_in(&domain, "right").await, refusal);
    }
    assert_eq!(server.count(Request::is_service_bind), 1);
}

#[tokio::test]
async fn of_two_service_passwords_one_that_was_refused_is_not_tried_a_moment_later() {
    let is_changed = Arc::new(AtomicBool::new(false));
    let now = Arc::clone(&is_changed);
    let server = Server::start(move |request| {
        let is_changed = now.load(Ordering::SeqCst);
        match request.operation {
            // The session ends, so that another one is bound.
            SEARCH if is_changed => None,
            BIND if request.is_service_bind() && (is_changed || !request.has(b"other")) => {
                Some(request.result(49))
            }
            _ => Some(request.good()),
        }
    })
    .await;
    let other = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(other.path(), "other").unwrap();
    let keys = format!("[directory.d.rotation]\nbind_password_file = {:?}", other.path());
    let domain = domain(&[&server], &keys);
    assert_eq!(sign_in(&domain, "right").await, Verdict::Granted);
    assert_eq!(server.count(Request::is_service_bind), 2);
    is_changed.store(true, Ordering::SeqCst);
    let refusal = Verdict::Unavailable(Outage::ServiceBind { code: Some(49) });
    for _ in 0..3 {
        assert_eq!(sign_in(&domain, "right").await, refusal);
    }
    assert_eq!(server.count(Request::is_service_bind), 3);
}

#[tokio::test]
async fn every_session_ends_with_an_unbind() {
    let server = Server::start(|request| Some(request.good())).await;
    let domain = domain(&[&server], "");
    assert_eq!(sign_in(&domain, "right").await, Verdict::Granted);
    drop(domain);
    let started = Instant::now();
    while server.count(|request| request.operation == UNBIND) < 2 {
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", server.seen.lock().unwrap());
        sleep(Duration::from_millis(5)).await;
    }
}
