//! Every step of a sign-in crossed with everything that can happen to it: connections must neither
//! leak, nor be reused in an unknown state, nor stand in the way of the next request.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "../support/ldap.rs"]
mod ldap;

mod late_answers;
mod outages;
mod user_binds;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ldap_fixtures::proxy::{Fault, Proxy, Unreachable};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};
use xmpp_ldap_auth::deadline::Deadline;
use xmpp_ldap_auth::directory::backend::Backend;
use xmpp_ldap_auth::directory::domain::Domain;
use xmpp_ldap_auth::jid::Account;
use xmpp_ldap_auth::policy::guard::Permit;
use xmpp_ldap_auth::verdict::{Denial, Outage, Verdict};

/// The time for one sign-in.
const WITHIN: Duration = Duration::from_millis(600);

/// A step of a sign-in. Connecting ends when the service account is bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Connect,
    Search,
    Bind,
    /// None of the above: whether it is there at all.
    RootDse,
}

/// What happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Ok,
    Refused,
    Slow,
    Never,
    Panic,
    Cancelled,
    /// It takes as long as a person needs to confirm it elsewhere.
    Confirmed,
    /// The connection ends.
    HangUp,
    /// It is not answered, and no other question is.
    Dead,
    /// It is answered by this result code when nobody waits for it any more.
    Late(u8),
}

/// After this time a bind is answered that is late.
const LATE: Duration = Duration::from_secs(10);

/// For how long a person keeps a bind waiting.
const CONFIRMATION: Duration = Duration::from_millis(2600);

/// A directory of one user that does at one step what it is told, and answers well at the others.
struct Server {
    fate: Mutex<(Step, Fate)>,
    open: AtomicUsize,
    /// Searches on connections that were not bound as the service account last.
    strange_searches: AtomicUsize,
    /// Binds of users.
    binds: AtomicUsize,
    accepted: AtomicUsize,
    /// Of so many connections, which were the first, nothing is answered any more.
    swallowed: AtomicUsize,
}

impl Server {
    async fn start() -> (Arc<Self>, u16) {
        let server = Arc::new(Self {
            fate: Mutex::new((Step::Connect, Fate::Ok)),
            open: AtomicUsize::new(0),
            strange_searches: AtomicUsize::new(0),
            binds: AtomicUsize::new(0),
            accepted: AtomicUsize::new(0),
            swallowed: AtomicUsize::new(0),
        });
        let (listener, port) = ldap::bind().await;
        ldap::serve(listener, &server, async |server: Arc<Self>, _, stream| {
            server.open.fetch_add(1, Ordering::SeqCst);
            let _ = server.serve(stream).await;
            server.open.fetch_sub(1, Ordering::SeqCst);
        });
        (server, port)
    }

    fn set(&self, step: Step, fate: Fate) {
        *self.fate.lock().unwrap() = (step, fate);
    }

