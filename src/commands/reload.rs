//! Serves by the configuration, and by a new one when it changes, without a request noticing.

mod activation_error;
mod active;
pub(super) mod follower;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use self::activation_error::{ActivationError, Retry};
use self::active::Active;
use super::{Built, rebuild};
use crate::aside::aside;
use crate::authenticator::Authenticator;
use crate::config::configuration::Configuration;
use crate::config::policy::Policy;
use crate::config::problem::Problem;
use crate::config::startup::Startup;
use crate::config::{self, Reading, gssapi};
use crate::deadline::Deadline;
use crate::directory::Directory;
use crate::directory::domain::Domain;
use crate::directory::pool::refused_logins::RefusedLogins;
use crate::files::watch::Watch;
use crate::listen::settings::ListenerSettings;
use crate::policy::Policies;
use crate::protocol::dialect::Dialect;

/// How often files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A configuration that is right but does not work is tried again after this long.
const RETRY_AFTER: Duration = Duration::from_secs(30);

/// A configuration that was read without being asked for may have been half written, so for this long
/// its own change counts although it is in use.
const WRITTEN_WITHIN: Duration = Duration::from_secs(60);

/// Asks for a reload, as SIGHUP does.
pub(super) type ReloadSignal = Arc<Notify>;

/// What becomes of the configuration.
pub(super) enum Progress<'a> {
    /// It is being read again.
    Begun,
    /// It is in use.
    InUse {
        /// What a daemon listens on.
        listeners: &'a [ListenerSettings],
        /// What is asked.
        directories: &'a [Arc<Directory>],
        /// The domains that are served, in lower case.
        domains: &'a HashSet<String>,
        /// What stands before that.
        policies: &'a Arc<Policies>,
    },
    /// It is not, and what was in use before is so still.
    Refused(&'a ActivationError),
}

