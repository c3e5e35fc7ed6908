//! `run`: serves the XMPP server that started us.
//!
//! What the process may do to its surroundings, and how it may end, depends on who started it; the
//! rules are in the comments below.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::RawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep_until};

use super::reload::{ReloadSignal, Reloader};
use super::{load, runtime};
use crate::answer::Answer;
use crate::config::startup::{Caller, FirstRequest};
use crate::config::{self, Reading};
use crate::confine::{Extent, confine};
use crate::exit;
use crate::observe::target::{self, Reopener, Target};
use crate::protocol::dialect::{Dialect, Framing};
use crate::protocol::tty::{self, Kind};
use crate::session::lock_step::Terminal;
use crate::session::{End, StdioSession};
use crate::stdio::{Stdio, output_hung_up};

/// ejabberd gives external authentication up for good if its program ends often within a second.
const SHORTEST_LIFE: Duration = Duration::from_secs(2);

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
///
/// Under Prosody the exit code is 0 whatever happens, because Prosody never again starts a child
/// that ended with another one, or by a signal.
pub fn run(config: Option<PathBuf>, caller: Option<Dialect>) -> ExitCode {
    let terminal = tty::kind(io::stdin());
    if terminal == Kind::Screen && caller.is_none() {
        let _ = io::stderr().write_all(EXPLANATION.as_bytes());
        return exit::code(exit::USAGE);
    }
    let likely = is_pty(terminal).then_some(Dialect::Prosody);
    let path = config::path(config);
    let reading = load(Some(path.clone()), caller, likely);
    let exit_code = catch_unwind(AssertUnwindSafe(|| serve(reading, path, terminal)));
    if is_pty(terminal) {
        exit::code(exit::OK)
    } else {
        exit::code(exit_code.unwrap_or(exit::SOFTWARE))
    }
}

/// Whether standard input is a terminal of a program's making, so that what is printed there would
/// be taken for a reply.
pub fn is_started_by_server() -> bool {
    is_pty(tty::kind(io::stdin()))
}

/// Ends a process that Prosody started with a wrong command line, in the way that it survives.
pub fn refuse(problem: &str) -> ExitCode {
    own_the_process(Kind::FreshPty);
    let _ = target::start(&target::Log::default(), false);
    tracing::error!(problem, "the command line is wrong");
    exit::code(exit::OK)
}

fn is_pty(terminal: Kind) -> bool {
    matches!(terminal, Kind::FreshPty | Kind::UsedPty)
}

/// Takes over what the caller left open or switched on. Comes before anything that could print.
fn own_the_process(terminal: Kind) {
    // Prosody leaks its listening sockets, its clients' and the other end of our terminal, which
    // keeps us from noticing that it died.
    close_inherited();
    if is_pty(terminal) && tty::kind(io::stderr()) != Kind::Stream {
        // On lpty's terminal a panic's message would be read as a reply.
        if let Ok(null) = File::options().write(true).open("/dev/null") {
            let _ = rustix::stdio::dup2_stderr(null);
        }
    }
    // A core file would hold passwords. This also closes /proc/self to us, so it comes last.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
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
        Ok(Extent::Fully | Extent::Partly) => {}
        Ok(Extent::Not) => {
            tracing::info!("this kernel has no Landlock: the process is not confined")
        }
        Err(error) => tracing::warn!(%error, "the process is not confined"),
    }
}

fn close_inherited() {
    let open: Vec<RawFd> = std::fs::read_dir("/proc/self/fd")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    for fd in open.into_iter().filter(|fd| *fd > 2) {
        // The descriptor of the listing itself is closed already.
        let _ = nix::unistd::close(fd);
    }
}

fn serve(reading: Reading, path: PathBuf, terminal: Kind) -> u8 {
    own_the_process(terminal);
    let (log, opened) = target::start(&reading.startup.log, !is_pty(terminal));
    std::panic::set_hook(Box::new(|panic| {
        // The message could quote a peer; the place is what a developer needs.
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "a defect was contained; please report it");
    }));
    if let Err(error) = opened {
        tracing::error!(%error, "the log cannot be written where the configuration says");
    }
    if is_pty(terminal) && reading.startup.caller.terms.dialect.framing() == Framing::Packet {
        tracing::error!(
            "a terminal cannot carry packets: set external_auth_protocol = \"generic\" in Prosody"
        );
        return exit::OK;
    }
    give_up_rights(&reading, &path);
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "cannot start");
            std::thread::sleep(SHORTEST_LIFE);
            return exit::SOFTWARE;
        }
    };
    // As a task like those that it waits for, it is polled without a turn of the reactor between.
    let attending = runtime.spawn(attend(reading, path, terminal, log));
    let code = runtime.block_on(attending).unwrap_or(exit::SOFTWARE);
    // Not dropped, because that waits for name look-ups that are still going on.
    runtime.shutdown_background();
    code
}

async fn attend(reading: Reading, path: PathBuf, terminal: Kind, log: Reopener) -> u8 {
    let started = Instant::now();
    let caller = reading.startup.caller;
    let reloader = Reloader::new(path, reading);
    tracing::info!(version = env!("CARGO_PKG_VERSION"), caller = %caller.terms.dialect, "ready");
    let session = StdioSession::new(reloader.authenticator(), caller.terms);
    let reload = ReloadSignal::default();
    let end = tokio::select! {
        end = converse(&session, caller, terminal) => end,
        end = signals(is_pty(terminal), &log, &reload) => end,
        () = reloader.follow(Arc::clone(&reload)) => Ok(End::InputClosed),
    };
    tracing::info!(?end, "ending");
    match (end, caller.terms.dialect.framing()) {
        (Ok(End::Late), Framing::Packet) => {
            sleep_until(started + SHORTEST_LIFE).await;
            exit::SOFTWARE
        }
        (Ok(_), _) => exit::OK,
        (Err(error), _) => {
            tracing::error!(%error, "standard input or output cannot be used");
            sleep_until(started + SHORTEST_LIFE).await;
            exit::IO
        }
    }
}

async fn converse<A: Answer>(
    session: &StdioSession<A>,
    caller: Caller,
    terminal: Kind,
) -> io::Result<End> {
    if !is_pty(terminal) {
        let (input, output) = (Stdio::input()?, Stdio::output()?);
        return Ok(tokio::select! {
            biased;
            end = session.pipelined(input, output) => end,
            // Not before the session, whose last replies may have been read already.
            () = output_hung_up() => End::OutputClosed,
        });
    }
    tty::make_raw(io::stdin())?;
    let state = match (terminal, caller.first_request) {
        (Kind::FreshPty, FirstRequest::Discard) => Terminal::Fresh,
        _ => Terminal::Settled,
    };
    let end = session.lock_step(Stdio::input()?, Stdio::output()?, state).await;
    if end == End::FirstRequest {
        tty::mark_used(io::stdin())?;
        tracing::warn!(
            "the first request after a start of Prosody is never answered, because the terminal may have echoed it; the next one will be"
        );
    }
    Ok(end)
}

/// Ends on SIGTERM. SIGINT is the terminal's and not meant for us; SIGHUP means that the terminal
/// is gone, or else that the log was rotated and the configuration may have changed.
async fn signals(is_pty: bool, log: &Reopener, reload: &ReloadSignal) -> io::Result<End> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(End::InputClosed),
            _ = interrupt.recv() => {}
            _ = hang_up.recv() => {
                if is_pty {
                    return Ok(End::InputClosed);
                }
                log.reopen();
                reload.notify_one();
            }
        }
    }
}
