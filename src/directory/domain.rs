//! The users of one XMPP domain: which entry is whose, and who may sign in.

mod bearing;
mod key;
mod located;
mod lookup;
mod rules;

use std::sync::Arc;

use secrecy::SecretString;
use tokio::time::Instant;

pub(in crate::directory) use self::located::Located;
pub use self::lookup::{DnLookup, Lookup, UserSearch};
pub use self::rules::Rules;
use crate::deadline::Deadline;
use crate::directory::Directory;
use crate::directory::account::preset::Preset;
use crate::directory::account::set_password::PasswordMethod;
use crate::directory::account::state::StateFault;
use crate::directory::backend::{Backend, Candidate, EntryKey, PasswordTarget};
use crate::directory::diagnosis::MustChange;
use crate::directory::groups::GroupRule;
use crate::directory::pool::non_user::NonUser;
use crate::directory::pool::user_bind::UserBind;
use crate::jid::Account;
use crate::policy::admission::{Admission, PersonalWait};
use crate::policy::guard::Permit;
use crate::policy::ttl_cache::TtlCache;
use crate::verdict::{Denial, Outcome, Verdict};

/// An XMPP domain and the directory that serves it.
#[derive(Debug)]
pub struct Domain {
    directory: Arc<Directory>,
    rules: Rules,
    memory: DomainMemory,
}

/// What is remembered of accounts.
#[derive(Debug, Default)]
pub struct DomainMemory {
    /// The DNs of accounts.
    pub names: Option<TtlCache<Account, String>>,
    /// Whether a sign-in may be granted from memory, so that the state of the account is to be read
    /// from its attributes: the bind that sees to it may not be made.
    pub spares_binds: bool,
}

/// What it takes to find out who signs in, as far as the configuration says.
struct Plan {
    /// The account as the directory is asked about it.
    account: Account,
    /// The name to bind with, if it follows from the account's.
    bind_name: Option<String>,
    /// What is read of the entry.
    attributes: Vec<&'static str>,
    /// Whether the entry says something about states, groups or whose it is, so that nothing else will
    /// do.
    needs_entry: bool,
}

impl Domain {
    /// A domain that is served from a directory.
    pub fn new(directory: Arc<Directory>, rules: Rules, memory: DomainMemory) -> Self {
        Self { directory, rules, memory }
    }

    /// The directory that serves it.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// What the configuration says about its users.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The one entry of an account.
    pub(in crate::directory) async fn locate(
        &self,
        account: &Account,
        attributes: &[&str],
        by: Deadline,
    ) -> Result<Located, Outcome> {
        self.rules.lookup.locate(account, attributes, self.directory.searcher()?, by).await
    }

    /// Lets in whoever a group rule admits.
    async fn admit(
        &self,
        located: &Located,
        rule: &GroupRule,
        by: Deadline,
    ) -> Result<(), Outcome> {
        let searchers = self.directory.searchers()?;
        located.admitted(rule.admits(&located.entry, searchers, by).await?)
    }

    async fn find_for_sign_in(
        &self,
        account: &Account,
        afresh: bool,
        by: Deadline,
    ) -> Result<Candidate, Outcome> {
        let plan = self.plan(account)?;
        if let Some(candidate) = self.known(&plan, afresh) {
            return Ok(candidate);
        }
        let located = self.locate_as_planned(&plan, by).await?;
        let candidate = self.candidate(&located.entry.dn);
        let is_doubtful = match self.judge(&located, by).await {
            Ok(is_doubtful) => is_doubtful,
            Err(outcome) if matches!(outcome.verdict, Verdict::Denied(_)) => {
                return Ok(candidate.refused(outcome));
            }
            Err(outcome) => return Err(outcome),
        };
        if let Some(names) = self.names(&plan) {
            let before = afresh.then(|| names.get(&plan.account, Instant::now())).flatten();
            if before.is_some_and(|dn| dn != located.entry.dn) {
                self.directory.dn_lookups.add_stale();
            }
            names.put(plan.account, located.entry.dn, Instant::now());
        }
        Ok(if is_doubtful { candidate.doubtful() } else { candidate })
    }