/// Who is told of that.
pub(super) type Observer = Box<dyn Fn(Progress<'_>) + Send + Sync>;

/// Reads the configuration again, and replaces what serves.
pub(super) struct Reloader {
    path: PathBuf,
    /// Never changes, whoever it was that named it.
    caller: Dialect,
    authenticator: Arc<Authenticator<Domain>>,
    active: Option<Active>,
    /// Which logins of service accounts were refused, by whatever configuration.
    refused: Arc<RefusedLogins>,
    /// What the process was started with, and keeps.
    startup: Startup,
    /// The configuration file, as it was read last.
    file: Watch,
    /// The files that it named then, and those of what is in use, each as it was read last.
    named: Watch,
    /// Whether what was read last is not in use.
    is_refused: bool,
    /// Until when it may be no more than the half of what is being written.
    half_until: Instant,
    observer: Observer,
}

impl Reloader {
    /// Serves by the configuration, as it was `first` read. One that cannot be used is said to be so,
    /// and every request is answered with "cannot tell", until it is mended.
    pub(super) fn new(path: PathBuf, first: Reading, observer: Observer) -> Self {
        tell(&first.remarks);
        let mut reloader = Self {
            path,
            caller: first.startup.caller.terms.dialect,
            authenticator: Arc::new(Authenticator::misconfigured()),
            active: None,
            refused: Arc::default(),
            startup: first.startup,
            file: first.file,
            named: first.files,
            is_refused: true,
            half_until: Instant::now(),
            observer,
        };
        let built = first.configuration.map_err(ActivationError::from);
        match built.and_then(|configuration| reloader.build(configuration)) {
            Ok(built) => reloader.activate(built, &first.listeners),
            Err(refusal) => {
                refusal.report();
                (reloader.observer)(Progress::Refused(&refusal));
                tell_unusable();
            }
        }
        reloader
    }

    /// What answers requests.
    pub(super) fn authenticator(&self) -> Arc<Authenticator<Domain>> {
        Arc::clone(&self.authenticator)
    }

    /// Reloads, for as long as it is polled, when it is asked to, and when a file changes. What cannot
    /// be used, or does not work, changes nothing. Returns when the file names a caller, and nobody did
    /// when this process started, which speaks to none.
    pub(super) async fn follow(mut self, signal: ReloadSignal) {
        let mut retry = Retry::WhenChanged;
        let mut retry_from = Instant::now();
        loop {
            let is_asked = tokio::select! {
                () = signal.notified() => true,
                () = sleep(LOOK_EVERY) => false,
            };
            let is_due = Instant::now() >= retry_from && self.is_due(&retry);
            if !is_asked && !is_due && !self.has_changed().await {
                continue;
            }
            (self.observer)(Progress::Begun);
            let done = self.reload().await;
            self.is_refused = done.is_err();
            if !is_asked {
                self.half_until = Instant::now() + WRITTEN_WITHIN;
            }
            match done {
                Ok(_) if self.caller == Dialect::Unnamed => return,
                Ok(kept) => {
                    retry = Retry::WhenChanged;
                    tracing::info!("the configuration was read again and is in use");
                    tell_kept(&kept);
                }
                Err(refusal) => {
                    refusal.report();
                    tracing::error!("{}", refusal.retry.consequence());
                    (self.observer)(Progress::Refused(&refusal));
                    retry = refusal.retry;
                }
            }
            retry_from = Instant::now() + RETRY_AFTER;
        }
    }

    fn is_due(&self, retry: &Retry) -> bool {
        match retry {
            Retry::AfterPause => true,
            Retry::WhenActiveFails { refused } => {
                refused.iter().all(|directory| self.is_out(directory))
            }
            Retry::WhenChanged => false,
        }
    }

    /// Whether nothing can be asked now of what is in use of this directory, so that a change takes
    /// nothing from it.
    fn is_out(&self, directory: &str) -> bool {
        self.active.as_ref().is_some_and(|active| active.is_out(directory))
    }

    /// Whether a file has changed that matters: one that the configuration names, or itself while
    /// what it says is not in use, or may be but a half.
    async fn has_changed(&self) -> bool {
        let counts_itself = self.is_refused || Instant::now() < self.half_until;
        let file = counts_itself.then(|| self.file.clone());
        let watched = [Some(self.named.clone()), file];
        let has_changed = move || watched.iter().flatten().any(Watch::has_changed);
        aside(has_changed).await.unwrap_or(true)
    }

    /// Reads the configuration and the files that it names, on a thread that a disk which does not
    /// answer can hold up.
    async fn read(&mut self) -> Option<Reading> {
        let caller = caller(self.caller);
        let (path, before) = (self.path.clone(), self.named.clone());
        let read = move || (before.renewed(), config::load(&path, caller, None));
        let (before, mut reading) = aside(read).await?;
        self.file = std::mem::take(&mut reading.file);
        self.named = reading.files.clone();
        if self.active.is_some() {
            // Until the new ones are in use, a change of the old ones counts.
            self.named.extend(before);
        }
        Some(reading)
    }

    /// Gives the keys whose new values are not in use, because the process keeps the old ones.
    async fn reload(&mut self) -> Result<Vec<&'static str>, ActivationError> {
        let defect =
            || ActivationError::wrong("the configuration cannot be read because of a defect");
        let reading = self.read().await.ok_or_else(defect)?;
        tell(&reading.remarks);
        let configuration = reading.configuration?;
        if reading.startup.daemon.is_some() {
            // It says nothing of directories, which is not the same as that there are none.
            return match self.caller {
                Dialect::Unnamed => Ok(Vec::new()),
                _ => Err(ActivationError::wrong(
                    "`daemon` lets another process answer: that needs a new process, started by the XMPP server",
                )),
            };
        }
        if gssapi::missing_environment(configuration.settings()).is_some() {
            return Err(ActivationError::wrong(
                "another keytab needs a new process: restart the XMPP server, or the daemon if this is one",
            ));
        }
        let built = self.build(configuration)?;
        let by = Deadline::after(Instant::now(), reading.startup.caller.terms.answer_within);
        self.try_out(&built, by).await?;
        self.named = reading.files;
        self.activate(built, &reading.listeners);
        Ok(self.startup.differences(&reading.startup))
    }

    /// Builds what serves, with the memory of what serves now as far as it is still good.
    fn build(&self, configuration: Configuration) -> Result<Built, ActivationError> {
        let Policy { guard, cache, .. } = configuration.policy;
        let policies = match &self.active {
            None => None,
            Some(active) if active.file == self.file => Some(Arc::clone(&active.policies)),
            Some(active) => Some(Arc::new(active.policies.renewed(guard, cache))),
        };
        rebuild(configuration, policies, &self.refused)
            .map_err(|error| ActivationError::wrong(&error.to_string()))
    }

    /// Signs in to each directory. One that did not work before either refuses nothing.
    async fn try_out(&self, built: &Built, by: Deadline) -> Result<(), ActivationError> {
        let tried = built.directories.iter().map(async |directory| {
            let was_out = self.is_out(directory.name());
            let outcome = directory.try_out(!was_out, by).await.err()?;
            let refusal = ActivationError::by_directory(directory.name(), &outcome);
            if was_out {
                let problem = refusal.to_string();
                tracing::warn!(problem, "it did not work before either");
                return None;
            }
            Some(refusal)
        });
        let refusals = join_all(tried).await.into_iter().flatten();
        refusals.reduce(ActivationError::and).map_or(Ok(()), Err)
    }

    fn activate(&mut self, built: Built, listeners: &[ListenerSettings]) {
        let Built { directories, served } = built;
        let policies = Arc::clone(&served.policies);
        let domains: HashSet<String> = served.domains.keys().cloned().collect();
        self.authenticator.serve(served);
        (self.observer)(Progress::InUse {
            listeners,
            directories: &directories,
            domains: &domains,
            policies: &policies,
        });
        self.active = Some(Active::new(self.file.clone(), policies, directories));
        self.is_refused = false;
    }
}

