//! The session's rules, in paused time, against a scripted directory.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "../support/accounts.rs"]
mod accounts;
mod ending;
mod terminal;

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use accounts::{Script, Scripted};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use xmpp_ldap_auth::authenticator::{Authenticator, ServedDomains};
use xmpp_ldap_auth::deadline::Deadline;
use xmpp_ldap_auth::jid::Account;
use xmpp_ldap_auth::policy::Policies;
use xmpp_ldap_auth::policy::admission::PersonalWait;
use xmpp_ldap_auth::policy::guard::Permit;
use xmpp_ldap_auth::protocol::dialect::Dialect;
use xmpp_ldap_auth::session::lock_step::FirstRequest;
use xmpp_ldap_auth::session::{SessionEnd, SessionTerms, StdioSession};
use xmpp_ldap_auth::verdict::{Denial, Outage, Outcome, Verdict};

/// Does what the localpart says: `yes`, `no`, `out`, `never`, `panic`, or `yes-500` and the like
/// for an answer after so many milliseconds.
#[derive(Default)]
struct Words {
    running: AtomicUsize,
    most: AtomicUsize,
    changes: AtomicUsize,
}

type Directory = Scripted<Words>;

impl Words {
    async fn play(&self, script: &str) -> Outcome {
        let now = 1 + self.running.fetch_add(1, Ordering::SeqCst);
        self.most.fetch_max(now, Ordering::SeqCst);
        let (word, delay) = script.split_once('-').unwrap_or((script, "0"));
        sleep(Duration::from_millis(delay.parse().unwrap())).await;
        let outcome = match word {
            "yes" => Verdict::Granted.into(),
            "no" => Denial::WrongPassword.into(),
            "out" => Outage::NoServer.into(),
            "never" => std::future::pending().await,
            "panic" => panic!("as the script says"),
            other => unreachable!("{other} is no script"),
        };
        self.running.fetch_sub(1, Ordering::SeqCst);
        outcome
    }
}

impl Script for Words {
    async fn bind(
        &self,
        entry: &str,
        password: &str,
        _: &Permit,
        _: &PersonalWait,
        _: Deadline,
    ) -> Outcome {
        if password == "changed" && self.changes.load(Ordering::SeqCst) == 0 {
            return Denial::WrongPassword.into();
        }
        self.play(entry).await
    }

    async fn exists(&self, account: &Account) -> Outcome {
        self.play(account.localpart()).await
    }

    async fn change(&self, entry: &str) -> Outcome {
        let outcome = self.play(entry).await;
        self.changes.fetch_add(1, Ordering::SeqCst);
        outcome
    }
}

/// A caller on the other end of a session.
struct Caller {
    directory: Directory,
    read: ReadHalf<DuplexStream>,
    write: WriteHalf<DuplexStream>,
    served: Arc<Session>,
    session: JoinHandle<SessionEnd>,
    started: Instant,
}

type Session = StdioSession<Authenticator<Directory>>;

fn terms(dialect: Dialect) -> SessionTerms {
    SessionTerms {
        dialect,
        answer_within: Duration::from_secs(4),
        reply_within: Duration::from_millis(4500),
        window: 4,
    }
}

fn session(dialect: Dialect) -> (Directory, Session) {
    let directory = Scripted::new(Words::default());
    let policies = Arc::new(Policies::new(None, None).unwrap());
    let domains = HashMap::from([("h".to_owned(), directory.clone())]);
    (
        directory,
        StdioSession::new(
            Arc::new(Authenticator::new(ServedDomains { domains, policies })),
            terms(dialect),
        ),
    )
}

impl Caller {
    fn pipe(dialect: Dialect, room: usize) -> Self {
        let (directory, session) = session(dialect);
        Self::piped(directory, session, room)
    }

    fn piped(directory: Directory, session: Session, room: usize) -> Self {
        let served = Arc::new(session);
        let session = Arc::clone(&served);
        let (ours, theirs) = tokio::io::duplex(room);
        let session = tokio::spawn(async move {
            let (read, write) = tokio::io::split(theirs);
            session.pipelined(read, write).await
        });
        Self::new(directory, served, ours, session)
    }

