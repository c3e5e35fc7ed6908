//! Clients that break the rules: each gets a 4xx or a closed connection, and never a yes.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep};
use xmpp_ldap_auth::listen::front::Client;
use xmpp_ldap_auth::listen::http;

use crate::{AUTHORIZATION, RIGHT, Scripted, connect, front, get, post, terms, usual};

/// What a yes could be smuggled by: it comes behind what is not to be read as it is meant.
fn smuggled(head: &str) -> String {
    let inner = get(RIGHT);
    head.replace("LENGTH", &inner.len().to_string()) + &inner
}

#[tokio::test]
async fn what_could_be_cut_in_two_ways_is_refused_and_nothing_behind_it_is_read() {
    let start = format!("POST /set_password HTTP/1.1\r\nHost: h\r\n{AUTHORIZATION}");
    let answerer = Scripted::knowing("s3cret");
    let front = front(terms(), &answerer);
    for head in [
        "Content-Length: LENGTH\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: LENGTH\r\n\r\n0\r\n\r\n",
        "Content-Length: 0\r\nContent-Length: LENGTH\r\n\r\n",
        "Content-Length: LENGTH\r\nContent-Length: 0\r\n\r\n",
        "Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
        "Content-Length: 0, 0\r\n\r\n",
        "Content-Length: +0\r\n\r\n",
        "Content-Length : LENGTH\r\n\r\n",
        "Content-Length\r\n: LENGTH\r\n\r\n",
        "Content-Length: 0\r\n Content-Length: LENGTH\r\n\r\n",
        "X: y\r\n\tz\r\nContent-Length: 0\r\n\r\n",
        "X: y\nContent-Length: 0\r\n\r\n",
        "X: y\rContent-Length: LENGTH\r\n\r\n",
        "X: y\0\r\nContent-Length: 0\r\n\r\n",
        "Content-Length: 0\n\n",
        "Content-Length: 0\r\n\n",
        "\nContent-Length: 0\r\n\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: identity\r\n\r\n",
        "Transfer-Encoding: xchunked\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n0\n\n",
        "Transfer-Encoding: chunked\r\n\r\n0\r\n\n",
        "Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n-0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n2\r\nab0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n100000000000000000\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n0;x\ny\r\n\r\n",
        "Host: other\r\n\r\n",
        "Content-Length: 18446744073709551616\r\n\r\n",
        "Content-Length: 262145\r\n\r\n",
    ] {
        let mut served = connect(&front);
        let answer = served.client.ask(start.clone() + &smuggled(head)).await;
        assert_eq!(answer.status, 400, "{head:?}");
        assert!(answer.closes(), "{head:?}");
        served.client.finish().await;
        assert!(served.client.next().await.is_none(), "{head:?}");
    }
    assert_eq!(answerer.asked(), 0);
}

#[tokio::test]
async fn what_is_no_request_of_http_1_1_is_refused() {
    for request in [
        get(RIGHT).replace("HTTP/1.1", "HTTP/1.0"),
        get(RIGHT)
            .replace("HTTP/1.1", "HTTP/1.0")
            .replace("Host", "Connection: keep-alive\r\nHost"),
        get(RIGHT).replace("HTTP/1.1", "HTTP/2.0"),
        get(RIGHT).replace(" HTTP/1.1", ""),
        get(RIGHT).replace("GET ", "GET  "),
        get(RIGHT).replace("\r\n", "\n"),
        get(RIGHT).replace("GET /", "GET https://h/"),
        get(RIGHT).replace("GET /", "GET "),
        get(&format!("{RIGHT}#x")),
        "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\n".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        "{\"hello\":1,\"client\":\"x\"}\n".to_owned(),
        get(&format!("/?{}", "x".repeat(300 << 10))),
        get(RIGHT).replace("Host", &("X: y\r\n".repeat(1000) + "Host")),
    ] {
        let mut served = usual();
        let answer = served.client.ask(&request).await;
        let start: String = request.chars().take(60).collect();
        assert!(answer.status == 400 && answer.closes(), "{start:?}: {answer:?}");
        served.client.finish().await;
        assert!(served.client.next().await.is_none(), "{start:?}");
    }
}

