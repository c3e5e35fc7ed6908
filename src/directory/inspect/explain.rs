//! Why a user can or cannot sign in, without a password: every step that a request takes, and which
//! one says no.

use crate::deadline::Deadline;
use crate::directory::account::state::StateSchema;
use crate::directory::domain::{Domain, Located};
use crate::directory::groups::{Belonging, GroupRule};
use crate::jid::Account;
use crate::verdict::{Denial, Outage, Outcome, Verdict};

/// How the DN of the group begins whose members sign in by Kerberos alone.
const PROTECTED_USERS: &str = "cn=protected users,";

/// One step of a request and what came of it.
#[derive(Clone, Debug)]
pub struct ExplainStep {
    /// What was looked at.
    pub what: &'static str,
    /// What was found, for people.
    pub text: String,
    /// Why the request ends here, if it does.
    pub refusal: Option<Outcome>,
}

/// All that was found about one account.
#[derive(Debug, Default)]
pub struct Explanation {
    /// The steps in their order.
    pub steps: Vec<ExplainStep>,
}

impl Explanation {
    fn note(&mut self, what: &'static str, text: impl Into<String>) {
        self.steps.push(ExplainStep { what, text: text.into(), refusal: None });
    }

    fn refuse(&mut self, what: &'static str, text: impl Into<String>, refusal: Outcome) {
        self.steps.push(ExplainStep { what, text: text.into(), refusal: Some(refusal) });
    }

    /// The first thing that keeps the user from signing in.
    pub fn refusal(&self) -> Option<&Outcome> {
        self.steps.iter().find_map(|step| step.refusal.as_ref())
    }
}

impl Domain {
    /// Takes every step of a sign-in but the bind, even behind one that says no.
    pub async fn explain(&self, account: &Account, by: Deadline) -> Explanation {
        let mut told = Explanation::default();
        let account = match self.rules.named(account) {
            Ok(named) => {
                if named != *account {
                    told.note("name", format!("the directory is asked about {named}"));
                }
                named
            }
            Err(denial) => {
                let text = "a decoded name may not begin or end with a space (XEP-0106)";
                told.refuse("name", text, denial.into());
                return told;
            }
        };
        self.explain_lookup(&account, &mut told);
        let mut attributes = self.rules.attributes(&self.rules.sign_in);
        attributes.extend(self.rules.exist.attributes());
        if self.rules.account_state.contains(&StateSchema::ActiveDirectory) {
            attributes.push("memberOf");
        }
        attributes.sort_unstable();
        attributes.dedup();
        match self.locate(&account, &attributes, by).await {
            Ok(located) => self.explain_entry(&located, &mut told, by).await,
            Err(outcome) => {
                let text = match outcome.verdict {
                    Verdict::Unavailable(Outage::Ambiguous) => "more than one",
                    Verdict::Unavailable(_) => "could not be asked for",
                    Verdict::Granted | Verdict::Denied(_) => "not found",
                };
                told.refuse("entry", text, outcome);
            }
        }
        told
    }

    fn explain_lookup(&self, account: &Account, told: &mut Explanation) {
        match self.rules.lookup.bind_name(account) {
            Ok(None) => {}
            Ok(Some(name)) => told.note("bind as", name),
            Err(denial) => told.refuse(
                "bind as",
                "the directory could take this name for another's, or it is no user's there",
                denial.into(),
            ),
        }
        if let Some(search) = self.rules.lookup.search() {
            told.note("filter", search.filter.fill(account).to_string());
            search.bases.iter().for_each(|base| told.note("base", base.clone()));
        }
    }

    async fn explain_entry(&self, located: &Located, told: &mut Explanation, by: Deadline) {
        told.note("entry", format!("{} on {}", located.entry.dn, located.server));
        let faults = self.rules.faults(&located.entry);
        let mut states = self.rules.account_state.iter();
        let hidden = states.find_map(|schema| schema.hidden(&located.entry));
        match hidden {
            Some(attribute) => told.note(
                "state",
                format!(
                    "unknown: the service account may not read {attribute}, or the entry has none"
                ),
            ),
            None if faults.is_empty() && !self.rules.account_state.is_empty() => {
                told.note("state", "nothing in the entry keeps the account from signing in");
            }
            None => {}
        }
        for fault in faults {
            let hides = self.rules.hide_inactive && fault.makes_inactive();
            let text = format!("{fault}{}", if hides { "; hidden from isuser" } else { "" });
            if fault.is_certain {
                let refusal = Outcome::from(fault.denial).from_server(&located.server);
                told.refuse("state", text, refusal);
            } else {
                told.note("state", text);
            }
        }
        let mut groups = located.entry.texts("memberOf");
        if groups.any(|group| group.to_ascii_lowercase().starts_with(PROTECTED_USERS)) {
            told.note("state", "a member of Protected Users: the domain controller may refuse binds with a password");
        }
        self.explain_groups("group", &self.rules.sign_in, located, told, by).await;
        if self.rules.exist.is_needed() && !self.rules.exist.is_same_as(&self.rules.sign_in) {
            self.explain_groups("isuser group", &self.rules.exist, located, told, by).await;
        }
    }

    async fn explain_groups(
        &self,
        step: &'static str,
        rule: &GroupRule,
        located: &Located,
        told: &mut Explanation,
        by: Deadline,
    ) {
        let Ok(searcher) = self.directory.searcher() else { return };
        if !rule.is_needed() {
            return;
        }
        for group in &rule.groups {
            let text = match rule.alone(group).admits(&located.entry, searcher, by).await {
                Ok(Belonging::In) => format!("in {group}"),
                Ok(Belonging::NotIn(why)) if why.is_empty() => format!("not in {group}"),
                Ok(Belonging::NotIn(why)) => why,
                Err(outcome) => {
                    told.refuse(step, format!("cannot tell about {group}"), outcome);
                    continue;
                }
            };
            told.note(step, text);
        }
        let wanted = if rule.all { "all of them are required" } else { "one of them is required" };
        match rule.admits(&located.entry, searcher, by).await {
            Ok(Belonging::In) => told.note(step, format!("{wanted}: admitted")),
            Ok(Belonging::NotIn(_)) => {
                let refusal = Outcome::from(Denial::NotInGroup).from_server(&located.server);
                told.refuse(step, format!("{wanted}: not admitted"), refusal);
            }
            // It was told of one of the groups.
            Err(_) => {}
        }
    }
}