    fn terminal(first: FirstRequest) -> Self {
        let (directory, session) = session(Dialect::Prosody);
        let served = Arc::new(session);
        let session = Arc::clone(&served);
        let (ours, theirs) = tokio::io::duplex(4096);
        let session = tokio::spawn(async move {
            let (read, write) = tokio::io::split(theirs);
            session.lock_step(read, write, first, Instant::now()).await
        });
        Self::new(directory, served, ours, session)
    }

    fn new(
        directory: Directory,
        served: Arc<Session>,
        stream: DuplexStream,
        session: JoinHandle<SessionEnd>,
    ) -> Self {
        let (read, write) = tokio::io::split(stream);
        Self { directory, read, write, served, session, started: Instant::now() }
    }

    async fn send(&mut self, text: &str) {
        self.write.write_all(text.as_bytes()).await.unwrap();
    }

    /// The next reply, and when it came, in milliseconds.
    async fn reply(&mut self) -> (String, u128) {
        let mut reply = [0; 2];
        self.read.read_exact(&mut reply).await.unwrap();
        (String::from_utf8(reply.to_vec()).unwrap(), self.started.elapsed().as_millis())
    }

    async fn replies<const N: usize>(&mut self) -> [String; N] {
        let mut replies = [const { String::new() }; N];
        for reply in &mut replies {
            *reply = self.reply().await.0;
        }
        replies
    }

    /// Closes our end; gives everything that still comes, and how the session ended.
    async fn close(mut self) -> (String, SessionEnd) {
        self.write.shutdown().await.unwrap();
        let mut rest = String::new();
        self.read.read_to_string(&mut rest).await.unwrap();
        (rest, self.session.await.unwrap())
    }