    fn plan(&self, account: &Account) -> Result<Plan, Denial> {
        let rules = &self.rules;
        let account = rules.named(account)?;
        let bind_name = rules.lookup.bind_name(&account)?;
        let mut attributes: Vec<&str> = if self.memory.spares_binds {
            rules.attributes(&rules.sign_in)
        } else {
            let groups = rules.sign_in.attributes().iter().copied();
            groups.chain(rules.unenforced_attributes()).collect()
        };
        // Of a name that was made, only the entry tells whether the server took it for another's.
        let is_made_up = matches!(rules.lookup, Lookup::Dn(_)) && self.directory.service.is_some();
        let needs_entry = rules.sign_in.is_needed() || !attributes.is_empty() || is_made_up;
        // Worth a look where the entry is read, and no reason to read it.
        attributes.extend(rules.temporary_attributes());
        Ok(Plan { account, bind_name, attributes, needs_entry })
    }

    /// The candidate, if there is nothing to look up.
    fn known(&self, plan: &Plan, afresh: bool) -> Option<Candidate> {
        match &plan.bind_name {
            _ if plan.needs_entry => None,
            Some(name) => {
                let key = match self.rules.lookup {
                    Lookup::Plain(_) => key::of_plain_name(self.directory.name(), name),
                    Lookup::Dn(_) | Lookup::Search(_) => {
                        key::of_made_dn(self.directory.name(), name)
                    }
                };
                Some(Candidate::new(name.clone(), key).unasked())
            }
            None if afresh => None,
            None => {
                let dn = self.names(plan)?.get(&plan.account, Instant::now());
                self.directory.dn_lookups.add(dn.is_some());
                Some(self.candidate(&dn?).remembered())
            }
        }
    }

    async fn locate_as_planned(&self, plan: &Plan, by: Deadline) -> Result<Located, Outcome> {
        let located = self.locate(&plan.account, &plan.attributes, by).await;
        if let Err(outcome) = &located
            && matches!(outcome.verdict, Verdict::Denied(_))
            && let Some(names) = self.names(plan)
        {
            names.forget(&plan.account);
        }
        located
    }

    /// Whether the state of the entry leaves a doubt; the outcome says why its user may not sign in.
    async fn judge(&self, located: &Located, by: Deadline) -> Result<bool, Outcome> {
        if let Some(fault) = self.rules.unenforced_fault(&located.entry) {
            return Err(refused_by(&fault).from_server(&located.server));
        }
        if self.directory.must_change == MustChange::Deny
            && let Some(fault) = self.rules.temporary_fault(&located.entry)
        {
            return Err(refused_by(&fault).from_server(&located.server));
        }
        self.admit(located, &self.rules.sign_in, by).await?;
        Ok(self.memory.spares_binds && !self.rules.faults(&located.entry).is_empty())
    }

    /// The candidate with this DN.
    fn candidate(&self, dn: &str) -> Candidate {
        Candidate::new(dn.to_owned(), self.key(dn))
    }

    /// The remembered DNs, where they may stand in for the entry.
    fn names(&self, plan: &Plan) -> Option<&TtlCache<Account, String>> {
        self.memory.names.as_ref().filter(|_| !plan.needs_entry)
    }

    /// What the entry with this DN is told apart by.
    fn key(&self, dn: &str) -> EntryKey {
        key::of_entry(self.directory.name(), dn)
    }

    async fn try_exists(&self, account: &Account, by: Deadline) -> Result<Outcome, Outcome> {
        let rules = &self.rules;
        let account = rules.named(account)?;
        let attributes = if rules.hide_inactive {
            rules.attributes(&rules.exist)
        } else {
            rules.exist.attributes().to_vec()
        };
        let located = self.locate(&account, &attributes, by).await?;
        if rules.hide_inactive
            && let Some(fault) = rules.faults(&located.entry).iter().find(|f| f.makes_inactive())
        {
            return Err(refused_by(fault).from_server(&located.server));
        }
        self.admit(&located, &rules.exist, by).await?;
        Ok(Outcome::from(Verdict::Granted).from_server(&located.server))
    }

