//! How a session ends, and what is finished then.

use super::*;

#[tokio::test(start_paused = true)]
async fn at_the_end_of_input_everything_in_flight_is_answered() {
    let mut caller = Caller::pipe(Dialect::Prosody, 4096);
    caller.send("auth:yes-900:h:p\nauth:never:h:p\nauth:no:h:p\nauth:yes:h:p\nauth:yes:h:p\nisuser:yes:h").await;
    assert_eq!(caller.close().await, ("1\n0\n0\n1\n1\n1\n".to_owned(), SessionEnd::InputClosed));
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_does_not_read_ends_the_session_instead_of_getting_a_late_reply() {
    let mut caller = Caller::pipe(Dialect::Prosody, 1);
    tokio::spawn(async move {
        let _ = caller.write.write_all(b"auth:yes:h:p\nauth:yes:h:p\n").await;
        sleep(Duration::from_secs(60)).await;
    });
    assert_eq!(caller.session.await.unwrap(), SessionEnd::OutputClosed);

    let mut caller = Caller::pipe(Dialect::Prosody, 2);
    let write = tokio::spawn(async move {
        let _ = caller.write.write_all(b"auth:yes:h:p\nauth:yes:h:p\n").await;
        caller.write
    });
    assert_eq!(caller.session.await.unwrap(), SessionEnd::Late);
    assert_eq!(caller.started.elapsed().as_millis(), 4500);
    drop(write.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_went_away_ends_the_session() {
    let mut caller = Caller::pipe(Dialect::Prosody, 4096);
    caller.send("auth:yes:h:p\n").await;
    drop((caller.read, caller.write));
    assert!(matches!(
        caller.session.await.unwrap(),
        SessionEnd::OutputClosed | SessionEnd::InputClosed
    ));
}

fn pipe() -> Caller {
    Caller::pipe(Dialect::Prosody, 4096)
}

fn terminal() -> Caller {
    Caller::terminal(FirstRequest::Answer)
}

/// How often the directory was told to change a password.
fn changes(directory: &Directory) -> usize {
    directory.script.changes.load(Ordering::SeqCst)
}

#[tokio::test(start_paused = true)]
async fn when_told_to_stop_it_answers_what_is_in_flight() {
    for stream in [pipe, terminal] {
        let mut caller = stream();
        caller.send("auth:yes-500:h:p\n").await;
        sleep(Duration::from_millis(100)).await;
        caller.served.stop();
        assert_eq!(caller.reply().await, ("1\n".to_owned(), 500));
        assert_eq!(caller.session.await.unwrap(), SessionEnd::InputClosed);
    }
    for stream in [pipe, terminal] {
        let caller = stream();
        caller.served.stop();
        assert_eq!(caller.session.await.unwrap(), SessionEnd::InputClosed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_password_change_that_began_is_finished_whatever_the_caller_does() {
    for stream in [pipe, terminal] {
        let mut caller = stream();
        caller.send("setpass:yes-500:h:p\n").await;
        sleep(Duration::from_millis(100)).await;
        let Caller { directory, read, write, served, session, started } = caller;
        drop((read, write));
        let _ = session.await;
        served.settle().await;
        assert_eq!(changes(&directory), 1);
        // On a terminal it waits for what may stand behind it.
        let took = started.elapsed().as_millis();
        assert!((500..=510).contains(&took), "{took}");
    }
    // Nobody who waits for the answer any more, and a line behind it, are all the same to it.
    let mut caller = terminal();
    caller.send("setpass:yes-500:h:p\n").await;
    sleep(Duration::from_millis(100)).await;
    caller.send("isuser:yes:h\n").await;
    assert_eq!(caller.reply().await.0, "0\n");
    caller.session.abort();
    let _ = caller.session.await;
    caller.served.settle().await;
    assert_eq!((changes(&caller.directory), caller.started.elapsed().as_millis()), (1, 510));
    // One that never ends is given up at its deadline.
    let mut caller = Caller::pipe(Dialect::Prosody, 4096);
    caller.send("setpass:never:h:p\n").await;
    sleep(Duration::from_millis(100)).await;
    caller.session.abort();
    let _ = caller.session.await;
    caller.served.settle().await;
    assert_eq!((changes(&caller.directory), caller.started.elapsed().as_millis()), (0, 4000));
}

#[tokio::test(start_paused = true)]
async fn other_work_ends_with_the_session() {
    let mut caller = Caller::pipe(Dialect::Prosody, 4096);
    caller.send("auth:yes-500:h:p\n").await;
    sleep(Duration::from_millis(100)).await;
    caller.session.abort();
    let _ = caller.session.await;
    caller.served.settle().await;
    assert_eq!(caller.started.elapsed().as_millis(), 100);
}
