//! What serves the requests: built from the configuration, and built anew when that changes,
//! without a request noticing.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};

use super::{Built, build};
use crate::authenticator::{Authenticator, ServedDomains};
use crate::config::policy::Policy;
use crate::config::problem::Problems;
use crate::config::{self, Configuration, Reading, gssapi};
use crate::deadline::Deadline;
use crate::directory::Directory;
use crate::directory::domain::Domain;
use crate::directory::pool::service::is_account_refused;
use crate::files::Stamp;
use crate::policy::Policies;
use crate::protocol::dialect::Dialect;
use crate::verdict::Outcome;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A configuration that is right but does not work is tried again after this long.
const TRY_EVERY: Duration = Duration::from_secs(30);

/// Tells the service to look at its configuration now.
pub(super) type Nudge = Arc<Notify>;

/// Where the configuration is, and what it says now.
#[derive(Debug)]
pub(super) struct Service {
    path: PathBuf,
    /// Never changes, whoever it was that named it.
    caller: Dialect,
    authenticator: Arc<Authenticator<Domain>>,
    current: Option<Current>,
    /// The files that it names.
    files: Vec<PathBuf>,
    seen: Seen,
}

/// The versions of the configuration and of the files that it names.
#[derive(Debug)]
struct Seen {
    own: Stamp,
    named: Stamp,
}

#[derive(Debug)]
struct Current {
    /// The version of the configuration.
    own: Stamp,
    policies: Arc<Policies>,
    directories: Vec<Arc<Directory>>,
    upkeep: Vec<AbortHandle>,
}

impl Current {
    fn new(built: Built, own: Stamp) -> (Self, ServedDomains<Domain>) {
        let Built { directories, served } = built;
        let upkeep = directories.iter().map(keep_up).collect();
        let policies = Arc::clone(&served.policies);
        (Self { own, policies, directories, upkeep }, served)
    }

    /// Whether nothing can be asked of this directory now, so that a change takes nothing from it.
    fn is_out(&self, directory: &str) -> bool {
        self.directories.iter().any(|current| current.name() == directory && current.is_out())
    }

    fn is_any_out(&self) -> bool {
        self.directories.iter().any(|directory| directory.is_out())
    }
}

impl Drop for Current {
    fn drop(&mut self) {
        self.upkeep.iter().for_each(AbortHandle::abort);
    }
}

fn keep_up(directory: &Arc<Directory>) -> AbortHandle {
    let directory = Arc::clone(directory);
    tokio::spawn(async move { directory.maintain().await }).abort_handle()
}

impl Service {
    /// Serves by the configuration, as it was `first` read. One that cannot be used is said to be so,
    /// and every request is answered with "cannot tell", until it is mended.
    pub(super) fn new(path: PathBuf, first: Reading) -> Self {
        for remark in &first.remarks {
            tracing::warn!(%remark, "configuration");
        }
        let mut service = Self {
            seen: Seen::of(&path, &first.files),
            path,
            caller: first.startup.caller.terms.dialect,
            authenticator: Arc::new(Authenticator::misconfigured()),
            current: None,
            files: first.files,
        };
        match first.configuration.map_err(Refusal::from).and_then(|read| service.build(read)) {
            Ok(built) => service.put_to_use(built),
            Err(refusal) => {
                refusal.tell();
                tracing::error!(
                    "every request is answered with \"cannot tell\" until the configuration is right"
                );
            }
        }
        service
    }

    /// What answers requests.
    pub(super) fn authenticator(&self) -> Arc<Authenticator<Domain>> {
        Arc::clone(&self.authenticator)
    }

    /// Follows the configuration, for as long as it is polled: when it is nudged, and when a
    /// file that it names changes. What cannot be used, or does not work, changes nothing.
    pub(super) async fn follow(mut self, nudge: Nudge) {
        let mut again = Again::WhenChanged;
        loop {
            let is_nudged = tokio::select! {
                () = nudge.notified() => true,
                () = sleep(LOOK_EVERY) => false,
            };
            if !is_nudged && !self.is_due(again) && !self.is_changed() {
                continue;
            }
            again = match self.renew().await {
                Ok(()) => {
                    tracing::info!("the configuration was read again and is in use");
                    Again::WhenChanged
                }
                Err(refusal) => {
                    refusal.tell();
                    tracing::error!("{}", refusal.consequence());
                    refusal.again()
                }
            };
        }
    }

    fn is_due(&self, again: Again) -> bool {
        let now = Instant::now();
        match again {
            Again::WhenChanged => false,
            Again::From(at) => now >= at,
            Again::WhenOut(from) => {
                now >= from && self.current.as_ref().is_some_and(Current::is_any_out)
            }
        }
    }