#[tokio::test]
async fn other_methods_are_refused_and_leave_the_connection_usable() {
    let mut served = usual();
    for method in ["HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "get", "POST", "X-Y"] {
        let answer = served.client.ask(get(RIGHT).replace("GET", method)).await;
        assert_eq!(answer.status, 400, "{method}");
        assert!(method == "POST" || answer.body.is_empty());
        let stranger = get(RIGHT).replace("GET", method).replace("Basic", "Bad");
        let answer = served.client.ask(stranger).await;
        assert_eq!(answer.status, 401, "{method}");
        assert!(method == "POST" || answer.body.is_empty());
    }
    let changed = get("/set_password?user=alice&server=example.com&pass=new");
    assert_eq!(served.client.ask(changed).await.status, 400);
    assert_eq!(served.client.ask(get(RIGHT)).await.brief(), (200, "true"));
    // Only the form counts.
    let beside = post("/set_password?user=alice&server=example.com&pass=new", "");
    assert_eq!(served.client.ask(beside).await.status, 403);
    assert_eq!(served.client.ask(get(RIGHT)).await.brief(), (200, "true"));
}

#[tokio::test(start_paused = true)]
async fn who_is_too_slow_is_told_so_after_five_seconds() {
    let partial = get(RIGHT).trim_end().to_owned();
    let body = post("/set_password", "user=alice").trim_end_matches("alice").to_owned();
    let head = format!(
        "POST /set_password HTTP/1.1\r\n{AUTHORIZATION}Transfer-Encoding: chunked\r\n\r\n5\r\nab"
    );
    for part in [partial, body, head] {
        for is_admitted in [false, true] {
            let mut served = usual();
            if is_admitted {
                assert_eq!(served.client.ask(get(RIGHT)).await.brief(), (200, "true"));
                sleep(Duration::from_secs(60)).await;
            }
            let started = Instant::now();
            let answer = served.client.ask(&part).await;
            assert!(answer.status == 400 && answer.closes(), "{part}");
            assert_eq!(started.elapsed().as_secs(), 5, "{part}");
            assert!(served.client.next().await.is_none());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_drop_now_and_then_does_not_make_more_time() {
    let mut served = usual();
    let started = Instant::now();
    let drops = async {
        for byte in get(RIGHT).bytes() {
            sleep(Duration::from_millis(100)).await;
            served.client.send([byte]).await;
            if started.elapsed() > Duration::from_secs(5) {
                break;
            }
        }
        served.client.next().await
    };
    assert_eq!(drops.await.unwrap().status, 400);
}

#[tokio::test(start_paused = true)]
async fn whoever_was_not_admitted_does_not_keep_a_place() {
    let mut silent = usual();
    let started = Instant::now();
    assert!(silent.client.next().await.is_none());
    assert_eq!(started.elapsed().as_secs(), 5);
    // However often it asks.
    let mut stranger = usual();
    let started = Instant::now();
    for _ in 0..3 {
        sleep(Duration::from_secs(1)).await;
        let answer = stranger.client.ask(get(RIGHT).replace("s3cret", "x").replace("Basic", "Bad"));
        assert_eq!(answer.await.status, 401);
    }
    assert!(stranger.client.next().await.is_none());
    assert_eq!(started.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_its_replies_is_given_up() {
    let front = front(terms(), &Scripted::knowing("s3cret"));
    let (ours, theirs) = tokio::io::duplex(4096);
    let serving = tokio::spawn({
        let front = Arc::clone(&front);
        async move { http::serve(theirs, &front, front.closing(Client::OfPort)).await }
    });
    let mut client = ours;
    let flood = async {
        let requests = get(RIGHT).repeat(10);
        while client.write_all(requests.as_bytes()).await.is_ok() {}
    };
    let (served, ()) = tokio::join!(serving, flood);
    served.unwrap();
}