    async fn try_find_to_change(
        &self,
        account: &Account,
        by: Deadline,
    ) -> Result<PasswordTarget, Outcome> {
        if self.directory.set_password == PasswordMethod::Off {
            return Err(Denial::PasswordChangeOff.into());
        }
        let account = self.rules.named(account)?;
        let located = self.locate(&account, self.rules.sign_in.attributes(), by).await?;
        self.admit(&located, &self.rules.sign_in, by).await?;
        let key = self.key(&located.entry.dn);
        Ok(PasswordTarget { dn: located.entry.dn, key })
    }

    /// What work comes to by the deadline; tells the operator of an outage.
    fn found<T>(
        &self,
        work: impl Future<Output = Result<T, Outcome>>,
        by: Deadline,
    ) -> impl Future<Output = Result<T, Outcome>> {
        // On the heap before it is a part of another future: those are moved from caller to caller.
        let work = by.bound(Box::pin(work));
        async move {
            let found = work.await.unwrap_or_else(|elapsed| Err(elapsed.into()));
            found.inspect_err(|outcome| self.directory.alarm.record(outcome))
        }
    }

    /// The outcome of work by the deadline; tells the operator of an outage, and of its end.
    fn concluded(
        &self,
        work: impl Future<Output = Result<Outcome, Outcome>>,
        by: Deadline,
    ) -> impl Future<Output = Outcome> {
        let concluded = self.found(work, by);
        async move {
            let (Ok(outcome) | Err(outcome)) =
                concluded.await.inspect(|outcome| self.directory.alarm.record(outcome));
            outcome
        }
    }
}

fn refused_by(fault: &StateFault) -> Outcome {
    Outcome::from(fault.denial).with_detail(&fault.text)
}

impl Backend for Domain {
    fn admission(&self) -> &Arc<Admission> {
        &self.directory.admission
    }

    fn domainpart<'a>(&'a self, account: &'a Account) -> &'a str {
        self.rules.alias_of.as_deref().unwrap_or_else(|| account.domainpart())
    }

    async fn find(&self, account: &Account, by: Deadline) -> Result<Candidate, Outcome> {
        self.found(self.find_for_sign_in(account, false, by), by).await
    }

    async fn find_afresh(&self, account: &Account, by: Deadline) -> Result<Candidate, Outcome> {
        self.found(self.find_for_sign_in(account, true, by), by).await
    }

    async fn prove(
        &self,
        candidate: &Candidate,
        password: &SecretString,
        permit: &Permit,
        wait: &PersonalWait,
        by: Deadline,
    ) -> Outcome {
        let name = candidate.bind_name();
        let is_controller = self.directory.preset.is_some_and(Preset::is_active_directory);
        let is_unknown = is_controller && !candidate.was_read();
        let bind = UserBind {
            name,
            password,
            must_change: self.directory.must_change,
            non_user: if is_unknown { NonUser::by_name(name) } else { None },
            was_answered: candidate.is_looked_up(),
            permit,
            wait,
        };
        self.concluded(self.directory.users.prove(&bind, by), by).await
    }

    async fn exists(&self, account: &Account, by: Deadline) -> Outcome {
        self.concluded(self.try_exists(account, by), by).await
    }

    async fn find_to_change(
        &self,
        account: &Account,
        by: Deadline,
    ) -> Result<PasswordTarget, Outcome> {
        self.found(self.try_find_to_change(account, by), by).await
    }

    async fn set_password(
        &self,
        target: &PasswordTarget,
        password: &SecretString,
        by: Deadline,
    ) -> Outcome {
        self.concluded(self.directory.write_password(&target.dn, password, by), by).await
    }
}
