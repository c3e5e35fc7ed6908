//! The state of a daemon: what it can be asked about itself.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::metrics::Snapshot;
use super::status::{
    CacheStatus, ConfigurationStatus, DOWN, DaemonStatus, DirectoryStatus, GuardStatus,
    ListenerStatus, OUT, ServerStatus, UP,
};
use crate::authenticator::Authenticator;
use crate::commands::reload::Progress;
use crate::deadline::Deadline;
use crate::directory::Directory;
use crate::directory::domain::Domain;
use crate::jid::Account;
use crate::listen::accept::Listener;
use crate::listen::control::Administration;
use crate::listen::front::Front;
use crate::listen::metrics::{MetricsFormat, Watched};
use crate::listen::settings::{ANSWER_WITHIN, ListenerSettings};
use crate::lock::locked;
use crate::observe::logger::Logger;
use crate::observe::metrics::RequestMetrics;
use crate::policy::Policies;
use crate::policy::lookups::Lookups;
use crate::turns::InTurn;
use crate::verdict::Verdict;

/// What each listener of a daemon asks.
pub(super) type Served = InTurn<Authenticator<Domain>>;

/// The state of a daemon, from its start on.
#[derive(Debug)]
pub(super) struct DaemonState {
    started: Instant,
    file: PathBuf,
    authenticator: OnceLock<Arc<Authenticator<Domain>>>,
    log: Logger,
    requests: RequestMetrics,
    current: Mutex<CurrentState>,
}

#[derive(Debug, Default)]
struct CurrentState {
    listeners: Vec<(ListenerSettings, Arc<Front<Served>>)>,
    /// The names of those that were written in the configuration that is in use.
    written: Vec<String>,
    directories: Vec<Arc<Directory>>,
    policies: Option<Arc<Policies>>,
    /// What is wrong with the configuration that was read last.
    problems: Vec<String>,
}

impl DaemonState {
    pub(super) fn new(file: PathBuf, log: Logger) -> Self {
        let (started, authenticator) = (Instant::now(), OnceLock::new());
        let (requests, current) = (RequestMetrics::default(), Mutex::default());
        Self { started, file, authenticator, log, requests, current }
    }

    /// Where requests are counted.
    pub(super) fn requests(&self) -> &RequestMetrics {
        &self.requests
    }

    pub(super) fn add_listener(&self, listener: &Listener<Served>) {
        let (settings, front) = (listener.settings().clone(), Arc::clone(listener.front()));
        locked(&self.current).listeners.push((settings, front));
    }

    pub(super) fn add_authenticator(&self, authenticator: Arc<Authenticator<Domain>>) {
        let _ = self.authenticator.set(authenticator);
    }

    /// Takes notice of what becomes of the configuration.
    pub(super) fn learn(&self, progress: &Progress<'_>) {
        match progress {
            Progress::Begun => {}
            Progress::Refused(refusal) => {
                locked(&self.current).problems = refusal.problems().to_vec()
            }
            Progress::InUse { listeners, directories, domains, policies } => {
                self.requests.set_served((*domains).clone());
                let mut current = locked(&self.current);
                current.problems.clear();
                current.directories = directories.to_vec();
                current.policies = Some(Arc::clone(policies));
                current.set_terms(listeners);
            }
        }
    }

    /// Lets all listeners end; returns how long their answers may take.
    pub(super) fn close(&self) -> Duration {
        let current = locked(&self.current);
        current.listeners.iter().for_each(|(_, front)| front.close());
        let times = current.listeners.iter().map(|(_, front)| front.terms().answer_within);
        times.max().unwrap_or_default()
    }
}

impl CurrentState {
    /// Lets the listeners keep to what is written now, as far as that can change while they listen.
    fn set_terms(&mut self, written: &[ListenerSettings]) {
        let names = written.iter().map(|settings| settings.name.clone()).collect();
        let before = std::mem::replace(&mut self.written, names);
        if self.listeners.is_empty() {
            // They begin with what is written now.
            return;
        }
        for gone in before.iter().filter(|name| !self.written.contains(name)) {
            tracing::warn!(
                listener = gone,
                "it is written no more, and stays open until there is a new process: restart the daemon"
            );
        }
        for new in written {
            match self.listeners.iter_mut().find(|(known, _)| known.name == new.name) {
                Some((known, front)) => {
                    if !known.is_same_place(new) {
                        tracing::warn!(
                            listener = new.name,
                            "where it listens, and for how many, changes only in a new process: restart the daemon"
                        );
                    }
                    known.terms = new.terms.clone();
                    front.set_terms(new.terms.clone());
                }
                None => {
                    tracing::warn!(
                        listener = new.name,
                        "nobody listens there yet: restart the daemon"
                    );
                }
            }
        }
    }
}

