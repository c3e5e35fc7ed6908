//! One connection to the daemon. A request is written by whoever makes it, in one write(2) where the
//! socket has room; a task of the connection reads the answers.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use secrecy::zeroize::Zeroize;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use crate::deadline::Deadline;
use crate::local_stream::LocalStream;
use crate::lock::locked;
use crate::observe::trouble::Trouble;
use crate::protocol::native::{self, FromDaemon, LONGEST_REPLY, Lines, RequestId, VERSION};
use crate::request::Request;
use crate::verdict::{Outage, Verdict};

/// The daemon is given this much less time than there is, so that it is it who says why there is no
/// answer.
const MARGIN: Duration = Duration::from_millis(20);

/// A daemon that misses so many deadlines in a row, or says nothing for so long while somebody waits,
/// hangs.
const MISSES: u32 = 3;
const SILENCE: Duration = Duration::from_secs(10);

/// One read takes about so many bytes.
const READ_SIZE: usize = 4096;

/// A buffer that was larger than this is not kept.
const KEPT: usize = 16 * 1024;

const NAME: &str = concat!("relay ", env!("CARGO_PKG_VERSION"));

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    /// There is nobody who could be asked, and why.
    #[error("{0}")]
    Absent(String),
    /// The request was certainly not taken in.
    #[error("the connection ended before the request was sent")]
    Unsent,
    /// The request was sent, and may have been taken in.
    #[error("the connection ended before the answer came")]
    Unanswered,
    /// The daemon has hung up on us.
    #[error("it says that we broke the protocol; please report it")]
    Refused,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    stream: LocalStream,
    state: Mutex<ConnectionState>,
    /// There is something to write for which the socket had no room, or the connection is over.
    changed: Notify,
}

#[derive(Debug)]
struct ConnectionState {
    stage: ConnectionStage,
    /// Whether it has answered our hello.
    has_greeted: bool,
    next_id: RequestId,
    waiting: HashMap<RequestId, OpenRequest>,
    /// What is to be written, and how many bytes were written before it.
    out: Vec<u8>,
    written: u64,
    /// How many deadlines were missed since the last answer.
    misses: u32,
    /// When the daemon said something last, or somebody began to wait for it.
    heard: Instant,
    late: u64,
    /// That answers come too late.
    lateness: Trouble,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum ConnectionStage {
    /// It has not answered our hello.
    Greeting,
    /// It takes requests.
    Open,
    /// It answers what it has taken, and no more.
    Draining,
    /// It is over.
    Lost,
}

#[derive(Debug)]
struct OpenRequest {
    /// How many bytes are written when its request is.
    end: u64,
    tell: oneshot::Sender<Result<Verdict, NoAnswer>>,
}

/// A request that was sent; dropping it tells the daemon that nobody waits for its answer.
struct Awaited<'a> {
    connection: &'a Connection,
    id: RequestId,
    by: Deadline,
}

impl Connection {
    /// Begins to talk. Must be called within the runtime.
    pub(super) fn start(stream: LocalStream) -> Arc<Self> {
        let mut out = Vec::new();
        native::write_client_hello(&mut out, NAME);
        let state = ConnectionState {
            stage: ConnectionStage::Greeting,
            has_greeted: false,
            next_id: RequestId::FIRST,
            waiting: HashMap::new(),
            out,
            written: 0,
            misses: 0,
            heard: Instant::now(),
            late: 0,
            lateness: Trouble::default(),
        };
        let connection =
            Arc::new(Self { stream, state: Mutex::new(state), changed: Notify::new() });
        let reading = Arc::clone(&connection);
        tokio::spawn(async move { reading.listen().await });
        connection
    }

    /// Whether it takes requests.
    pub(super) fn is_open(&self) -> bool {
        matches!(locked(&self.state).stage, ConnectionStage::Greeting | ConnectionStage::Open)
    }

    /// The daemon's verdict on a request. To be dropped at the deadline.
    pub(super) async fn ask(&self, request: &Request, by: Deadline) -> Result<Verdict, NoAnswer> {
        let (id, answer) = self.send(request, by)?;
        let _awaited = Awaited { connection: self, id, by };
        answer.await.unwrap_or(Err(NoAnswer::Unanswered))
    }