fn tell(remarks: &[Problem]) {
    for remark in remarks {
        tracing::warn!(%remark, "configuration");
    }
}

fn tell_unusable() {
    tracing::error!(
        "every request is answered with \"cannot tell\" until the configuration is right"
    );
}

/// Says which keys have new values that this process does not use.
fn tell_kept(keys: &[&str]) {
    if !keys.is_empty() {
        tracing::warn!(
            keys = keys.join(", "),
            "these have changed, and count only in a new process: restart the XMPP server, or the daemon if this is one"
        );
    }
}

/// The caller, if anybody has named it.
fn caller(dialect: Dialect) -> Option<Dialect> {
    (dialect != Dialect::Unnamed).then_some(dialect)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Answer;
    use crate::jid::Account;
    use crate::request::Request;
    use crate::verdict::{Outage, Verdict};

    const CORP: &str = "[directory.corp]\nservers = [\"ldap://127.0.0.1:9\"]\n\
        user_dn = \"uid={localpart},dc=x\"\n[domain.\"example.com\"]\ndirectory = \"corp\"\n";

    #[tokio::test]
    async fn who_was_refused_is_tried_again_only_where_nothing_else_works() {
        let reading = config::read(CORP, Some(Dialect::Ejabberd), None);
        let reloader = Reloader::new(PathBuf::new(), reading, Box::new(|_| ()));
        let refused = |name: &str| Retry::WhenActiveFails { refused: vec![name.to_owned()] };
        assert!(!reloader.is_due(&refused("corp")), "it is not known to be out");
        let account = Arc::new(Account::new("alice", "example.com").unwrap());
        let request = Request::Auth { account, password: "secret".into() };
        let by = Deadline::after(Instant::now(), RETRY_AFTER);
        let outcome = reloader.authenticator().answer(&request, by).await;
        assert_eq!(outcome.verdict, Verdict::Unavailable(Outage::NoServer));
        assert!(reloader.is_due(&refused("corp")));
        assert!(!reloader.is_due(&refused("other")));
    }
}
