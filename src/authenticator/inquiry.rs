//! What is asked about one account, of the directory that serves it and of what is remembered.

use secrecy::SecretString;
use tokio::time::Instant;

use crate::deadline::Deadline;
use crate::directory::backend::{Backend, EntryKey};
use crate::jid::Account;
use crate::policy::Policies;
use crate::policy::cache::Cache;
use crate::policy::changes::Moment;
use crate::policy::digest::HashedId;
use crate::verdict::{Denial, Outcome, Verdict};

/// One question about an account. How a sign-in goes is a file of its own.
pub(super) struct Inquiry<'a, D> {
    pub(super) directory: &'a D,
    pub(super) policies: &'a Policies,
    /// The credential cache, if it is on, and as whom it knows the account.
    pub(super) cached: Option<(&'a Cache, HashedId)>,
    pub(super) account: &'a Account,
    pub(super) by: Deadline,
}

impl<'a, D: Backend> Inquiry<'a, D> {
    pub(super) fn new(
        directory: &'a D,
        policies: &'a Policies,
        account: &'a Account,
        by: Deadline,
    ) -> Self {
        let cache = policies.cache.as_ref();
        let cached = cache.map(|cache| (cache, policies.key.id(&account.to_string())));
        Self { directory, policies, cached, account, by }
    }

    pub(super) async fn exists(&self) -> Outcome {
        let asked = self.policies.changes.now();
        let outcome = self.directory.exists(self.account, self.by).await;
        let Some((cache, account)) = self.cached else { return outcome };
        match outcome.verdict {
            Verdict::Granted => cache.record_existence(account, asked, Instant::now()),
            Verdict::Denied(denial) => {
                cache.forget_existence(account);
                // Who is only hidden, or in no group that exists here, may sign in all the same.
                if denial == Denial::UnknownUser {
                    cache.forget_proof(account, [], Instant::now());
                }
            }
            Verdict::Unavailable(outage) => {
                if outage.is_absence() && cache.knows(account, Instant::now()) {
                    return remembered(&outcome);
                }
            }
        }
        outcome
    }

    pub(super) async fn set_password(&self, password: &SecretString) -> Result<Outcome, Outcome> {
        let Self { directory, policies, account, by, .. } = *self;
        let target = directory.find_to_change(account, by).await?;
        let change = Change::begin(policies, &target.key);
        let outcome = directory.set_password(&target, password, by).await;
        change.end(&outcome, directory.domainpart(account), password);
        Ok(outcome)
    }
}

/// A change of a password that may have been made, unless it is refused. When it ends, or is given up
/// half-way, nothing is known about the account's passwords any more, but for the one that was set.
struct Change<'a> {
    policies: &'a Policies,
    key: &'a EntryKey,
    began: Moment,
    is_over: bool,
}

impl<'a> Change<'a> {
    fn begin(policies: &'a Policies, key: &'a EntryKey) -> Self {
        Self { policies, key, began: policies.changes.now(), is_over: false }
    }

    fn end(mut self, outcome: &Outcome, domain: &str, password: &SecretString) {
        self.is_over = true;
        let (policies, key, began) = (self.policies, self.key, self.began);
        if matches!(outcome.verdict, Verdict::Denied(_)) {
            return;
        }
        let is_alone = policies.password_changed(&key.counted_as, began);
        // Of two changes at the same time, nobody knows which was made last.
        if is_alone
            && outcome.verdict == Verdict::Granted
            && let Some(guard) = &policies.guard
        {
            guard.know_right(&policies.attempt(domain, &key.counted_as, &key.entry, password));
        }
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.policies.password_changed(&self.key.counted_as, self.began);
        }
    }
}

/// Whether somebody could tell.
pub(super) fn is_judged(outcome: &Outcome) -> bool {
    !matches!(outcome.verdict, Verdict::Unavailable(_))
}

/// The yes that stands in for an outage.
pub(super) fn remembered(outage: &Outcome) -> Outcome {
    Outcome::from(Verdict::Granted).with_detail(&format!("remembered, because {}", outage.verdict))
}