    /// Whether a file has changed that matters: one that the configuration names, or itself while
    /// there is none that could be used.
    fn is_changed(&self) -> bool {
        let now = Seen::of(&self.path, &self.files);
        now.named != self.seen.named || (self.current.is_none() && now.own != self.seen.own)
    }

    /// Reads the configuration. The files are looked at before, so that none changes unseen
    /// meanwhile.
    fn load(&mut self) -> Reading {
        loop {
            self.seen = Seen::of(&self.path, &self.files);
            let reading = config::load(&self.path, Some(self.caller), None);
            if reading.files == self.files {
                return reading;
            }
            self.files = reading.files;
        }
    }

    /// Builds what serves, with the memory of what serves now as far as it is still good.
    fn build(&self, configuration: Configuration) -> Result<Built, Refusal> {
        let Policy { guard, cache, .. } = configuration.policy;
        let policies = match &self.current {
            None => Ok(None),
            Some(current) if current.own == self.seen.own => {
                Ok(Some(Arc::clone(&current.policies)))
            }
            Some(current) => current.policies.renewed(guard, cache).map(|new| Some(Arc::new(new))),
        };
        policies
            .and_then(|policies| build(configuration, policies))
            .map_err(|error| Refusal::Wrong(vec![error.to_string()]))
    }

    fn put_to_use(&mut self, built: Built) {
        let (current, served) = Current::new(built, self.seen.own.clone());
        self.authenticator.serve(served);
        self.current = Some(current);
    }

    async fn renew(&mut self) -> Result<(), Refusal> {
        let reading = self.load();
        let configuration = reading.configuration?;
        if !gssapi::is_environment_for(&configuration) {
            let text = "another keytab needs a new process: start the XMPP server anew".to_owned();
            return Err(Refusal::Wrong(vec![text]));
        }
        let built = self.build(configuration)?;
        let by = Deadline::after(Instant::now(), reading.startup.caller.terms.answer_within);
        let tried = built.directories.iter().map(async |directory| {
            let outcome = directory.try_out(by).await.err()?;
            self.judge(directory.name(), &outcome)
        });
        if let Some(refusal) = join_all(tried).await.into_iter().flatten().next() {
            return Err(refusal);
        }
        self.put_to_use(built);
        Ok(())
    }

    /// Whether a directory that does not work is a reason to keep the old configuration.
    fn judge(&self, directory: &str, outcome: &Outcome) -> Option<Refusal> {
        let detail = outcome.detail.as_deref().unwrap_or_default();
        let problem = format!("[directory.{directory}]: {}: {detail}", outcome.verdict);
        if self.current.as_ref().is_some_and(|current| current.is_out(directory)) {
            tracing::warn!(problem, "it did not work before either");
            None
        } else if is_account_refused(outcome) {
            Some(Refusal::Refused(problem))
        } else {
            Some(Refusal::Fails(problem))
        }
    }
}

impl Seen {
    fn of(path: &Path, files: &[PathBuf]) -> Self {
        Self { own: Stamp::of([path]), named: Stamp::of(files.iter().map(PathBuf::as_path)) }
    }
}

/// When a configuration that was not put to use is tried again, besides when it changes.
#[derive(Clone, Copy, Debug)]
enum Again {
    WhenChanged,
    From(Instant),
    /// When what is in use does not work any more either, but not before that.
    WhenOut(Instant),
}

/// Why a configuration is not put to use.
#[derive(Debug)]
enum Refusal {
    /// It is wrong.
    Wrong(Vec<String>),
    /// A directory cannot be asked.
    Fails(String),
    /// A directory refuses the service account.
    Refused(String),
}

impl Refusal {
    fn tell(&self) {
        let problems = match self {
            Self::Wrong(problems) => problems.as_slice(),
            Self::Fails(problem) | Self::Refused(problem) => std::slice::from_ref(problem),
        };
        for problem in problems {
            tracing::error!(problem, "configuration");
        }
    }

    fn consequence(&self) -> &'static str {
        match self {
            Self::Wrong(_) => "the new configuration is wrong; nothing has changed",
            Self::Fails(_) => {
                "the new configuration does not work; nothing has changed, and it will be tried again"
            }
            Self::Refused(_) => {
                "the new configuration is refused; nothing has changed, and it will be tried again when the old one does not work either"
            }
        }
    }

    fn again(&self) -> Again {
        let later = Instant::now() + TRY_EVERY;
        match self {
            Self::Wrong(_) => Again::WhenChanged,
            Self::Fails(_) => Again::From(later),
            // A wrong password that is tried again and again locks the account. It is right if it
            // was written before the directory learned it, but then the old one is wrong.
            Self::Refused(_) => Again::WhenOut(later),
        }
    }
}

impl From<Problems> for Refusal {
    fn from(problems: Problems) -> Self {
        Self::Wrong(problems.iter().map(ToString::to_string).collect())
    }
}