    async fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut is_service = false;
        let number = self.accepted.fetch_add(1, Ordering::SeqCst);
        loop {
            // Every message of these tests is shorter than 128 bytes and has a one-byte ID.
            let [_, length] = [stream.read_u8().await?, stream.read_u8().await?];
            let mut message = vec![0; usize::from(length)];
            stream.read_exact(&mut message).await?;
            if number < self.swallowed.load(Ordering::SeqCst) {
                continue;
            }
            let (id, operation) = (message[2], message[3]);
            let by_service = contains(&message, b"cn=service");
            let step = match operation {
                0x60 if by_service => Step::Connect,
                0x60 => Step::Bind,
                0x63 => Step::Search,
                _ => return Ok(()),
            };
            // A search of the base "".
            let is_root_dse = operation == 0x63 && message[5..7] == [4, 0];
            if step == Step::Bind {
                // And not those by a name that nobody has.
                let is_users = contains(&message, b"secret");
                self.binds.fetch_add(usize::from(is_users), Ordering::SeqCst);
            }
            if operation == 0x60 {
                is_service = by_service;
            } else if !is_service && !is_root_dse {
                self.strange_searches.fetch_add(1, Ordering::SeqCst);
            }
            let (chosen, fate) = *self.fate.lock().unwrap();
            let fate = match fate {
                Fate::Dead if is_root_dse => Fate::Never,
                fate if is_root_dse == (chosen == Step::RootDse)
                    && (is_root_dse || chosen == step) =>
                {
                    fate
                }
                _ => Fate::Ok,
            };
            match fate {
                Fate::Ok | Fate::Refused => {}
                Fate::Slow => sleep(WITHIN / 4).await,
                Fate::Confirmed => sleep(CONFIRMATION).await,
                Fate::Late(_) => sleep(LATE).await,
                Fate::HangUp => return Ok(()),
                // Until the other side closes.
                Fate::Never | Fate::Panic | Fate::Cancelled | Fate::Dead => {
                    let _ = stream.read_u8().await;
                    return Ok(());
                }
            }
            let code = match (fate, step) {
                (Fate::Late(code), _) => code,
                (Fate::Refused, Step::Connect | Step::Bind) => 49,
                (Fate::Refused, Step::Search | Step::RootDse) => 50,
                _ => 0,
            };
            let mut answer = Vec::new();
            if step == Step::Search && code == 0 {
                answer.extend([0x30, 25, 2, 1, id, 0x64, 20, 4, 4, b'c', b'n', b'=', b'a']);
                answer.extend([0x30, 12, 0x30, 10, 4, 3, b'u', b'i', b'd', 0x31, 3, 4, 1, b'a']);
            }
            let tag = if step == Step::Search { 0x65 } else { 0x61 };
            answer.extend([0x30, 12, 2, 1, id, tag, 7, 0x0a, 1, code, 4, 0, 4, 0]);
            stream.write_all(&answer).await?;
        }
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

fn directory(url: &str) -> Arc<Domain> {
    directory_of(&[url], "base = \"dc=x\"\nuser_filter = \"(uid={localpart})\"")
}

/// A directory that is asked for nothing but binds by a name that was made of the user's.
fn made_up(url: &str) -> Arc<Domain> {
    read(&format!(
        "servers = [{url:?}]\nuser_dn = \"uid={{localpart}},dc=x\"\nconnect_within = \"200ms\""
    ))
}

/// The servers in their order, and how users are found.
fn directory_of(urls: &[&str], lookup: &str) -> Arc<Domain> {
    directory_within(urls, lookup, "200ms")
}

fn directory_within(urls: &[&str], lookup: &str, connect_within: &str) -> Arc<Domain> {
    let password = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(password.path(), "x").unwrap();
    read(&format!(
        "servers = {urls:?}\n{lookup}\nbind_dn = \"cn=service\"\nbind_password_file = {:?}\n\
         connect_within = {connect_within:?}\npool.size = 2",
        password.path()
    ))
}

fn read(directory: &str) -> Arc<Domain> {
    let config = format!(
        "caller = \"ejabberd\"\n[directory.d]\n{directory}\n[domain.h]\ndirectory = \"d\"\n"
    );
    Arc::new(ldap::domain(&config))
}

async fn sign_in(directory: &Domain) -> Verdict {
    sign_in_within(directory, WITHIN).await
}

async fn sign_in_within(directory: &Domain, within: Duration) -> Verdict {
    let by = Deadline::after(Instant::now(), within);
    let timely = by.bound(try_with(directory, &Permit::unguarded(), by)).await;
    timely.unwrap_or(Verdict::Unavailable(Outage::DeadlinePassed))
}

async fn try_with(directory: &Domain, permit: &Permit, by: Deadline) -> Verdict {
    ldap::sign_in_by(directory, "a", "secret", permit, by).await.verdict
}

/// What the sign-in comes to, where it comes to anything.
fn expected(step: Step, fate: Fate) -> Verdict {
    match (step, fate) {
        (_, Fate::Ok | Fate::Slow) => Verdict::Granted,
        (Step::Bind, Fate::Never) => Verdict::Unavailable(Outage::BindUnanswered),
        (_, Fate::Never | Fate::Panic | Fate::Cancelled) => {
            Verdict::Unavailable(Outage::DeadlinePassed)
        }
        (_, Fate::Confirmed | Fate::HangUp | Fate::Dead | Fate::Late(_)) => {
            unreachable!("another test's")
        }
        (Step::Connect, Fate::Refused) => {
            Verdict::Unavailable(Outage::ServiceBind { code: Some(49) })
        }
        (Step::Search | Step::RootDse, Fate::Refused) => {
            Verdict::Unavailable(Outage::Refused { code: Some(50) })
        }
        (Step::Bind, Fate::Refused) => Verdict::Denied(Denial::WrongPassword),
    }
}

async fn cross(step: Step, fate: Fate, is_warm: bool) {
    let context = format!("{step:?} {fate:?} warm: {is_warm}");
    let (server, port) = Server::start().await;
    let directory = directory(&format!("ldap://127.0.0.1:{port}"));
    if is_warm {
        assert_eq!(sign_in(&directory).await, Verdict::Granted, "{context}");
    }
    server.set(step, fate);
    match fate {
        Fate::Confirmed | Fate::HangUp | Fate::Dead | Fate::Late(_) => {
            unreachable!("another test's")
        }
        Fate::Ok | Fate::Refused | Fate::Slow | Fate::Never => {
            let expected = if is_warm && step == Step::Connect {
                // There is a connection already.
                Verdict::Granted
            } else if is_warm && (step, fate) == (Step::Search, Fate::Never) {
                // The old connection was given up for dead half-way, and so was the time.
                Verdict::Unavailable(Outage::DeadlinePassed)
            } else {
                expected(step, fate)
            };
            let verdict = sign_in(&directory).await;
            let was_lost = verdict == Verdict::Unavailable(Outage::LostConnection);
            assert!(
                verdict == expected || (was_lost && fate == Fate::Never),
                "{context}: {verdict:?}"
            );
        }
        Fate::Panic | Fate::Cancelled if is_warm && step == Step::Connect => {}
        Fate::Panic | Fate::Cancelled => {
            let signing = Arc::clone(&directory);
            let task = tokio::spawn(async move {
                tokio::select! {
                    biased;
                    () = sleep(WITHIN / 3) => {}
                    _ = sign_in(&signing) => unreachable!("the server never answers"),
                }
                assert_eq!(fate, Fate::Cancelled, "panics while the step is under way");
            });
            assert_eq!(task.await.is_err(), fate == Fate::Panic, "{context}");
        }
    }
    // Whatever happened: the next sign-in is as good as ever, and nothing is left over.
    server.set(step, Fate::Ok);
    let again = sign_in(&directory).await;
    // But a refused service account is not tried again at once.
    let is_barred = (step, fate, is_warm) == (Step::Connect, Fate::Refused, false);
    let (verdict, users) =
        if is_barred { (expected(step, fate), 0) } else { (Verdict::Granted, 1) };
    assert_eq!(again, verdict, "{context}");
    assert_eq!(directory.directory().open_connections(), users, "{context}");
    assert_eq!(server.strange_searches.load(Ordering::SeqCst), 0, "{context}");
    let started = Instant::now();
    while server.open.load(Ordering::SeqCst) != 2 * users {
        assert!(started.elapsed() < Duration::from_secs(10), "{context}: connections leak");
        sleep(Duration::from_millis(5)).await;
    }
}

/// Two servers, the first of which is preferred, and a directory that is kept up.
async fn pair(lookup: &str) -> ([Arc<Server>; 2], Arc<Domain>) {
    let [(first, port), (second, other)] = [Server::start().await, Server::start().await];
    let urls = [port, other].map(|port| format!("ldap://127.0.0.1:{port}"));
    let directory = directory_of(&urls.each_ref().map(String::as_str), lookup);
    let kept = Arc::clone(&directory);
    tokio::spawn(async move { kept.directory().maintain().await });
    ([first, second], directory)
}

fn binds(servers: &[Arc<Server>; 2]) -> [usize; 2] {
    servers.each_ref().map(|server| server.binds.load(Ordering::SeqCst))
}

#[tokio::test]
async fn every_step_survives_every_fate() {
    let steps = [Step::Connect, Step::Search, Step::Bind];
    let mut crossings = tokio::task::JoinSet::new();
    for step in steps {
        for fate in [Fate::Ok, Fate::Refused, Fate::Slow, Fate::Never, Fate::Cancelled] {
            crossings.spawn(cross(step, fate, false));
            crossings.spawn(cross(step, fate, true));
        }
    }
    while let Some(crossing) = crossings.join_next().await {
        crossing.unwrap();
    }
    // One after the other, because the trace that a panic prints holds all the others up.
    for step in steps {
        cross(step, Fate::Panic, false).await;
        cross(step, Fate::Panic, true).await;
    }
}

#[tokio::test]
async fn a_server_that_refuses_or_swallows_the_connection_is_an_outage() {
    let black_hole = Unreachable::start().unwrap();
    for url in ["ldap://127.0.0.1:9", &*black_hole.url()] {
        let started = Instant::now();
        let verdict = sign_in(&directory(url)).await;
        assert_eq!(verdict, Verdict::Unavailable(Outage::NoServer), "{url}");
        assert!(started.elapsed() < WITHIN, "{url}");
    }
}

const SEARCH: &str = "base = \"dc=x\"\nuser_filter = \"(uid={localpart})\"";