    /// That nothing comes for this long.
    async fn silence(&mut self, limit: Duration) {
        let mut byte = [0];
        let read = tokio::time::timeout(limit, self.read.read(&mut byte)).await;
        assert!(matches!(read, Err(_) | Ok(Ok(0))), "{byte:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn replies_keep_the_order_of_the_requests() {
    let mut caller = Caller::pipe(Dialect::Prosody, 4096);
    caller.send("auth:yes-300:h:p\nauth:no-100:h:p\nisuser:yes-200:h\nauth:no:h:p\n").await;
    assert_eq!(caller.replies().await, ["1\n", "0\n", "1\n", "0\n"]);
    assert_eq!(caller.started.elapsed().as_millis(), 300);
    assert_eq!(caller.close().await, (String::new(), SessionEnd::InputClosed));
}

#[tokio::test(start_paused = true)]
async fn requests_that_arrive_together_are_worked_on_together_within_the_window() {
    let mut caller = Caller::pipe(Dialect::Prosody, 4096);
    caller.send(&"auth:yes-100:h:p\n".repeat(10)).await;
    let _: [String; 10] = caller.replies().await;
    assert_eq!(caller.started.elapsed().as_millis(), 300);
    assert_eq!(caller.directory.script.most.load(Ordering::SeqCst), 4);
}

#[tokio::test(start_paused = true)]
async fn a_request_without_an_answer_is_answered_at_its_deadline() {
    let mut caller = Caller::pipe(Dialect::Prosody, 4096);
    caller.send("auth:never:h:p\nauth:yes:h:p\n").await;
    assert_eq!(caller.reply().await, ("0\n".to_owned(), 4000));
    assert_eq!(caller.reply().await, ("1\n".to_owned(), 4000));
}

#[tokio::test(start_paused = true)]
async fn the_deadline_covers_the_wait_for_a_place_in_the_window() {
    let mut caller = Caller::pipe(Dialect::Prosody, 4096);
    caller.send(&"auth:never:h:p\n".repeat(9)).await;
    for _ in 0..9 {
        assert_eq!(caller.reply().await, ("0\n".to_owned(), 4000));
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_an_outage_of_one_request() {
    let mut caller = Caller::pipe(Dialect::Ejabberd, 4096);
    for text in ["auth:panic:h:p", "auth:yes:h:p"] {
        caller.write.write_u16(u16::try_from(text.len()).unwrap()).await.unwrap();
        caller.send(text).await;
    }
    let mut replies = [0; 8];
    caller.read.read_exact(&mut replies).await.unwrap();
    assert_eq!(replies, [0, 2, 0, 2, 0, 2, 0, 1]);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_request_gets_one_no_and_disturbs_nothing() {
    let mut caller = Caller::pipe(Dialect::Prosody, 1 << 16);
    let overlong = "a".repeat(5000);
    caller.send(&format!("nonsense\n\nauth:yes:other:p\nauth:yes:h:\n{overlong}\nauth:yes:h:p\x07\nauth:yes:h:p\n")).await;
    assert_eq!(caller.close().await.0, "0\n0\n0\n0\n0\n0\n1\n");
}

#[tokio::test(start_paused = true)]
async fn a_password_change_is_ordered_with_its_account() {
    let mut caller = Caller::pipe(Dialect::Prosody, 4096);
    caller.send("auth:yes-200:h:changed\nsetpass:yes-200:h:changed\nauth:yes-200:h:changed\nauth:yes:h:p\n").await;
    assert_eq!(caller.replies().await, ["0\n", "1\n", "1\n", "1\n"]);
    assert_eq!(caller.started.elapsed().as_millis(), 400);
}

/// Prosody at its quickest: the next line is on the terminal before the write of the reply to the
/// last one has returned.
struct Quick {
    terminal: WriteHalf<DuplexStream>,
    next: Vec<&'static str>,
    replies: Arc<Mutex<Vec<u8>>>,
}

impl AsyncWrite for Quick {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.replies.lock().unwrap().extend(bytes);
        if let Some(line) = self.next.pop() {
            let written = Pin::new(&mut self.terminal).poll_write(context, line.as_bytes());
            assert!(matches!(written, Poll::Ready(Ok(length)) if length == line.len()));
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_nobody_named_gets_only_what_each_one_survives() {
    let packet =
        |text: &str| [&u16::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat();
    let asked = async |requests: &[&str]| {
        let mut caller = Caller::pipe(Dialect::Unnamed, 4096);
        for request in requests {
            caller.write.write_all(&packet(request)).await.unwrap();
        }
        let served = Arc::clone(&caller.served);
        tokio::spawn(async move {
            sleep(Duration::from_secs(60)).await;
            served.stop();
        });
        let mut replies = Vec::new();
        caller.read.read_to_end(&mut replies).await.unwrap();
        (replies, caller.session.await.unwrap(), caller.started.elapsed().as_secs())
    };
    let (replies, ..) = asked(&["auth:out:h:p", "auth:no:h:p", "isuser:yes:h", "other"]).await;
    assert_eq!(replies, [[0, 2, 0, 0], [0, 2, 0, 0], [0, 2, 0, 1], [0, 2, 0, 0]].concat());
    // A reply to what comes later would be taken for the one that is missing.
    for silent in ["isuser:out:h", "setpass:out:h:p", "setpass:no:h:p"] {
        let (replies, end, seconds) = asked(&[silent, "auth:yes:h:p", "auth:no:h:p"]).await;
        assert_eq!((replies, end, seconds), (vec![], SessionEnd::InputClosed, 60), "{silent}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_log_prosody_gets_to_know_why_nobody_could_tell() {
    let (directory, session) = session(Dialect::Prosody);
    let mut caller = Caller::piped(directory, session.naming_outages(), 4096);
    caller.send("auth:yes:h:p\nauth:no:h:p\nauth:out:h:p\n").await;
    let (replies, _) = caller.close().await;
    let (known, error) = replies.split_at(4);
    assert_eq!(known, "1\n0\n");
    assert!(error.starts_with("error: ") && error.contains("no-server"), "{error}");
    assert_eq!(error.find('\n'), Some(error.len() - 1), "{error}");
}
