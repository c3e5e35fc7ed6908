//! What Prosody's mod_auth_http and MongooseIM ask, and what they are answered.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use xmpp_ldap_auth::listen::settings::{HttpTerms, ListenerTerms};
use xmpp_ldap_auth::protocol::http::reply::Status;
use xmpp_ldap_auth::request::Verb;

use crate::{
    AUTHORIZATION, RIGHT, Scripted, WRONG, connect, front, get, post, serve, terms, usual,
};

#[tokio::test]
async fn each_question_has_its_statuses() {
    let mut served = usual();
    for (request, status, body) in [
        (get(RIGHT), 200, "true"),
        (get(WRONG), 200, "false"),
        (get("/user_exists?user=alice&server=example.com"), 200, "true"),
        (get("/user_exists?user=alice&server=example.com&pass="), 200, "true"),
        (get("/user_exists?user=bob&server=example.com"), 200, "false"),
        (get("/check_password?user=bob&server=example.com&pass=s3cret"), 200, "false"),
        (get("/check_password?user=alice&server=other.example&pass=s3cret"), 200, "false"),
        (get("/check_password?user=alice&server=EXAMPLE.com&pass=s3cret"), 200, "true"),
        (get("/check_password?user=out&server=example.com&pass=x"), 400, "no-server"),
        (get("/user_exists?user=out&server=example.com"), 400, "no-server"),
        (get("/check_password?user=panic&server=example.com&pass=x"), 400, "internal"),
        (post("/set_password", "user=alice&server=example.com&pass=weak"), 403, "password-refused"),
        (post("/set_password", "user=bob&server=example.com&pass=n"), 403, "unknown-user"),
        (post("/set_password", "user=alice&server=other.example&pass=n"), 403, "unknown-domain"),
        (post("/set_password", "user=out&server=example.com&pass=n"), 400, "no-server"),
        (post("/set_password", "user=alice&server=example.com&pass=n%20w+"), 204, ""),
        (get("/check_password?user=alice&server=example.com&pass=n+w%20"), 200, "true"),
        (get("/get_password?user=alice&server=example.com&pass="), 403, "unsupported"),
        (get("/get_certs?user=alice&server=example.com&pass="), 403, "unsupported"),
        (post("/register", "user=alice&server=example.com&pass=x"), 403, "unsupported"),
        (post("/remove_user", "user=alice&server=example.com"), 403, "unsupported"),
        (get("/"), 403, "unsupported"),
        (get("/check_password/?user=alice&server=example.com&pass=x"), 403, "unsupported"),
    ] {
        let answer = served.client.ask(&request).await;
        assert_eq!(answer.brief(), (status, body), "{request}");
        assert!(!answer.closes(), "{request}");
    }
}

#[tokio::test]
async fn what_is_no_account_or_no_password_is_a_no() {
    let answerer = Scripted::knowing("s3cret");
    let mut served = serve(terms(), &answerer);
    for fields in [
        "",
        "user=alice&server=example.com",
        "user=alice&pass=s3cret",
        "server=example.com&pass=s3cret",
        "user=&server=example.com&pass=s3cret",
        "user=alice&server=&pass=s3cret",
        "user=alice&server=example.com&pass=s3cret%0A",
        "user=alice&server=example.com&pass=s3cret%00",
        "user=alice&server=example.com&pass=s3cret%7F",
        "user=alice&server=example.com&pass=s3cret%C2%85",
        "user=alice%0A&server=example.com&pass=s3cret",
        "user=alice&server=example.com%0d&pass=s3cret",
        "user=alice&server=example.com&pass=s3cret%",
        "user=alice&server=example.com&pass=s3cret%g0",
        "user=alice&server=example.com&pass=%FF",
        "user=alice&server=example.com&pass=%ED%A0%80",
        "user=alice%FF&server=example.com&pass=s3cret",
        "user=Alice&server=example.com&pass=s3cret",
    ] {
        let answer = served.client.ask(get(&format!("/check_password?{fields}"))).await;
        assert_eq!(answer.brief(), (200, "false"), "{fields}");
        let answer = served.client.ask(post("/set_password", fields)).await;
        assert_eq!(answer.brief(), (403, "malformed"), "{fields}");
    }
    assert_eq!(answerer.asked(), 0);
    let empty = get("/check_password?user=alice&server=example.com&pass=");
    assert_eq!(served.client.ask(empty).await.brief(), (200, "false"));
}

#[tokio::test]
async fn a_field_given_twice_is_refused() {
    let answerer = Scripted::knowing("s3cret");
    let mut served = serve(terms(), &answerer);
    for field in ["user=alice", "user=bob", "server=example.com", "pass=s3cret", "%70ass=x", "pass"]
    {
        for fields in [
            format!("{field}&user=alice&server=example.com&pass=s3cret"),
            format!("user=alice&server=example.com&pass=s3cret&{field}"),
        ] {
            let answer = served.client.ask(get(&format!("/check_password?{fields}"))).await;
            assert_eq!(answer.status, 400, "{fields}");
            let answer = served.client.ask(post("/set_password", &fields)).await;
            assert_eq!(answer.status, 400, "{fields}");
        }
    }
    assert_eq!(answerer.asked(), 0);
}

