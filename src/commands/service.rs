//! What serves the requests: built from the configuration, and built anew when that changes,
//! without a request noticing.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};

use super::{Built, build};
use crate::authenticator::{Authenticator, Policies, Served};
use crate::config::policy::Policy;
use crate::config::{Config, gssapi};
use crate::deadline::Deadline;
use crate::directory::domain::Domain;
use crate::directory::ldap::LdapDirectory;
use crate::files::Stamp;
use crate::protocol::dialect::Dialect;

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
    caller: Option<Dialect>,
    authenticator: Arc<Authenticator<Domain>>,
    current: Option<Current>,
    seen: Stamp,
    files: Vec<PathBuf>,
}

#[derive(Debug)]
struct Current {
    policy: Policy,
    policies: Arc<Policies>,
    upkeep: Vec<AbortHandle>,
}

impl Current {
    fn new(built: Built) -> (Self, Served<Domain>) {
        let upkeep = built.directories.into_iter().map(keep_up).collect();
        let policies = Arc::clone(&built.served.policies);
        (Self { policy: built.policy, policies, upkeep }, built.served)
    }
}

impl Drop for Current {
    fn drop(&mut self) {
        self.upkeep.iter().for_each(AbortHandle::abort);
    }
}

fn keep_up(directory: Arc<LdapDirectory>) -> AbortHandle {
    tokio::spawn(async move { directory.maintain().await }).abort_handle()
}

impl Service {
    /// Serves by this configuration. One that cannot be used is said to be so, and every request
    /// is answered with "cannot tell", until it is mended.
    pub(super) fn new(path: PathBuf, caller: Option<Dialect>, config: Config) -> Self {
        for remark in &config.remarks {
            tracing::warn!(%remark, "configuration");
        }
        let mut service = Self {
            path,
            caller,
            authenticator: Arc::new(Authenticator::misconfigured()),
            current: None,
            seen: Stamp::of([]),
            files: config.files,
        };
        let built = match config.directories {
            Ok(directories) => build(directories, None).map_err(|error| vec![error.to_string()]),
            Err(problems) => Err(problems.0.iter().map(ToString::to_string).collect()),
        };
        match built {
            Ok(built) => {
                let (current, served) = Current::new(built);
                service.authenticator.serve(served);
                service.current = Some(current);
            }
            Err(problems) => {
                for problem in problems {
                    tracing::error!(problem, "configuration");
                }
                tracing::error!(
                    "every request is answered with \"cannot tell\" until the configuration is right"
                );
            }
        }
        service.seen = service.stamp();
        service
    }

    /// What answers requests.
    pub(super) fn authenticator(&self) -> Arc<Authenticator<Domain>> {
        Arc::clone(&self.authenticator)
    }

    /// Follows the configuration, for as long as it is polled: when it is nudged, and when a
    /// file that it names changes. What cannot be used, or does not work, changes nothing.
    pub(super) async fn follow(mut self, nudge: Nudge) {
        let mut try_again_at = None;
        loop {
            let is_nudged = tokio::select! {
                () = nudge.notified() => true,
                () = sleep(LOOK_EVERY) => false,
            };
            let is_due = try_again_at.is_some_and(|at| Instant::now() >= at);
            let seen = self.stamp();
            if !is_nudged && !is_due && seen == self.seen {
                continue;
            }
            self.seen = seen;
            try_again_at = match self.renew().await {
                Ok(()) => {
                    tracing::info!("the configuration was read again and is in use");
                    None
                }
                Err(Refusal::Wrong(problems)) => {
                    for problem in problems {
                        tracing::error!(problem, "configuration");
                    }
                    tracing::error!("the new configuration is wrong; nothing has changed");
                    None
                }
                Err(Refusal::Fails(problem)) => {
                    tracing::error!(
                        problem,
                        "the new configuration does not work; nothing has changed, and it will be tried again"
                    );
                    Some(Instant::now() + TRY_EVERY)
                }
            };
        }
    }

    /// The version of the files that matter: those that the configuration names, and itself while
    /// there is none that could be used.
    fn stamp(&self) -> Stamp {
        let own = self.current.is_none().then_some(self.path.as_path());
        Stamp::of(self.files.iter().map(PathBuf::as_path).chain(own))
    }

    async fn renew(&mut self) -> Result<(), Refusal> {
        let config = Config::load(&self.path, self.caller, None);
        self.files = config.files;
        self.seen = self.stamp();
        let directories = config.directories.map_err(|problems| {
            Refusal::Wrong(problems.0.iter().map(ToString::to_string).collect())
        })?;
        if !gssapi::is_environment_for(&directories.settings) {
            let text = "another keytab needs a new process: start the XMPP server anew".to_owned();
            return Err(Refusal::Wrong(vec![text]));
        }
        let kept = self.current.as_ref().filter(|current| current.policy == directories.policy);
        let kept = kept.map(|current| Arc::clone(&current.policies));
        let built =
            build(directories, kept).map_err(|error| Refusal::Wrong(vec![error.to_string()]))?;
        let by = Deadline::after(Instant::now(), config.caller.terms.answer_within);
        for directory in &built.directories {
            directory.try_out(by).await.map_err(Refusal::Fails)?;
        }
        let (current, served) = Current::new(built);
        self.authenticator.serve(served);
        self.current = Some(current);
        Ok(())
    }
}

/// Why a configuration is not put to use.
#[derive(Debug)]
enum Refusal {
    Wrong(Vec<String>),
    Fails(String),
}
