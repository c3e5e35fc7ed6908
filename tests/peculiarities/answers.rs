//! Answers that judge nobody, or that are not what was asked for.

use super::*;

#[tokio::test]
async fn who_answers_and_judges_nobody_is_passed_over() {
    let steps: [Pick; 3] = [Request::is_service_bind, Request::is_search, Request::is_user_bind];
    for (step, is_step) in steps.into_iter().enumerate() {
        for code in [1, 3, 11, 80, 51, 52, 53] {
            if code == 53 && step == 2 {
                continue;
            }
            let context = format!("step {step}, code {code}");
            let answer = move |request: &Request| {
                Some(if is_step(request) { request.result(code) } else { request.good() })
            };
            let ill = Server::start(answer).await;
            let well = Server::start(|request| Some(request.good())).await;
            let both = domain(&[&ill, &well], "");
            assert_eq!(sign_in(&both, "right").await, Verdict::Granted, "{context}");
            assert_eq!(sign_in(&both, "wrong").await, WRONG, "{context}");
            assert!(ill.count(is_step) > 0, "{context}");
            if !(51..=53).contains(&code) {
                // Alone it is asked once, because it would say the same again.
                let alone = Server::start(answer).await;
                let verdict = sign_in(&domain(&[&alone], ""), "right").await;
                assert!(matches!(verdict, Verdict::Unavailable(_)), "{context}: {verdict:?}");
                assert_eq!(alone.count(is_step), 1, "{context}");
            }
        }
    }
}

#[tokio::test]
async fn one_account_that_a_server_cannot_ask_about_now_keeps_nobody_waiting() {
    type IsStep = fn(&Request) -> bool;
    let steps: [(IsStep, &str); 2] = [(Request::is_search, "ill"), (Request::is_user_bind, "a")];
    let each = steps.into_iter().flat_map(|(step, user)| [51, 52].map(|code| (step, user, code)));
    for (is_step, user, code) in each {
        let server = Server::start(move |request| {
            let is_ill = is_step(request) && request.has(b"ill");
            Some(if is_ill { request.result(code) } else { request.good() })
        })
        .await;
        let domain = Arc::new(domain(&[&server], ""));
        let kept = Arc::clone(&domain);
        tokio::spawn(async move { kept.directory().maintain().await });
        for _ in 0..5 {
            let started = Instant::now();
            let verdict = sign_in_as(&domain, user, "ill").await;
            assert!(matches!(verdict, Verdict::Unavailable(_)), "{code}: {verdict:?}");
            assert!(started.elapsed() < Duration::from_secs(2), "{code}");
            assert!(!domain.directory().is_out(), "{code}");
            assert_eq!(sign_in(&domain, "right").await, Verdict::Granted, "{code}");
        }
    }
}

#[tokio::test]
async fn the_first_of_two_answers_counts() {
    let server = Server::start(|request| {
        let contrary = if request.has(b"wrong") { 0 } else { 49 };
        Some(match request.operation {
            BIND => [request.good(), request.result(contrary)].concat(),
            _ => request.good(),
        })
    })
    .await;
    let domain = domain(&[&server], "");
    for (password, verdict) in
        [("right", Verdict::Granted), ("wrong", WRONG), ("right", Verdict::Granted)]
    {
        assert_eq!(sign_in(&domain, password).await, verdict);
    }
}

#[tokio::test]
async fn an_entry_that_nobody_can_name_fails_its_own_request() {
    let server = Server::start(|request| {
        let is_second = request.is_search() && request.id == 3;
        Some(if is_second { request.entry(b"cn=\xff,dc=x") } else { request.good() })
    })
    .await;
    let domain = domain(&[&server], "");
    assert_eq!(sign_in(&domain, "right").await, Verdict::Granted);
    assert_eq!(sign_in(&domain, "right").await, Verdict::Unavailable(Outage::UnreadableEntry));
    assert_eq!(sign_in(&domain, "right").await, Verdict::Granted);
    assert_eq!(server.count(Request::is_service_bind), 1);
}

