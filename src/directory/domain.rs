//! The users of one XMPP domain: which entry is whose, and who may sign in.

use std::sync::Arc;
use std::time::SystemTime;

use futures_util::future::try_join_all;
use secrecy::SecretString;
use tokio::time::Instant;
use tokio::time::error::Elapsed;

use crate::deadline::Deadline;
use crate::directory::Directory;
use crate::directory::account::state::{StateFault, StateSchema};
use crate::directory::accounts::{Accounts, Candidate, Purpose};
use crate::directory::groups::GroupRule;
use crate::directory::message::entry::Entry;
use crate::directory::message::filter_template::FilterTemplate;
use crate::directory::message::{Query, Scope};
use crate::directory::names::bind_name::{DnTemplate, PlainTemplate};
use crate::directory::names::dn::Dn;
use crate::jid::Account;
use crate::policy::admission::Admission;
use crate::policy::ttl_cache::TtlCache;
use crate::verdict::{Denial, Outage, Outcome, Verdict};

/// sizeLimitExceeded is how a server says that there are more entries than were asked for.
const SIZE_LIMIT_EXCEEDED: u32 = 4;
const NO_SUCH_OBJECT: u32 = 32;

/// A search for a user's entry.
#[derive(Clone, Debug)]
pub struct Search {
    /// The base DNs, all of which are searched; a user's entry must be the only one below them.
    pub bases: Vec<String>,
    /// The filter.
    pub filter: FilterTemplate,
}

/// How a user is named in the directory.
#[derive(Clone, Debug)]
pub enum Lookup {
    /// By the entry that a search finds.
    Search(Search),
    /// By a DN made from the account.
    Dn(DnTemplate),
    /// By another name to bind with. Whatever needs an entry needs the search.
    Plain(PlainTemplate, Option<Search>),
}

/// What the configuration says about the users of one XMPP domain.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The domain that stands in for this one in templates, if this is an alias.
    pub alias_of: Option<String>,
    /// Whether the escapes of XEP-0106 are decoded.
    pub unescape: bool,
    /// How a user is named in the directory.
    pub lookup: Lookup,
    /// In which attributes the state of an account stands.
    pub account_state: Vec<StateSchema>,
    /// Whether an account that cannot sign in is hidden from `isuser`.
    pub hide_inactive: bool,
    /// Who may sign in, and have a password set.
    pub sign_in: GroupRule,
    /// Who exists.
    pub exist: GroupRule,
}

impl Rules {
    /// The effective values by their keys.
    pub fn describe(&self) -> Vec<(&'static str, String)> {
        let mut lines = Vec::new();
        if let Some(domain) = &self.alias_of {
            lines.push(("alias_of", domain.clone()));
        }
        let mut describe_search = |search: &Search| {
            lines.extend([
                ("base", search.bases.join("; ")),
                ("user_filter", search.filter.to_string()),
            ]);
        };
        match &self.lookup {
            Lookup::Search(search) => describe_search(search),
            Lookup::Dn(template) => lines.push(("user_dn", template.to_string())),
            Lookup::Plain(template, search) => {
                search.iter().for_each(describe_search);
                lines.push(("user_dn", template.to_string()));
            }
        }
        let states: Vec<String> = self.account_state.iter().map(StateSchema::to_string).collect();
        lines.extend([
            ("unescape_localpart", self.unescape.to_string()),
            ("account_state", if states.is_empty() { "none".into() } else { states.join(", ") }),
            ("hide_inactive", self.hide_inactive.to_string()),
        ]);
        lines.extend(self.sign_in.describe("require_group"));
        if !self.exist.is_same_as(&self.sign_in) {
            lines.extend(self.exist.describe("isuser_require_group"));
        }
        lines
    }
}

/// An XMPP domain and the directory that serves it.
#[derive(Debug)]
pub struct Domain {
    pub(in crate::directory) directory: Arc<Directory>,
    pub(in crate::directory) rules: Rules,
    memory: Memory,
}

/// What is remembered of accounts.
#[derive(Debug, Default)]
pub struct Memory {
    /// The DNs of accounts.
    pub names: Option<TtlCache<Account, String>>,
    /// Whether a sign-in may be granted from memory, so that the state of the account is to be read
    /// from its attributes: the bind that sees to it may not be made.
    pub spares_binds: bool,
}

/// The one entry of a user.
#[derive(Debug)]
pub(in crate::directory) struct Located {
    pub(in crate::directory) entry: Entry,
    pub(in crate::directory) server: Arc<str>,
}

impl Domain {
    /// A domain that is served from a directory.
    pub fn new(directory: Arc<Directory>, rules: Rules, memory: Memory) -> Self {
        Self { directory, rules, memory }
    }

    /// The directory that serves it.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The account as the directory is asked about it.
    pub(in crate::directory) fn named(&self, account: &Account) -> Result<Account, Outcome> {
        let account = match &self.rules.alias_of {
            Some(domain) => account.at(domain),
            None => account.clone(),
        };
        if !self.rules.unescape {
            return Ok(account);
        }
        account.unescaped().ok_or_else(|| Denial::UnknownUser.into())
    }