#[tokio::test]
async fn odd_passwords_arrive_as_they_are_however_they_are_written() {
    for password in [
        "a b",
        "+",
        "%",
        "%41",
        "&pass=x",
        "a=b",
        "a;b",
        "ä€😀",
        "\u{2028}",
        "#?/",
        "\"'\\",
        "p\u{e4}ss w\u{f6}rd",
    ] {
        let mut served = serve(terms(), &Scripted::knowing(password));
        let every: String = password.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let usual: String = password
            .bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
                b' ' => "+".to_owned(),
                byte => format!("%{byte:02x}"),
            })
            .collect();
        for encoded in [every, usual] {
            for fields in [
                format!("user=alice&server=example.com&pass={encoded}"),
                format!("pass={encoded}&x=1&server=example.com&user=alice"),
            ] {
                let answer = served.client.ask(get(&format!("/check_password?{fields}"))).await;
                assert_eq!(answer.brief(), (200, "true"), "{fields}");
                let answer = served.client.ask(post("/set_password", &fields)).await;
                assert_eq!(answer.brief(), (204, ""), "{fields}");
            }
        }
    }
}

#[tokio::test]
async fn a_strangers_long_password_is_answered_as_any_other() {
    let password = "\u{ff}".repeat(32_500);
    let encoded = "%C3%BF".repeat(32_500);
    let mut served = serve(terms(), &Scripted::knowing(&password));
    let fields = format!("user=alice&server=example.com&pass={encoded}");
    let answer = served.client.ask(get(&format!("/check_password?{fields}"))).await;
    assert_eq!(answer.brief(), (200, "true"));
    let answer = served.client.ask(get(&format!("/check_password?{fields}x"))).await;
    assert_eq!(answer.brief(), (200, "false"));
    assert_eq!(served.client.ask(post("/set_password", &fields)).await.status, 204);
}

#[tokio::test]
async fn nobody_asks_without_credentials() {
    let answerer = Scripted::knowing("s3cret");
    let front = front(terms(), &answerer);
    for (field, is_admitted) in [
        (AUTHORIZATION, true),
        ("authorization: basic cHJvc29keTpzM2NyZXQ=\r\n", true),
        ("Authorization: Basic bW9uZ29vc2VpbTpvdGhlcg==\r\n", true),
        ("", false),
        ("Authorization: Basic\r\n", false),
        ("Authorization: Basic cHJvc29keTpzM2NyZXR4\r\n", false),
        ("Authorization: Basic bW9uZ29vc2VpbTpzM2NyZXQ=\r\n", false),
        ("Authorization: Bearer cHJvc29keTpzM2NyZXQ=\r\n", false),
        ("Authorization: Basic cHJvc29keTpzM2NyZXQ=, x\r\n", false),
        ("X-Authorization: Basic cHJvc29keTpzM2NyZXQ=\r\n", false),
    ] {
        for target in [RIGHT, "/get_password", "/nothing"] {
            let mut served = connect(&front);
            let before = answerer.asked();
            let request = format!("GET {target} HTTP/1.1\r\nHost: h\r\n{field}\r\n");
            let answer = served.client.ask(&request).await;
            assert_eq!(answer.status != 401, is_admitted, "{request}");
            let challenge = answer.field("www-authenticate");
            assert_eq!(challenge.is_some_and(|text| text.starts_with("Basic ")), !is_admitted);
            assert!(is_admitted || answerer.asked() == before);
        }
    }
    let mut served = serve(ListenerTerms { http: HttpTerms::default(), ..terms() }, &answerer);
    assert_eq!(served.client.ask(get(RIGHT)).await.status, 401);
}

#[tokio::test]
async fn credentials_are_judged_before_the_body_is_there() {
    let answerer = Scripted::knowing("s3cret");
    let front = front(terms(), &answerer);
    for length in ["Content-Length: 52", "Transfer-Encoding: chunked", "Content-Length: 999999999"]
    {
        let mut served = connect(&front);
        let head = format!("POST /set_password HTTP/1.1\r\nHost: h\r\n{length}\r\n\r\n");
        let answer = served.client.ask(head).await;
        assert_eq!(answer.status, 401, "{length}");
        // What follows is not taken for a request.
        served.client.send(get(RIGHT)).await;
        served.client.finish().await;
        assert!(answer.closes() && served.client.next().await.is_none(), "{length}");
    }
    assert_eq!(answerer.asked(), 0);
}

#[tokio::test]
async fn only_what_the_listener_allows_is_asked() {
    let answerer = Scripted::knowing("s3cret");
    let allowed = ListenerTerms {
        verbs: vec![Verb::Auth],
        domains: Some(vec!["other.example".to_owned()]),
        ..terms()
    };
    let mut served = serve(allowed, &answerer);
    for (request, status, body) in [
        (get(RIGHT), 200, "false"),
        (get("/user_exists?user=alice&server=example.com"), 403, "not-allowed"),
        (post("/set_password", "user=alice&server=example.com&pass=x"), 403, "not-allowed"),
    ] {
        assert_eq!(served.client.ask(&request).await.brief(), (status, body), "{request}");
    }
    assert_eq!(answerer.asked(), 0);
}