    fn send(
        &self,
        request: &Request,
        by: Deadline,
    ) -> Result<(RequestId, oneshot::Receiver<Result<Verdict, NoAnswer>>), NoAnswer> {
        let mut state = locked(&self.state);
        if !matches!(state.stage, ConnectionStage::Greeting | ConnectionStage::Open) {
            return Err(NoAnswer::Unsent);
        }
        if state.waiting.is_empty() {
            state.heard = Instant::now();
        }
        let id = state.next_id;
        state.next_id = id.next();
        native::write_request(&mut state.out, id, request, by.remaining().saturating_sub(MARGIN));
        let end = state.written + u64::try_from(state.out.len()).unwrap_or(u64::MAX);
        let (tell, answer) = oneshot::channel();
        state.waiting.insert(id, OpenRequest { end, tell });
        self.write(&mut state);
        Ok((id, answer))
    }

    /// Writes what there is room for.
    fn write(&self, state: &mut ConnectionState) {
        while !state.out.is_empty() {
            match self.stream.try_write(&state.out) {
                Ok(length) => state.sent(length),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.changed.notify_one();
                    return;
                }
                Err(_) => {
                    state.lose();
                    self.changed.notify_one();
                }
            }
        }
    }

    /// Takes in what the daemon says until the connection is over.
    async fn listen(&self) {
        let mut lines = Lines::default();
        loop {
            let (stage, is_writing, is_waiting) = {
                let state = locked(&self.state);
                (state.stage.clone(), !state.out.is_empty(), !state.waiting.is_empty())
            };
            if stage == ConnectionStage::Lost || stage == ConnectionStage::Draining && !is_waiting {
                return locked(&self.state).lose();
            }
            tokio::select! {
                read = self.stream.read(lines.room(READ_SIZE)) => match read {
                    Ok(1..) => self.take_in(&mut lines),
                    Ok(0) | Err(_) => return locked(&self.state).lose(),
                },
                room = self.stream.has_room(), if is_writing => match room {
                    Ok(()) => self.write(&mut locked(&self.state)),
                    Err(_) => return locked(&self.state).lose(),
                },
                () = self.changed.notified() => {}
            }
        }
    }

    /// Takes in what was read.
    fn take_in(&self, lines: &mut Lines) {
        let mut state = locked(&self.state);
        state.heard = Instant::now();
        while let Some(line) = lines.next_line(LONGEST_REPLY) {
            match line.ok().and_then(|line| native::read_daemon(line).ok()) {
                Some(said) => state.hear(said),
                None => {
                    return state
                        .end_with_stranger("it says what no daemon does: is this its socket?");
                }
            }
        }
    }
}

impl ConnectionState {
    fn sent(&mut self, length: usize) {
        self.written += u64::try_from(length).unwrap_or(u64::MAX);
        if length < self.out.len() {
            self.out.drain(..length);
        } else if self.out.capacity() > KEPT {
            self.out = Vec::new();
        } else {
            // There were passwords in it.
            self.out.zeroize();
        }
    }

    fn hear(&mut self, said: FromDaemon) {
        match (&self.stage, said) {
            (ConnectionStage::Lost, _) | (_, FromDaemon::Other) => {}
            (ConnectionStage::Greeting, FromDaemon::Hello { version: VERSION }) => {
                self.has_greeted = true;
                self.stage = ConnectionStage::Open
            }
            (_, FromDaemon::Hello { .. } | FromDaemon::Error { is_version: true }) => {
                self.end_with_stranger(&format!(
                    "it does not speak version {VERSION} of the protocol: restart the XMPP server, if the daemon was updated"
                ));
            }
            (_, FromDaemon::Bye) => self.stage = ConnectionStage::Draining,
            (_, FromDaemon::Error { is_version: false }) => self.end(|| NoAnswer::Refused),
            // Whose version is not known may mean something else by its words. Its bye can cross our
            // hello, and is all the greeting then: to what was asked it can say only that.
            (_, FromDaemon::Answer(_, verdict))
                if !self.has_greeted && verdict != Verdict::Unavailable(Outage::Closing) =>
            {
                self.end_with_stranger("it answers without having greeted: is this its socket?");
            }
            (_, FromDaemon::Answer(id, verdict)) => {
                self.misses = 0;
                if verdict == Verdict::Unavailable(Outage::Closing) {
                    // Its bye comes behind that.
                    self.stage = ConnectionStage::Draining;
                }
                match self.waiting.remove(&id) {
                    Some(waiting) => drop(waiting.tell.send(Ok(verdict))),
                    None => {
                        self.late += 1;
                        if self.lateness.comes().is_some() {
                            tracing::info!(
                                late_answers = self.late,
                                "an answer came too late, and is not used"
                            );
                        }
                    }
                }
            }
        }
    }