#[tokio::test]
async fn an_answer_that_is_too_large_fails_its_own_request() {
    let server = Server::start(|request| {
        let is_large = request.is_search() && request.has(b"large");
        Some(if is_large {
            let length: u32 = (8 << 20) + 1;
            let mut message = vec![0x30, 0x84];
            message.extend(length.to_be_bytes());
            message.extend([2, 1, request.id, 0x64]);
            message.resize(6 + usize::try_from(length).unwrap(), 0);
            [message, request.result(0)].concat()
        } else {
            request.good()
        })
    })
    .await;
    let domain = domain(&[&server], "");
    assert_eq!(sign_in(&domain, "right").await, Verdict::Granted);
    for _ in 0..2 {
        let (large, right) =
            tokio::join!(sign_in_as(&domain, "large", "x"), sign_in(&domain, "right"));
        assert_eq!(large, Verdict::Unavailable(Outage::UnreadableEntry));
        assert_eq!(right, Verdict::Granted);
    }
    assert!(!domain.directory().is_out());
    assert_eq!(server.count(Request::is_service_bind), 1);
}

#[tokio::test]
async fn references_alone_judge_nobody() {
    let server = Server::start(|request| {
        if !request.is_search() {
            return Some(request.good());
        }
        let reference = message(request.id, 0x73, b"\x04\x11ldap://other/dc=y");
        Some([reference, request.result(0)].concat())
    })
    .await;
    let account = Account::new("a", "h").unwrap();
    let outcome = domain(&[&server], "").exists(&account, soon()).await;
    assert_eq!(outcome.verdict, Verdict::Unavailable(Outage::Referral));
    assert!(outcome.detail.unwrap().contains("ldap://other/dc=y"));
}

#[tokio::test]
async fn a_change_goes_on_to_a_server_that_takes_it() {
    let replica = Server::start(|request| {
        Some(if request.operation == EXTENDED { request.result(10) } else { request.good() })
    })
    .await;
    let provider = Server::start(|request| Some(request.good())).await;
    let account = Account::new("a", "h").unwrap();
    for (servers, verdict) in [
        (&[&*replica, &*provider][..], Verdict::Granted),
        (&[&*replica], Verdict::Unavailable(Outage::ReadOnly)),
    ] {
        let domain = domain(servers, "set_password = \"exop\"");
        let target = domain.find_to_change(&account, soon()).await.unwrap();
        let password = SecretString::from("new");
        assert_eq!(domain.set_password(&target, &password, soon()).await.verdict, verdict);
    }
    assert_eq!(replica.count(|request| request.operation == EXTENDED), 2);
}

/// Where the bytes of a message are whole, the others on the stream are what they are.
#[tokio::test]
async fn what_is_not_well_formed_within_a_message_fails_its_own_request() {
    let odd_entry = (0x64, Outage::UnreadableEntry);
    for ((tag, outage), content) in [
        (odd_entry, &b""[..]),
        (odd_entry, b"\x04\x09cn=a,dc=x\x31\x00"),
        (odd_entry, b"\x04\x09cn=a,dc=x\x30\x04\x30\x02\x04\x00"),
        (odd_entry, b"\x04\x09cn=a,dc=x\x30\x00\x04\x00"),
        ((0x73, Outage::BadReply), b"\x05\x00"),
        ((0x65, Outage::BadReply), b"\x0a\x05\x00\x00\x00\x00\x00\x04\x00\x04\x00"),
    ] {
        let server = Server::start(move |request| {
            let is_odd = request.is_search() && request.has(b"odd");
            Some(if is_odd {
                [message(request.id, tag, content), request.result(0)].concat()
            } else {
                request.good()
            })
        })
        .await;
        let domain = domain(&[&server], "");
        assert_eq!(sign_in(&domain, "right").await, Verdict::Granted);
        let odd = join_all((0..3).map(|_| sign_in_as(&domain, "odd", "x")));
        let right = join_all((0..3).map(|_| sign_in(&domain, "right")));
        let (odd, right) = tokio::join!(odd, right);
        assert_eq!(odd, [Verdict::Unavailable(outage); 3], "{content:?}");
        assert_eq!(right, [Verdict::Granted; 3], "{content:?}");
        if outage == Outage::UnreadableEntry {
            assert_eq!(server.count(Request::is_service_bind), 1, "{content:?}");
            assert!(!domain.directory().is_out());
        }
    }
}