#[tokio::test]
async fn the_status_for_cannot_tell_can_be_chosen() {
    let http = HttpTerms { unavailable: Status::ServiceUnavailable, ..terms().http };
    let mut served = serve(ListenerTerms { http, ..terms() }, &Scripted::knowing("s3cret"));
    let request = get("/check_password?user=out&server=example.com&pass=x");
    assert_eq!(served.client.ask(request).await.status, 503);
}

#[tokio::test(start_paused = true)]
async fn who_cannot_be_answered_in_time_is_told_so_in_time() {
    let mut served = usual();
    let asked = Instant::now();
    let request = get("/check_password?user=never&server=example.com&pass=x");
    assert_eq!(served.client.ask(request).await.brief(), (400, "deadline-passed"));
    assert_eq!(asked.elapsed().as_secs(), 2);
    assert_eq!(served.client.ask(get(RIGHT)).await.brief(), (200, "true"));
}

#[tokio::test(start_paused = true)]
async fn a_connection_stays_open_however_long_it_is_idle() {
    let mut served = usual();
    for _ in 0..3 {
        assert_eq!(served.client.ask(get(RIGHT)).await.brief(), (200, "true"));
        sleep(Duration::from_secs(86_400)).await;
    }
}

#[tokio::test]
async fn requests_that_come_together_are_answered_in_their_order() {
    let mut served = usual();
    let requests = [
        get("/check_password?user=slow&server=example.com&pass=x"),
        get(RIGHT),
        post("/set_password", "user=alice&server=example.com&pass=new"),
        get(RIGHT),
        get("/user_exists?user=out&server=example.com"),
    ];
    served.client.send(requests.concat()).await;
    for (status, body) in
        [(200, "false"), (200, "true"), (204, ""), (200, "false"), (400, "no-server")]
    {
        assert_eq!(served.client.next().await.unwrap().brief(), (status, body));
    }
}

#[tokio::test]
async fn other_forms_of_a_request_are_served_too() {
    let mut served = usual();
    let absolute = get(&format!("http://127.0.0.1:5281{RIGHT}"));
    assert_eq!(served.client.ask(absolute).await.brief(), (200, "true"));
    let form = "user=alice&server=example.com&pass=one";
    let chunked = |form: &str| {
        let (first, second) = form.split_at(7);
        format!(
            "POST /set_password HTTP/1.1\r\nHost: h\r\n{AUTHORIZATION}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{first}\r\n{:X};x=y\r\n{second}\r\n0\r\nX: y\r\n\r\n",
            first.len(),
            second.len()
        )
    };
    assert_eq!(served.client.ask(chunked(form)).await.brief(), (204, ""));
    let head = format!(
        "POST /set_password HTTP/1.1\r\nHost: h\r\n{AUTHORIZATION}Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        form.len()
    );
    assert_eq!(served.client.ask(head).await.status, 100);
    assert_eq!(served.client.ask(form).await.brief(), (204, ""));
    let with_body =
        format!("GET {WRONG} HTTP/1.1\r\nHost: h\r\n{AUTHORIZATION}Content-Length: 4\r\n\r\nGET ");
    assert_eq!(served.client.ask(with_body).await.brief(), (200, "false"));
    let last = get(WRONG).replace("Host", "Connection: close\r\nHost");
    let answer = served.client.ask(last).await;
    assert!(answer.closes());
    assert!(served.client.next().await.is_none());
}

#[tokio::test]
async fn a_client_that_closes_its_side_is_answered_all_the_same() {
    let mut served = usual();
    served.client.send(get("/check_password?user=slow&server=example.com&pass=x")).await;
    served.client.finish().await;
    assert_eq!(served.client.next().await.unwrap().brief(), (200, "false"));
    assert!(served.client.next().await.is_none());
    served.task.await.unwrap();
}

#[tokio::test]
async fn when_the_daemon_ends_what_is_open_is_answered() {
    let front = front(terms(), &Scripted::knowing("s3cret"));
    let (mut idle, mut busy, fresh) = (connect(&front), connect(&front), connect(&front));
    assert_eq!(idle.client.ask(get(RIGHT)).await.brief(), (200, "true"));
    busy.client.send(get("/user_exists?user=slow&server=example.com")).await;
    while front.counts().in_flight.load(std::sync::atomic::Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    front.close();
    assert!(idle.client.next().await.is_none());
    let answer = busy.client.next().await.unwrap();
    assert_eq!(answer.brief(), (200, "false"));
    assert!(answer.closes());
    for mut served in [idle, busy, fresh] {
        served.client.finish().await;
        served.task.await.unwrap();
        assert!(Arc::ptr_eq(&served.front, &front));
    }
}