    /// It is over, and whoever waits learns whether the request was sent.
    fn lose(&mut self) {
        let written = self.written;
        for (_, waiting) in self.close() {
            let lost = if waiting.end <= written { NoAnswer::Unanswered } else { NoAnswer::Unsent };
            let _ = waiting.tell.send(Err(lost));
        }
    }

    /// It is over, for the same reason for all who wait.
    fn end(&mut self, why: impl Fn() -> NoAnswer) {
        for (_, waiting) in self.close() {
            let _ = waiting.tell.send(Err(why()));
        }
    }

    /// It is over, and whoever is there is no daemon, and is told no password again.
    fn end_with_stranger(&mut self, what: &str) {
        self.end(|| NoAnswer::Absent(what.to_owned()));
    }

    fn close(&mut self) -> HashMap<RequestId, OpenRequest> {
        self.stage = ConnectionStage::Lost;
        self.out.zeroize();
        std::mem::take(&mut self.waiting)
    }
}

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        let mut state = locked(&self.connection.state);
        if state.waiting.remove(&self.id).is_none() {
            return;
        }
        native::write_cancel(&mut state.out, self.id);
        self.connection.write(&mut state);
        let now = Instant::now();
        if now < self.by.instant() {
            return;
        }
        state.misses += 1;
        if state.misses >= MISSES || now.saturating_duration_since(state.heard) >= SILENCE {
            tracing::warn!("the daemon does not answer; it is connected to anew");
            state.lose();
            self.connection.changed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::net::UnixStream;

    use super::*;
    use crate::jid::Account;

    /// What comes of a request that a daemon answers by this alone, and both ends of the connection.
    async fn asked(said: &[u8]) -> (Result<Verdict, NoAnswer>, Arc<Connection>, UnixStream) {
        let (ours, mut daemon) = UnixStream::pair().unwrap();
        let connection = Connection::start(LocalStream::new(ours.into_std().unwrap()).unwrap());
        let request = Request::typed(Account::written("a@example.com").unwrap(), b"p").unwrap();
        let by = Deadline::after(Instant::now(), Duration::from_secs(30));
        let (answer, written) = tokio::join!(connection.ask(&request, by), daemon.write_all(said));
        written.unwrap();
        (answer, connection, daemon)
    }

    #[tokio::test]
    async fn whoever_answers_before_greeting_is_not_believed() {
        let said = b"{\"id\":1,\"verdict\":\"yes\",\"reason\":\"ok\"}\n{\"hello\":1}\n";
        let (answer, connection, _daemon) = asked(said).await;
        assert!(matches!(answer, Err(NoAnswer::Absent(problem)) if problem.contains("greeted")));
        assert!(!connection.is_open());
    }

    #[tokio::test]
    async fn whoever_says_bye_without_a_greeting_may_say_no_more_than_that_it_closes() {
        let said = b"{\"bye\":1}\n{\"id\":1,\"verdict\":\"yes\",\"reason\":\"ok\"}\n";
        let (answer, ..) = asked(said).await;
        assert!(matches!(answer, Err(NoAnswer::Absent(problem)) if problem.contains("greeted")));
    }

    #[tokio::test]
    async fn a_daemon_that_answers_closing_is_asked_nothing_more_even_before_its_bye() {
        let said = b"{\"hello\":1}\n{\"id\":1,\"verdict\":\"unknown\",\"reason\":\"closing\"}\n";
        let (answer, connection, _daemon) = asked(said).await;
        assert_eq!(answer.unwrap(), Verdict::Unavailable(Outage::Closing));
        assert!(!connection.is_open());
    }
}
