//! A connection of an administrator: one question, one answer.

use std::future::Future;
use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::{Instant, timeout};

use super::front::{Closing, Front};
use crate::answer::Answer;
use crate::jid::Account;
use crate::protocol::control::Order;
use crate::protocol::native::{LONGEST_LINE, Lines};
use crate::request::{Refused, Request, Verb, Whom};

/// The question comes within this time, and the answer is read within it.
const PATIENCE: Duration = Duration::from_secs(5);

/// What an administrator can ask of a daemon.
pub trait Administration: Send + Sync + 'static {
    /// What there is to say about it.
    fn status(&self) -> Value;

    /// Forgets what the lock-out guard holds against an account: whether there was anything, or why
    /// nobody can tell what belongs to that account.
    fn forgive(&self, account: &Account) -> impl Future<Output = Result<bool, String>> + Send;
}

/// Serves a connection until its question is answered.
pub(super) async fn serve<A: Answer>(
    mut stream: UnixStream,
    front: &Front<A>,
    mut closing: Closing,
    administration: &impl Administration,
) {
    let read = tokio::select! {
        biased;
        read = timeout(PATIENCE, read(&mut stream)) => read,
        () = closing.comes() => return,
    };
    let Ok(Some((order, read_at))) = read else { return };
    let mut asked = None;
    let answer = match order {
        None => json!({ "error": "this is no command" }),
        Some(Order::Status) => json!({ "status": administration.status() }),
        Some(Order::Forgive { jid }) => match Account::written(&jid) {
            None => no_account(),
            Some(account) => match administration.forgive(&account).await {
                Ok(forgiven) => json!({ "forgiven": forgiven }),
                Err(problem) => json!({ "error": problem }),
            },
        },
        Some(Order::Login { jid, password, within }) => match Account::written(&jid) {
            None => no_account(),
            Some(account) => {
                let request = Request::typed(account.clone(), password.expose_secret().as_bytes());
                let request = request.map_err(|denial| Refused {
                    verb: Verb::Auth,
                    whom: Whom::Account(account.into()),
                    denial,
                });
                let by = front.deadline(read_at, Some(within));
                let mut request = front.begin(request, read_at, by, &closing);
                let outcome = request.outcome().await;
                let (_, outcome) = asked.insert((request, outcome));
                json!({
                    "verdict": outcome.verdict.word(),
                    "reason": outcome.verdict.reason(),
                    "server": outcome.server.as_deref(),
                    "detail": outcome.detail.as_deref(),
                })
            }
        },
    };
    let line = format!("{answer}\n");
    let written = timeout(PATIENCE, stream.write_all(line.as_bytes())).await;
    match asked {
        Some((mut asked, outcome)) if matches!(written, Ok(Ok(()))) => asked.tell(&outcome),
        Some((mut asked, outcome)) => asked.keep(&outcome),
        None => {}
    }
}

fn no_account() -> Value {
    json!({ "error": "no XMPP server would let this user through" })
}

/// The first line, and when it was whole; `None` where there is none.
async fn read(stream: &mut UnixStream) -> Option<(Option<Order>, Instant)> {
    let mut lines = Lines::default();
    loop {
        if let Some(line) = lines.next_line(LONGEST_LINE) {
            return Some((line.ok().and_then(Order::read), Instant::now()));
        }
        if stream.read_buf(lines.room(4096)).await.ok()? == 0 {
            return None;
        }
    }
}
