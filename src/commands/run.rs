//! `run`: serves the XMPP server that started us.
//!
//! It reads the configuration, gives up every right that it does not need, and lets a session serve
//! whoever is at the other end, while signals and changes of the configuration come in.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

use super::reload::{ReloadSignal, Reloader};
use super::{load, runtime};
use crate::answer::Answer;
use crate::config::startup::Caller;
use crate::config::{self, Reading};
use crate::confine::{Confinement, confine};
use crate::observe::target::{self, Reopener, Target};
use crate::peer::process::{Process, ProcessEnd, admit_signals};
use crate::peer::{self, Peer};
use crate::protocol::dialect::Dialect;
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

How Prosody and ejabberd start it is in the README.
";

/// Serves standard input and output until the caller closes them.
pub fn run(process: Process, config: Option<PathBuf>, caller: Option<Dialect>) -> ExitCode {
    if process.peer() == Peer::Person && caller.is_none() {
        let _ = io::stderr().write_all(EXPLANATION.as_bytes());
        return process.end(ProcessEnd::Usage);
    }
    process.take_over();
    let path = config::path(config);
    let reading = load(Some(path.clone()), caller, process.peer().likely_dialect());
    process.end(serve(reading, path, process.peer()))
}

/// Ends a process whose command line is wrong.
pub fn refuse(process: Process, error: &clap::Error) -> ExitCode {
    if process.peer().leaves_stderr() {
        let _ = error.print();
    } else {
        process.take_over();
        let _ = target::start(&target::Log::default(), false);
        tracing::error!(problem = error.to_string(), "the command line is wrong");
    }
    process.end(ProcessEnd::Usage)
}

/// Comes before the first thread, because each confines itself.
fn give_up_rights(reading: &Reading, path: &Path) {
    if !reading.startup.confine {
        return;
    }
    let log = match &reading.startup.log.target {
        Target::File(path) => Some(path.as_path()),
        Target::Auto | Target::Stderr | Target::Journald | Target::Syslog => None,
    };
    let foreign = config::files_of_environment();
    let readable = reading.files.paths().chain(foreign.iter().map(PathBuf::as_path)).chain([path]);
    match confine(readable, log) {
        Ok(Confinement::Full | Confinement::Partial) => {}
        Ok(Confinement::None) => {
            tracing::info!("this kernel has no Landlock: the process is not confined")
        }
        Err(error) => tracing::warn!(%error, "the process is not confined"),
    }
}

fn serve(reading: Reading, path: PathBuf, peer: Peer) -> ProcessEnd {
    let (log, opened) = target::start(&reading.startup.log, peer.leaves_stderr());
    std::panic::set_hook(Box::new(|panic| {
        // The message could quote a peer; the place is what a developer needs.
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "a defect was contained; please report it");
    }));
    if let Err(error) = opened {
        tracing::error!(%error, "the log cannot be written where the configuration says");
    }
    if !peer.carries(reading.startup.caller.terms.dialect.framing()) {
        tracing::error!(
            "a terminal cannot carry packets: set external_auth_protocol = \"generic\" in Prosody"
        );
        return ProcessEnd::Usage;
    }
    give_up_rights(&reading, &path);
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "cannot start");
            return ProcessEnd::Defect;
        }
    };
    // As a task like those that it waits for, it is polled without a turn of the reactor between.
    let attending = runtime.spawn(attend(reading, path, peer, log));
    let end = runtime.block_on(attending).unwrap_or(ProcessEnd::Defect);
    // Not dropped, because that waits for name look-ups that are still going on.
    runtime.shutdown_background();
    end
}

async fn attend(reading: Reading, path: PathBuf, peer: Peer, log: Reopener) -> ProcessEnd {
    let caller = reading.startup.caller;
    let reloader = Reloader::new(path, reading);
    tracing::info!(version = env!("CARGO_PKG_VERSION"), caller = %caller.terms.dialect, "ready");
    let session = StdioSession::new(reloader.authenticator(), caller.terms);
    let reload = ReloadSignal::default();
    let end = tokio::select! {
        end = converse(&session, caller, peer) => end,
        end = signals(peer, &log, &reload) => end,
        () = reloader.follow(Arc::clone(&reload)) => Ok(SessionEnd::InputClosed),
    };
    tracing::info!(?end, "ending");
    match end {
        Ok(SessionEnd::Late) => ProcessEnd::Late(caller.terms.dialect.framing()),
        Ok(SessionEnd::FirstRequest | SessionEnd::InputClosed | SessionEnd::OutputClosed) => {
            ProcessEnd::Done
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
    peer: Peer,
) -> io::Result<SessionEnd> {
    let Peer::Lpty { is_fresh } = peer else {
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
    let end = session.lock_step(input, output, first, Instant::now()).await;
    if end == SessionEnd::FirstRequest {
        peer::mark_used(io::stdin())?;
        tracing::warn!(
            "the first request after a start of Prosody is never answered, because the terminal may have echoed it; the next one will be"
        );
    }
    Ok(end)
}

/// Ends on SIGTERM. SIGINT is the terminal's and not meant for us; SIGHUP means that the terminal
/// is gone, or else that the log was rotated and the configuration may have changed.
async fn signals(peer: Peer, log: &Reopener, reload: &ReloadSignal) -> io::Result<SessionEnd> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    admit_signals();
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(SessionEnd::InputClosed),
            _ = interrupt.recv() => {}
            _ = hang_up.recv() => {
                if let Peer::Lpty { .. } = peer {
                    return Ok(SessionEnd::InputClosed);
                }
                log.reopen();
                reload.notify_one();
            }
        }
    }
}
