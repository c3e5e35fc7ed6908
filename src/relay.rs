//! A client of the daemon, which answers in its place: over one connection, in any order.
//!
//! It never knows more than the daemon says. Whatever keeps it from asking is "cannot tell": at once
//! where there is no daemon, else at the deadline of the request, which the session keeps. A request is
//! sent once more only where it was certainly not taken in, or does no harm twice.

mod connection;
pub mod socket;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use self::connection::{Connection, NoAnswer};
use self::socket::{BUSY_PAUSE, NoConnection};
use crate::answer::Answer;
use crate::deadline::Deadline;
use crate::local_stream::LocalStream;
use crate::lock::locked;
use crate::observe::trouble::Trouble;
use crate::request::{Request, Verb};
use crate::verdict::{Outage, Outcome, Verdict};

/// A request that may have been taken in is sent once more only if so much of its time is left.
const WORTH_ANOTHER: Duration = Duration::from_millis(500);

/// Asks the daemon whose socket it is given.
#[derive(Debug)]
pub struct Relay {
    state: Mutex<RelayState>,
    /// That the daemon cannot be asked.
    trouble: Trouble,
}

#[derive(Debug)]
struct RelayState {
    /// `None` while the configuration cannot be used.
    socket: Option<PathBuf>,
    connection: Option<Arc<Connection>>,
    /// Until when there is a timer, whoever waits.
    ticks_until: Option<Instant>,
}

impl Relay {
    /// Asks the daemon at this socket; without one, every answer is "cannot tell".
    pub fn new(socket: Option<PathBuf>) -> Self {
        let state = Mutex::new(RelayState { socket, connection: None, ticks_until: None });
        Self { state, trouble: Trouble::default() }
    }

    /// Asks the daemon at this socket from now on.
    pub fn ask_at(&self, socket: PathBuf) {
        let mut state = locked(&self.state);
        state.socket = Some(socket);
        state.connection = None;
    }

    /// Leaves a timer behind for those who ask later. Where the timer of a request is the first of all, as
    /// it is where one is asked after the other, the runtime wakes itself and takes another turn.
    fn keep_ticking(&self, by: Deadline) {
        let now = Instant::now();
        let mut state = locked(&self.state);
        if state.ticks_until.is_none_or(|until| until <= now) {
            let until = now + by.remaining() / 2;
            state.ticks_until = Some(until);
            tokio::spawn(sleep_until(until));
        }
    }

    async fn ask(&self, request: &Request, by: Deadline) -> Result<Verdict, NoAnswer> {
        let connection = loop {
            match self.connection() {
                Ok(connection) => break connection,
                Err(NoConnection::Busy) => sleep(BUSY_PAUSE).await,
                Err(problem) => return Err(NoAnswer::Absent(problem.to_string())),
            }
        };
        let verdict = connection.ask(request, by).await?;
        if verdict == Verdict::Unavailable(Outage::Closing) {
            return Err(NoAnswer::Unsent);
        }
        Ok(verdict)
    }

    /// The connection to a daemon that takes requests.
    fn connection(&self) -> Result<Arc<Connection>, NoConnection> {
        let mut state = locked(&self.state);
        if let Some(connection) = state.connection.as_ref().filter(|it| it.is_open()) {
            return Ok(Arc::clone(connection));
        }
        let socket = state.socket.as_deref().unwrap_or_else(|| "".as_ref());
        let stream = LocalStream::new(socket::connect(socket)?)
            .map_err(|error| NoConnection::Unusable(error.to_string()))?;
        let connection = Connection::start(stream);
        state.connection = Some(Arc::clone(&connection));
        Ok(connection)
    }

    fn complain(&self, problem: &str) {
        let Some(unlogged) = self.trouble.comes() else { return };
        let daemon = locked(&self.state)
            .socket
            .as_deref()
            .unwrap_or_else(|| "".as_ref())
            .display()
            .to_string();
        let advice = Outage::NoDaemon.advice();
        tracing::error!(
            daemon,
            problem,
            advice,
            more_since_last_line = unlogged,
            "the daemon cannot be asked"
        );
    }
}

impl Answer for Relay {
    async fn answer(&self, request: &Request, by: Deadline) -> Outcome {
        if locked(&self.state).socket.is_none() {
            return Outage::Misconfigured.into();
        }
        self.keep_ticking(by);
        let mut is_second = false;
        loop {
            let lost = match self.ask(request, by).await {
                Ok(verdict) => {
                    if self.trouble.ends() {
                        tracing::info!("the daemon answers again");
                    }
                    return verdict.into();
                }
                Err(lost) => lost,
            };
            let is_harmless = request.verb() != Verb::SetPass && by.remaining() >= WORTH_ANOTHER;
            let again = match &lost {
                NoAnswer::Unsent => true,
                NoAnswer::Unanswered | NoAnswer::Refused => is_harmless,
                NoAnswer::Absent(_) => false,
            };
            if is_second || !again {
                let problem = lost.to_string();
                self.complain(&problem);
                return Outcome::from(Outage::NoDaemon).with_detail(&problem);
            }
            is_second = true;
        }
    }
}
