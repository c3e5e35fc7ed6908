//! `daemon`: serves the XMPP servers of this machine through sockets.
//!
//! It listens before it gives up its rights, and stays whatever the configuration says: who asks is
//! told "cannot tell" until that can be used. It ends on SIGTERM, when what is open is answered.

mod families;
mod metrics;
mod process;
mod state;
pub(in crate::commands) mod status;

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval, timeout};

use self::state::DaemonState;
use super::ending::Failure;
use super::reload::{Observer, Progress, ReloadSignal, Reloader};
use super::serving::{give_up_rights, reopen, start_log};
use super::signals::{Signal, Signals};
use super::{load, runtime};
use crate::cli::GlobalArgs;
use crate::config::listen::{self, AUTH, CONTROL, default_auth, default_control};
use crate::config::{self, Reading};
use crate::exit::Code;
use crate::listen::accept::Listener;
use crate::listen::settings::{ListenAddress, ListenerKind, ListenerSettings};
use crate::listen::socket::{self, Passed, Socket};
use crate::observe::logger::Logger;
use crate::peer::Peer;
use crate::protocol::dialect::Dialect;
use crate::turns::InTurn;

/// Beyond the time for answers, so long do connections have time to end.
const GRACE: Duration = Duration::from_secs(2);

/// Serves the sockets of the configuration until SIGTERM.
pub fn daemon(given: GlobalArgs) -> Result<Code, Failure> {
    let path = config::path(given.config);
    // Nobody in particular asks; what is derived from the caller is as for the most patient one.
    let reading = load(&path, Some(Dialect::Ejabberd), None);
    let (log, _) = start_log(&reading.startup.log, Peer::Nobody);
    if reading.startup.daemon.is_some() {
        let text = "`daemon` is for those whom the XMPP server starts: leave it out of the configuration of the daemon itself";
        return Err(unusable(text.to_owned()));
    }
    if reading.startup.written_caller().is_some() {
        tracing::warn!(
            "configuration: caller is ignored, but for how long clients wait over HTTP: the daemon serves any"
        );
    }
    let mut passed = Passed::take(&listen::passed_names()).map_err(unusable)?;
    let bound = bind(&reading, &mut passed)?;
    let own: Vec<PathBuf> = bound.iter().filter_map(|(settings, _)| own_path(settings)).collect();
    give_up_rights(&reading, &path, &own);
    let _stands_apart = log.stand_apart();
    let runtime = runtime()?;
    let serving = runtime.spawn(serve(reading, path, bound, log));
    let end = runtime.block_on(serving).unwrap_or(Ok(Code::SOFTWARE));
    runtime.shutdown_background();
    end
}

/// Says so in the log as well, where it is looked for.
fn unusable(problem: String) -> Failure {
    tracing::error!(problem, "the daemon cannot start");
    Failure::setup(problem)
}

fn own_path(settings: &ListenerSettings) -> Option<PathBuf> {
    match &settings.address {
        ListenAddress::Unix { path, .. } => Some(path.clone()),
        ListenAddress::Systemd(_) | ListenAddress::Tcp(_) => None,
    }
}

/// Listens wherever the configuration, or systemd, says, or else in the usual places.
fn bind(
    reading: &Reading,
    passed: &mut Passed,
) -> Result<Vec<(ListenerSettings, Vec<Socket>)>, Failure> {
    let mut wanted = reading.listeners.clone();
    for name in passed.names() {
        let address = ListenAddress::Systemd(name.clone());
        if wanted.iter().any(|settings| settings.address == address) {
            continue;
        }
        let namesake = wanted.iter_mut().find(|settings| settings.name == name);
        let is_control = match &namesake {
            Some(settings) => settings.kind == ListenerKind::Control,
            None => name == CONTROL,
        };
        if is_control {
            return Err(unusable(format!(
                "systemd passed a socket of the name {name}, which is that of the socket that commands find the daemon by, and which it makes itself; write another FileDescriptorName="
            )));
        }
        match namesake {
            Some(settings) => settings.address = address,
            None => wanted.push(ListenerSettings::plain(&name, address, ListenerKind::Native)),
        }
    }
    // Those that are not written may be missing; they are none of the administrator's wishes.
    let needed = wanted.len();
    let has = |wanted: &[ListenerSettings], name: &str| wanted.iter().any(|it| it.name == name);
    let is_default = wanted.is_empty();
    if (is_default || reading.configuration.is_err()) && !has(&wanted, AUTH) {
        wanted.push(default_auth());
    }
    if !wanted.iter().any(|settings| settings.kind == ListenerKind::Control)
        && !has(&wanted, CONTROL)
    {
        wanted.push(default_control());
    }
    let mut bound = Vec::new();
    for (place, settings) in wanted.into_iter().enumerate() {
        let is_needed = place < needed || is_default && settings.name == AUTH;
        if is_needed && let Some(path) = own_path(&settings) {
            make_directory(&path);
        }
        match socket::listen(&settings, passed) {
            Ok(sockets) => bound.push((settings, sockets)),
            Err(problem) if is_needed => {
                return Err(unusable(format!("listen.{}: {problem}", settings.name)));
            }
            Err(problem) => {
                tracing::warn!(
                    listener = settings.name,
                    problem,
                    "one of the usual sockets is missing"
                );
            }
        }
    }
    Ok(bound)
}