impl Watched for DaemonState {
    fn metrics(&self, format: MetricsFormat) -> String {
        let current = locked(&self.current);
        let listeners = current.listeners.iter().map(|(settings, front)| {
            let counts = front.counts();
            let connections = counts.connections.load(Ordering::Relaxed);
            (settings.name.clone(), connections, counts.in_flight.load(Ordering::Relaxed))
        });
        let late =
            current.listeners.iter().map(|(_, front)| front.counts().late.load(Ordering::Relaxed));
        let directories = current.directories.iter();
        let directories: Vec<_> =
            directories.map(|it| (it.name().to_owned(), it.facts())).collect();
        let dn_lookups = directories.iter().map(|(_, facts)| facts.dn_lookups);
        let policies = current.policies.as_ref();
        let guard = policies.and_then(|policies| policies.guard.as_ref());
        let cache = policies.and_then(|policies| policies.cache.as_ref());
        let credentials = cache
            .map(|cache| cache.lookups.counts())
            .unwrap_or_else(|| Lookups::default().counts());
        let snapshot = Snapshot {
            listeners: listeners.collect(),
            late_answers: late.sum(),
            lookups: std::iter::once(("credential", credentials))
                .chain(dn_lookups.map(|it| ("dn", it)))
                .collect(),
            directories,
            guard_refusals: guard.map(|guard| guard.refusals()),
            is_reloaded: current.problems.is_empty(),
            log_lines_lost: self.log.lost_in_all(),
        };
        drop(current);
        snapshot.written(&self.requests, format)
    }

    fn problems(&self) -> Vec<String> {
        let current = locked(&self.current);
        let out = current.directories.iter().filter(|directory| directory.is_out());
        let out = out.map(|directory| format!("directory {} cannot answer", directory.name()));
        current.problems.iter().cloned().chain(out).collect()
    }
}

impl Administration for DaemonState {
    fn status(&self) -> Value {
        let current = locked(&self.current);
        let listeners = current.listeners.iter().map(|(settings, front)| {
            let counts = front.counts();
            ListenerStatus {
                name: settings.name.clone(),
                kind: settings.kind.name().to_owned(),
                place: settings.address.to_string(),
                connections: counts.connections.load(Ordering::Relaxed),
                in_flight: counts.in_flight.load(Ordering::Relaxed),
                requests: counts.requests.load(Ordering::Relaxed),
                late_answers: counts.late.load(Ordering::Relaxed),
            }
        });
        let directories = current.directories.iter().map(|directory| {
            let servers = directory.facts().servers.into_iter().map(|server| ServerStatus {
                name: server.name.to_string(),
                state: if server.is_up { UP } else { DOWN }.to_owned(),
            });
            DirectoryStatus {
                name: directory.name().to_owned(),
                state: if directory.is_out() { OUT } else { UP }.to_owned(),
                connections: directory.open_connections(),
                servers: servers.collect(),
            }
        });
        let policies = current.policies.as_ref();
        let guard = policies.and_then(|policies| policies.guard.as_ref()).map(|guard| {
            let (accounts_with_failures, accounts_held) = guard.held(Instant::now());
            GuardStatus { accounts_with_failures, accounts_held }
        });
        let cache = policies.and_then(|policies| policies.cache.as_ref());
        json!(DaemonStatus {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            up_s: self.started.elapsed().as_secs(),
            configuration: ConfigurationStatus {
                file: self.file.display().to_string(),
                problems: current.problems.clone(),
            },
            listeners: listeners.collect(),
            directories: directories.collect(),
            guard,
            caches: CacheStatus { credentials: cache.map(|cache| cache.proofs()) },
        })
    }

    async fn forgive(&self, account: &Account) -> Result<bool, String> {
        let Some(authenticator) = self.authenticator.get() else { return Ok(false) };
        let by = Deadline::after(Instant::now(), ANSWER_WITHIN);
        match authenticator.forgive(account, by).await {
            Ok(forgiven) => Ok(forgiven),
            // Nobody binds as somebody whom the directory does not know.
            Err(outcome) if matches!(outcome.verdict, Verdict::Denied(_)) => Ok(false),
            Err(outcome) => Err(outcome.to_string()),
        }
    }
}