    /// The one entry of an account.
    pub(in crate::directory) async fn locate(
        &self,
        account: &Account,
        attributes: &[&str],
        by: Deadline,
    ) -> Result<Located, Outcome> {
        match &self.rules.lookup {
            Lookup::Search(search) | Lookup::Plain(_, Some(search)) => {
                self.find(search, account, attributes, by).await
            }
            Lookup::Dn(template) => self.read(&template.fill(account), attributes, by).await,
            Lookup::Plain(_, None) => Err(Outage::Unanswerable.into()),
        }
    }

    async fn find(
        &self,
        search: &Search,
        account: &Account,
        attributes: &[&str],
        by: Deadline,
    ) -> Result<Located, Outcome> {
        let searcher = self.directory.searcher()?;
        let filter = search.filter.fill(account);
        let searches = search.bases.iter().map(async |base| {
            // Two are enough to know that there is not exactly one.
            let query =
                Query { base, scope: Scope::Subtree, filter: &filter, attributes, at_most: 2 };
            searcher.search(&query, &[SIZE_LIMIT_EXCEEDED], by).await
        });
        let mut entries: Vec<Located> = Vec::new();
        let mut server = None;
        for reply in try_join_all(searches).await? {
            if reply.code == SIZE_LIMIT_EXCEEDED && reply.entries.len() < 2 {
                let outage = Outage::Refused { code: reply.code };
                return Err(Outcome::from(outage).from_server(&reply.server));
            }
            for entry in reply.entries {
                // Bases may lie within each other.
                let dn = Dn::parse(&entry.dn);
                if !entries.iter().any(|known| dn.is_some() && Dn::parse(&known.entry.dn) == dn) {
                    entries.push(Located { entry, server: Arc::clone(&reply.server) });
                }
            }
            server.get_or_insert(reply.server);
        }
        let ambiguous = entries.len() > 1;
        match (entries.pop(), server) {
            (Some(last), _) if ambiguous => {
                let others = entries.iter().map(|located| &*located.entry.dn).collect::<Vec<_>>();
                Err(Outcome::from(Outage::Ambiguous).from_server(&last.server).with_detail(
                    &format!("matches {} and {}", others.join(" and "), last.entry.dn),
                ))
            }
            (Some(only), _) => Ok(only),
            (None, Some(server)) => Err(Outcome::from(Denial::UnknownUser).from_server(&server)),
            (None, None) => Err(Outage::Misconfigured.into()),
        }
    }

    async fn read(&self, dn: &str, attributes: &[&str], by: Deadline) -> Result<Located, Outcome> {
        let query = Query::entry(dn, attributes);
        let reply = self.directory.searcher()?.search(&query, &[NO_SUCH_OBJECT], by).await?;
        let missing = || Outcome::from(Denial::UnknownUser).from_server(&reply.server);
        let entry = reply.entries.into_iter().next().ok_or_else(missing)?;
        Ok(Located { entry, server: reply.server })
    }

    /// What keeps an account from signing in, as far as its attributes tell.
    pub(in crate::directory) fn faults(&self, entry: &Entry) -> Vec<StateFault> {
        let now = SystemTime::now();
        let faults = self.rules.account_state.iter().map(|schema| schema.faults(entry, now));
        faults.flatten().collect()
    }

