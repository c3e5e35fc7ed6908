//! Why a user can or cannot sign in, without a password: every step that a request takes, and which
//! one says no.

use crate::deadline::Deadline;
use crate::directory::domain::{Domain, Located, Lookup, Search};
use crate::directory::groups::{Group, GroupRule};
use crate::directory::message::Query;
use crate::jid::Account;
use crate::verdict::{Denial, Outcome};

/// One step and what came of it.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What was looked at.
    pub step: &'static str,
    /// What was found, for people.
    pub text: String,
    /// Why the request ends here, if it does.
    pub refusal: Option<Outcome>,
}

/// All that was found about one account.
#[derive(Debug, Default)]
pub struct Explanation {
    /// The steps in their order.
    pub findings: Vec<Finding>,
}

impl Explanation {
    fn note(&mut self, step: &'static str, text: impl Into<String>) {
        self.findings.push(Finding { step, text: text.into(), refusal: None });
    }

    fn refuse(&mut self, step: &'static str, text: impl Into<String>, refusal: Outcome) {
        self.findings.push(Finding { step, text: text.into(), refusal: Some(refusal) });
    }

    /// The first thing that keeps the user from signing in.
    pub fn refusal(&self) -> Option<&Outcome> {
        self.findings.iter().find_map(|finding| finding.refusal.as_ref())
    }
}

impl Domain {
    /// Takes every step of a sign-in but the bind, even behind one that says no.
    pub async fn explain(&self, account: &Account, by: Deadline) -> Explanation {
        let mut told = Explanation::default();
        let account = match self.named(account) {
            Ok(named) => {
                if named != *account {
                    told.note("name", format!("the directory is asked about {named}"));
                }
                named
            }
            Err(outcome) => {
                let text = "a decoded name may not begin or end with a space (XEP-0106)";
                told.refuse("name", text, outcome);
                return told;
            }
        };
        self.explain_lookup(&account, &mut told);
        let mut attributes = self.attributes(&self.rules.sign_in);
        attributes.extend(self.rules.exist.attributes());
        attributes.sort_unstable();
        attributes.dedup();
        match self.locate(&account, &attributes, by).await {
            Ok(located) => self.explain_entry(&located, &mut told, by).await,
            Err(outcome) => told.refuse("entry", "not found", outcome),
        }
        told
    }

    fn explain_lookup(&self, account: &Account, told: &mut Explanation) {
        match &self.rules.lookup {
            Lookup::Search(search) => explain_search(search, account, told),
            Lookup::Dn(template) => told.note("bind as", template.fill(account)),
            Lookup::Plain(template, search) => {
                match template.fill(account) {
                    Some(name) => told.note("bind as", name),
                    None => told.refuse(
                        "bind as",
                        "the name holds a character that separates the parts of a login name",
                        Denial::UnknownUser.into(),
                    ),
                }
                if let Some(search) = search {
                    explain_search(search, account, told);
                }
            }
        }
    }

    async fn explain_entry(&self, located: &Located, told: &mut Explanation, by: Deadline) {
        told.note("entry", format!("{} on {}", located.entry.dn, located.server));
        let faults = self.faults(&located.entry);
        if faults.is_empty() && !self.rules.account_state.is_empty() {
            told.note("state", "nothing in the entry keeps the account from signing in");
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
        for group in &rule.groups {
            let alone = rule.alone(group);
            let text = match alone.admits(&located.entry, searcher, by).await {
                Ok(true) => format!("in {group}"),
                Ok(false) if self.is_missing(group, by).await => {
                    format!("{group} does not exist, or the service account may not see it")
                }
                Ok(false) => format!("not in {group}"),
                Err(outcome) => {
                    told.refuse(step, format!("cannot tell about {group}"), outcome);
                    continue;
                }
            };
            told.note(step, text);
        }
        if rule.is_needed() {
            let (verdict, wanted) = (
                rule.admits(&located.entry, searcher, by).await,
                if rule.all { "all of them are required" } else { "one of them is required" },
            );
            match verdict {
                Ok(true) => told.note(step, format!("{wanted}: admitted")),
                Ok(false) => {
                    let refusal = Outcome::from(Denial::NotInGroup).from_server(&located.server);
                    told.refuse(step, format!("{wanted}: not admitted"), refusal);
                }
                Err(_) => {}
            }
        }
    }

    async fn is_missing(&self, group: &Group, by: Deadline) -> bool {
        let name = group.to_string();
        let query = Query::entry(&name, &[]);
        match self.directory.searcher() {
            Ok(searcher) => searcher.search(&query, &[], by).await.is_err(),
            Err(_) => false,
        }
    }
}

fn explain_search(search: &Search, account: &Account, told: &mut Explanation) {
    told.note("filter", search.filter.fill(account).to_string());
    for base in &search.bases {
        told.note("base", base.clone());
    }
}
