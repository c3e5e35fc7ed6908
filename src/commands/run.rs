//! `run`: serves the XMPP server that started us.
//!
//! It reads the configuration, gives up every right that it does not need, and lets a session serve
//! whoever is at the other end, while signals and changes of the configuration come in.

use std::io::{self, Write};
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::FutureExt;

use super::reload::follower::Follower;
use super::reload::{ReloadSignal, Reloader};
use super::serving::{give_up_rights, reopen, start_log};
use super::signals::{Signal, Signals};
use super::{load, runtime};
use crate::answer::Answer;
use crate::cli::GlobalArgs;
use crate::config::startup::Caller;
use crate::config::{self, Reading};
use crate::observe::logger::{LogPlace, Logger};
use crate::peer::process::{Process, ProcessEnd};
use crate::peer::{self, Peer};
use crate::relay::Relay;
use crate::session::lock_step::FirstRequest;
use crate::session::{SessionEnd, StdioSession};
use crate::stdio::{Stdio, output_hung_up};

const EXPLANATION: &str = "\
xmpp-ldap-auth answers the authentication requests of an XMPP server, which starts it and talks to
it over standard input and output. At a terminal there is nobody to answer. You may want:

  xmpp-ldap-auth check                  is the configuration right?
  xmpp-ldap-auth login USER@DOMAIN      would this user be signed in, and if not, why?
  xmpp-ldap-auth --caller prosody run   type requests by hand: auth:USER:DOMAIN:PASSWORD
  xmpp-ldap-auth --help                 everything else

How Prosody and ejabberd start it is in the manual.
";

/// Serves standard input and output until the caller closes them.
pub fn run(process: &mut Process, given: GlobalArgs) -> ProcessEnd {
    process.take_over();
    let path = config::path(given.config);
    let reading = load(&path, given.caller, process.peer().likely_dialect());
    process.asked_by(reading.startup.caller.terms.dialect);
    if process.peer() == Peer::Person && given.caller.is_none() {
        let _ = io::stderr().write_all(EXPLANATION.as_bytes());
        return ProcessEnd::Usage;
    }
    serve(reading, path, *process)
}

fn serve(reading: Reading, path: PathBuf, process: Process) -> ProcessEnd {
    let peer = process.peer();
    let (log, place) = start_log(&reading.startup.log, peer);
    if !peer.carries(reading.startup.caller.terms.dialect.framing()) {
        tracing::error!(
            "a terminal cannot carry packets: set external_auth_protocol = \"generic\" in Prosody"
        );
        return ProcessEnd::Usage;
    }
    give_up_rights(&reading, &path, &[]);
    let _stands_apart = log.stand_apart();
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "cannot start");
            return ProcessEnd::Defect;
        }
    };
    // As a task like those that it waits for, it is polled without a turn of the reactor between.
    let attending = runtime.spawn(attend(reading, path, process, log, place));
    let end = runtime.block_on(attending).unwrap_or(ProcessEnd::Defect);
    // Not dropped, because that waits for name look-ups that are still going on.
    runtime.shutdown_background();
    end
}

async fn attend(
    reading: Reading,
    path: PathBuf,
    process: Process,
    log: Logger,
    place: LogPlace,
) -> ProcessEnd {
    let server = StdioServer { caller: reading.startup.caller, process, log, place };
    let caller = server.caller.terms.dialect;
    let file = path.display().to_string();
    let version = env!("CARGO_PKG_VERSION");
    let reload = ReloadSignal::default();
    if let Some(daemon) = reading.startup.daemon.clone() {
        let relay = Arc::new(Relay::new(reading.configuration.is_ok().then(|| daemon.clone())));
        let follower = Follower::new(path, reading, Arc::clone(&relay));
        tracing::info!(version, %caller, file, daemon = %daemon.display(), "ready");
        return server.serve(relay, &reload, follower.follow(&reload)).await;
    }
    let reloader = Reloader::new(path, reading, Box::new(|_| {}));
    tracing::info!(version, %caller, file, "ready");
    server.serve(reloader.authenticator(), &reload, reloader.follow(Arc::clone(&reload))).await
}

/// The talk with the caller.
struct StdioServer {
    caller: Caller,
    process: Process,
    log: Logger,
    place: LogPlace,
}

impl StdioServer {
    /// Lets `answerer` answer until the caller, or a signal, ends it; or until `follow` ends, which
    /// reads the configuration again when `reload` says so, because that needs a new process.
    async fn serve<A: Answer>(
        self,
        answerer: Arc<A>,
        reload: &ReloadSignal,
        follow: impl Future<Output = ()>,
    ) -> ProcessEnd {
        let Self { caller, process, log, place } = self;
        let mut session = StdioSession::new(answerer, caller.terms);
        if place == LogPlace::Nowhere {
            session = session.naming_outages();
        }
        let end = tokio::select! {
            end = converse(&session, caller, process) => end,
            error = signals(process.peer(), &log, reload, || session.stop()) => Err(error),
            // A defect in reading the configuration is none in answering.
            Ok(()) = AssertUnwindSafe(follow).catch_unwind() => {
                tracing::info!("the configuration names the caller now; the next process will serve it");
                return ProcessEnd::Renewed;
            }
        };
        session.settle().await;
        ending(end)
    }
}

fn ending(end: io::Result<SessionEnd>) -> ProcessEnd {
    match end {
        Ok(end) => {
            tracing::info!(because = %end, "ending");
            match end {
                SessionEnd::Late => ProcessEnd::Late,
                SessionEnd::InputFailed => ProcessEnd::Streams,
                SessionEnd::FirstRequest
                | SessionEnd::InputClosed
                | SessionEnd::OutputClosed
                | SessionEnd::Unanswered => ProcessEnd::Done,
            }
        }
        Err(error) => {
            tracing::error!(%error, "standard input or output cannot be used");
            ProcessEnd::Streams
        }
    }
}

async fn converse<A: Answer>(
    session: &StdioSession<A>,
    caller: Caller,
    process: Process,
) -> io::Result<SessionEnd> {
    let Peer::Lpty { is_fresh } = process.peer() else {
        let (input, output) = (Stdio::input()?, Stdio::output()?);
        return Ok(tokio::select! {
            biased;
            end = session.pipelined(input, output) => end,
            // Not before the session, whose last replies may have been read already.
            () = output_hung_up() => SessionEnd::OutputClosed,
        });
    };
    peer::make_raw(io::stdin())?;
    let first = if is_fresh { caller.first_request } else { FirstRequest::Answer };
    let (input, output) = (Stdio::input()?, Stdio::output()?);
    let end = session.lock_step(input, output, first, process.born().into()).await;
    if end == SessionEnd::FirstRequest {
        peer::mark_used(io::stdin())?;
        tracing::warn!(
            "the first request after a start of Prosody is never answered, because the terminal may have echoed it; the next one will be"
        );
    }
    Ok(end)
}

/// Asks for the end on SIGTERM, and on what the terminal of a person sends for ^C. Prosody's terminal
/// sends none that is meant for us; SIGHUP means that it is gone, or else that the log was rotated and
/// the configuration may have changed. Returns only an error.
async fn signals(peer: Peer, log: &Logger, reload: &ReloadSignal, stop: impl Fn()) -> io::Error {
    let mut signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => return error,
    };
    loop {
        match signals.next().await {
            Signal::Terminate => stop(),
            Signal::Interrupt => {
                if peer == Peer::Person {
                    stop();
                }
            }
            Signal::HangUp => {
                if let Peer::Lpty { .. } = peer {
                    stop();
                } else {
                    reopen(log);
                    reload.notify_one();
                }
            }
        }
    }
}