    /// The attributes from which [`faults`](Self::faults) and a group rule judge.
    pub(in crate::directory) fn attributes(&self, rule: &GroupRule) -> Vec<&'static str> {
        let states = self.rules.account_state.iter().flat_map(|schema| schema.attributes());
        states.chain(rule.attributes()).copied().collect()
    }

    /// Lets in whoever a group rule admits.
    async fn admit(
        &self,
        located: &Located,
        rule: &GroupRule,
        by: Deadline,
    ) -> Result<(), Outcome> {
        if !rule.is_needed() || rule.admits(&located.entry, self.directory.searcher()?, by).await? {
            return Ok(());
        }
        Err(Outcome::from(Denial::NotInGroup).from_server(&located.server))
    }

    async fn try_find_for_sign_in(
        &self,
        account: &Account,
        afresh: bool,
        by: Deadline,
    ) -> Result<Candidate, Outcome> {
        let account = self.named(account)?;
        let name = match &self.rules.lookup {
            Lookup::Search(_) => None,
            Lookup::Dn(template) => Some(template.fill(&account)),
            Lookup::Plain(template, _) => Some(template.fill(&account).ok_or(Denial::UnknownUser)?),
        };
        let attributes = self.attributes_for_sign_in();
        // Only an entry says something about states and groups.
        let needs_entry = self.rules.sign_in.is_needed() || !attributes.is_empty();
        if let Some(name) = name.as_ref().filter(|_| !needs_entry) {
            return Ok(self.candidate(name.clone(), name));
        }
        let names = self.memory.names.as_ref().filter(|_| !needs_entry);
        if !afresh && let Some(dn) = names.and_then(|names| names.get(&account, Instant::now())) {
            return Ok(Candidate { is_remembered: true, ..self.candidate(dn.clone(), &dn) });
        }
        let located = match self.locate(&account, &attributes, by).await {
            Ok(located) => located,
            Err(outcome) => {
                if matches!(outcome.verdict, Verdict::Denied(_)) {
                    names.inspect(|names| names.forget(&account));
                }
                return Err(outcome);
            }
        };
        let now = SystemTime::now();
        let is_doubtful = self.memory.spares_binds && !self.faults(&located.entry).is_empty();
        let fault = self.unenforced().find_map(|schema| schema.faults(&located.entry, now).pop());
        if let Some(fault) = fault {
            return Err(refused_by(&fault).from_server(&located.server));
        }
        self.admit(&located, &self.rules.sign_in, by).await?;
        let dn = located.entry.dn;
        names.inspect(|names| names.put(account, dn.clone(), Instant::now()));
        let candidate = self.candidate(name.unwrap_or_else(|| dn.clone()), &dn);
        Ok(Candidate { is_doubtful, ..candidate })
    }

    /// The states of accounts that the directory does not see to when the user binds.
    fn unenforced(&self) -> impl Iterator<Item = &StateSchema> {
        self.rules.account_state.iter().filter(|schema| !schema.is_enforced_by_bind())
    }

    fn attributes_for_sign_in(&self) -> Vec<&'static str> {
        if self.memory.spares_binds {
            return self.attributes(&self.rules.sign_in);
        }
        let states = self.unenforced().flat_map(|schema| schema.attributes());
        self.rules.sign_in.attributes().iter().chain(states).copied().collect()
    }

    fn candidate(&self, name: String, entry: &str) -> Candidate {
        let entry = Dn::parse(entry).map_or_else(|| entry.to_lowercase(), |dn| dn.key());
        let entry = format!("{}/{entry}", self.directory.name());
        Candidate { name, entry, is_remembered: false, is_doubtful: false }
    }

    async fn try_exists(&self, account: &Account, by: Deadline) -> Result<Outcome, Outcome> {
        let account = self.named(account)?;
        let mut attributes = self.rules.exist.attributes().to_vec();
        if self.rules.hide_inactive {
            attributes = self.attributes(&self.rules.exist);
        }
        let located = self.locate(&account, &attributes, by).await?;
        if self.rules.hide_inactive
            && let Some(fault) = self.faults(&located.entry).iter().find(|f| f.makes_inactive())
        {
            return Err(refused_by(fault).from_server(&located.server));
        }
        self.admit(&located, &self.rules.exist, by).await?;
        Ok(Outcome::from(Verdict::Granted).from_server(&located.server))
    }

    async fn try_find_for_change(
        &self,
        account: &Account,
        by: Deadline,
    ) -> Result<Candidate, Outcome> {
        if !self.directory.sets_passwords() {
            return Err(Denial::PasswordChangeOff.into());
        }
        let account = self.named(account)?;
        let located = self.locate(&account, self.rules.sign_in.attributes(), by).await?;
        self.admit(&located, &self.rules.sign_in, by).await?;
        Ok(self.candidate(located.entry.dn.clone(), &located.entry.dn))
    }

    /// The outcome of work that was bound by the deadline; tells the operator of an outage.
    fn conclude(&self, result: Result<Result<Outcome, Outcome>, Elapsed>) -> Outcome {
        let outcome = match result {
            Ok(Ok(outcome) | Err(outcome)) => outcome,
            Err(elapsed) => elapsed.into(),
        };
        self.directory.hear(&outcome);
        outcome
    }
}

fn refused_by(fault: &StateFault) -> Outcome {
    Outcome::from(fault.denial).with_detail(&fault.text)
}

impl Accounts for Domain {
    fn admission(&self) -> &Arc<Admission> {
        &self.directory.admission
    }

    fn domainpart<'a>(&'a self, account: &'a Account) -> &'a str {
        self.rules.alias_of.as_deref().unwrap_or_else(|| account.domainpart())
    }

    async fn find(
        &self,
        account: &Account,
        purpose: Purpose,
        by: Deadline,
    ) -> Result<Candidate, Outcome> {
        let found = match purpose {
            Purpose::SignIn => by.bound(self.try_find_for_sign_in(account, false, by)).await,
            Purpose::SignInAfresh => by.bound(self.try_find_for_sign_in(account, true, by)).await,
            Purpose::SetPassword => by.bound(self.try_find_for_change(account, by)).await,
        };
        found
            .unwrap_or_else(|elapsed| Err(elapsed.into()))
            .inspect_err(|outcome| self.directory.hear(outcome))
    }

    async fn prove(&self, candidate: &Candidate, password: &SecretString, by: Deadline) -> Outcome {
        self.conclude(by.bound(self.directory.prove(&candidate.name, password, by)).await)
    }

    async fn exists(&self, account: &Account, by: Deadline) -> Outcome {
        self.conclude(by.bound(self.try_exists(account, by)).await)
    }

    async fn set_password(
        &self,
        candidate: &Candidate,
        password: &SecretString,
        by: Deadline,
    ) -> Outcome {
        self.conclude(by.bound(self.directory.write_password(&candidate.name, password, by)).await)
    }
}