/// Makes the usual directory for a socket, as systemd would.
fn make_directory(socket: &Path) {
    let usual = listen::directory();
    if socket.parent() == Some(&usual) && !usual.exists() {
        let _ = DirBuilder::new().mode(0o755).create(&usual);
    }
}

async fn serve(
    reading: Reading,
    path: PathBuf,
    bound: Vec<(ListenerSettings, Vec<Socket>)>,
    log: Logger,
) -> Result<Code, Failure> {
    let signals = Signals::listen()?;
    let state = Arc::new(DaemonState::new(path.clone(), log.clone()));
    let reloader = Reloader::new(path, reading, observer(&state));
    let answerer = Arc::new(InTurn::new(reloader.authenticator()));
    let mut serving = Vec::new();
    for (settings, sockets) in bound {
        let name = settings.name.clone();
        let listener =
            Listener::new(settings, sockets, Arc::clone(&answerer), state.requests().clone())
                .map_err(|error| unusable(format!("listen.{name}: {error}")))?;
        state.add_listener(&listener);
        serving.push(listener);
    }
    state.add_authenticator(reloader.authenticator());
    let serving: Vec<_> =
        serving.into_iter().map(|it| tokio::spawn(it.serve(Arc::clone(&state)))).collect();
    let reload = ReloadSignal::default();
    notify(&[NotifyState::Ready]);
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "ready");
    tokio::select! {
        () = follow(signals, &log, &reload) => {}
        () = watch() => {}
        // A defect in reading the configuration is none in answering.
        Ok(()) = AssertUnwindSafe(reloader.follow(Arc::clone(&reload))).catch_unwind() => {}
    }
    tracing::info!("ending, when what is open is answered");
    notify(&[NotifyState::Stopping]);
    let patience = state.close() + GRACE;
    if timeout(patience, join_all(serving)).await.is_err() {
        tracing::warn!("connections were cut off that did not end");
    }
    Ok(Code::OK)
}

/// Lets systemd, and whoever asks, know what becomes of the configuration.
fn observer(state: &Arc<DaemonState>) -> Observer {
    let state = Arc::clone(state);
    Box::new(move |progress| {
        state.learn(&progress);
        match progress {
            Progress::Begun => match NotifyState::monotonic_usec_now() {
                Ok(now) => notify(&[NotifyState::Reloading, now]),
                Err(_) => notify(&[NotifyState::Reloading]),
            },
            Progress::InUse { .. } | Progress::Refused(_) => notify(&[NotifyState::Ready]),
        }
    })
}

fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "systemd cannot be told");
    }
}

/// Lets systemd know that we are alive, as often as it wants to, for ever.
async fn watch() {
    let Some(limit) = sd_notify::watchdog_enabled() else {
        return std::future::pending().await;
    };
    let mut ticks = interval(limit / 3);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        notify(&[NotifyState::Watchdog]);
    }
}

/// Reloads on SIGHUP; returns on SIGTERM, and on what a person's terminal sends for ^C.
async fn follow(mut signals: Signals, log: &Logger, reload: &ReloadSignal) {
    while signals.next().await == Signal::HangUp {
        reopen(log);
        reload.notify_one();
    }
}
