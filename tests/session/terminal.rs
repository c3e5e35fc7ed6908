//! A terminal, on which each request is answered before the next.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_terminal_is_answered_one_by_one() {
    let mut caller = Caller::terminal(FirstRequest::Answer);
    for (request, reply) in [
        ("auth:yes:h:p\n", "1\n"),
        ("auth:no:h:p\n", "0\n"),
        ("isuser:yes-50:h\n", "1\n"),
        ("setpass:yes:h:new\n", "1\n"),
        ("nonsense\n", "0\n"),
        ("auth:panic:h:p\n", "0\n"),
        ("auth:yes:h:p\n", "1\n"),
    ] {
        caller.send(request).await;
        assert_eq!(caller.reply().await.0, reply, "{request}");
    }
    assert_eq!(caller.close().await, (String::new(), SessionEnd::InputClosed));
}

#[tokio::test(start_paused = true)]
async fn lines_that_come_together_on_a_terminal_are_not_carried_out() {
    let mut caller = Caller::terminal(FirstRequest::Answer);
    caller.send("setpass:yes:h:x\nsetpass:yes:h:injected\n").await;
    assert_eq!(caller.reply().await.0, "0\n");
    caller.send("auth:yes:h:p\nauth:yes:h:p\nauth:").await;
    assert_eq!(caller.reply().await.0, "0\n");
    assert_eq!(caller.directory.script.changes.load(Ordering::SeqCst), 0);
    caller.send("auth:yes:h:p\n").await;
    assert_eq!(caller.reply().await.0, "1\n");
}

#[tokio::test(start_paused = true)]
async fn a_line_before_the_reply_on_a_terminal_refuses_both() {
    let mut caller = Caller::terminal(FirstRequest::Answer);
    caller.send("auth:yes-2000:h:p\n").await;
    sleep(Duration::from_secs(1)).await;
    caller.send("auth:yes:h:p\n").await;
    let (reply, when) = caller.reply().await;
    assert_eq!(reply, "0\n");
    assert!((1000..1100).contains(&when), "{when}");
    caller.silence(Duration::from_secs(10)).await;
    caller.send("auth:yes:h:p\n").await;
    assert_eq!(caller.reply().await.0, "1\n");
}

#[tokio::test(start_paused = true)]
async fn an_injected_line_that_comes_a_moment_later_stops_a_password_change() {
    let mut caller = Caller::terminal(FirstRequest::Answer);
    caller.send("setpass:yes:h:x\n").await;
    sleep(Duration::from_millis(3)).await;
    caller.send("auth:yes:h:p\n").await;
    assert_eq!(caller.reply().await.0, "0\n");
    caller.silence(Duration::from_secs(10)).await;
    assert_eq!(caller.directory.script.changes.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn even_an_instant_denial_on_a_terminal_waits_for_an_injected_line() {
    let mut caller = Caller::terminal(FirstRequest::Answer);
    caller.send("auth:yes:other:p\n").await;
    sleep(Duration::from_millis(3)).await;
    caller.send("auth:yes:h:p\n").await;
    assert_eq!(caller.reply().await.0, "0\n");
    caller.silence(Duration::from_secs(10)).await;
}

#[tokio::test(start_paused = true)]
async fn a_terminal_is_answered_by_the_deadline() {
    let mut caller = Caller::terminal(FirstRequest::Answer);
    caller.send("auth:never:h:p\n").await;
    assert_eq!(caller.reply().await, ("0\n".to_owned(), 4000));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_follows_a_reply_at_once_has_all_its_time() {
    let (_, session) = session(Dialect::Prosody);
    let (ours, theirs) = tokio::io::duplex(4096);
    let (_, mut write) = tokio::io::split(ours);
    let (read, _) = tokio::io::split(theirs);
    write.write_all(b"auth:yes-3000:h:p\n").await.unwrap();
    let replies = Arc::new(Mutex::new(Vec::new()));
    let next = vec!["auth:yes-3000:h:p\n", "auth:yes-3000:h:p\n"];
    let output = Quick { terminal: write, next, replies: Arc::clone(&replies) };
    let served = session.lock_step(read, output, FirstRequest::Answer, Instant::now());
    let _ = tokio::time::timeout(Duration::from_secs(10), served).await;
    assert_eq!(*replies.lock().unwrap(), b"1\n1\n1\n");
}

#[tokio::test(start_paused = true)]
async fn what_waited_on_a_terminal_has_been_there_since_the_start() {
    let (_, session) = session(Dialect::Prosody);
    let (mut ours, theirs) = tokio::io::duplex(4096);
    let since = Instant::now();
    ours.write_all(b"auth:never:h:p\n").await.unwrap();
    sleep(Duration::from_secs(1)).await;
    let (read, write) = tokio::io::split(theirs);
    tokio::spawn(async move { session.lock_step(read, write, FirstRequest::Answer, since).await });
    let mut reply = [0; 2];
    ours.read_exact(&mut reply).await.unwrap();
    assert_eq!((&reply, since.elapsed().as_millis()), (b"0\n", 4000));
}

#[tokio::test(start_paused = true)]
async fn a_closed_terminal_ends_the_session_at_once() {
    let mut caller = Caller::terminal(FirstRequest::Answer);
    caller.send("auth:never:h:p\n").await;
    sleep(Duration::from_millis(100)).await;
    let started = Instant::now();
    assert_eq!(caller.close().await, (String::new(), SessionEnd::InputClosed));
    assert_eq!(started.elapsed().as_millis(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_piece_of_a_line_on_a_terminal_is_never_answered() {
    let mut caller = Caller::terminal(FirstRequest::Answer);
    caller.send("auth:yes:h").await;
    caller.silence(Duration::from_secs(10)).await;
    assert_eq!(caller.session.await.unwrap(), SessionEnd::Late);
    let mut caller = Caller::terminal(FirstRequest::Answer);
    caller.send("auth:yes:h").await;
    sleep(Duration::from_millis(500)).await;
    assert!(!caller.session.is_finished(), "the rest could still come");
    let started = caller.started;
    assert_eq!(caller.session.await.unwrap(), SessionEnd::Late);
    assert!(started.elapsed() < Duration::from_millis(1100), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_first_request_of_a_fresh_terminal_is_read_and_not_answered() {
    let mut caller = Caller::terminal(FirstRequest::Discard);
    caller.send("auth:yes:h:p\n").await;
    caller.silence(Duration::from_secs(10)).await;
    assert_eq!(caller.session.await.unwrap(), SessionEnd::FirstRequest);
}
