//! Why a user can or cannot sign in, without a password: every step that a request takes, and which
//! one says no.

use crate::deadline::Deadline;
use crate::directory::account::state::StateSchema;
use crate::directory::domain::{Domain, Located, Lookup, Rules};
use crate::directory::groups::{GroupRule, Membership};
use crate::jid::Account;
use crate::verdict::{Outage, Outcome, Verdict};

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
        self.add(what, text, None);
    }

    fn refuse(&mut self, what: &'static str, text: impl Into<String>, refusal: Outcome) {
        self.add(what, text, Some(refusal));
    }

    fn add(&mut self, what: &'static str, text: impl Into<String>, refusal: Option<Outcome>) {
        self.steps.push(ExplainStep { what, text: text.into(), refusal });
    }

    /// The first thing that keeps the user from signing in.
    pub fn refusal(&self) -> Option<&Outcome> {
        self.steps.iter().find_map(|step| step.refusal.as_ref())
    }
}

/// Takes every step of a sign-in but the bind, even behind one that says no, until the time is over.
pub async fn explain_sign_in(domain: &Domain, account: &Account, by: Deadline) -> Explanation {
    let mut told = Explanation::default();
    if let Err(elapsed) = by.bound(take_steps(domain, account, &mut told, by)).await {
        told.refuse("no answer", "the time is over", elapsed.into());
    }
    told
}

async fn take_steps(domain: &Domain, account: &Account, told: &mut Explanation, by: Deadline) {
    let rules = domain.rules();
    let account = match rules.named(account) {
        Ok(named) => {
            if named != *account {
                told.note("name", format!("the directory is asked about {named}"));
            }
            named
        }
        Err(denial) => {
            let text = "a decoded name may not begin or end with a space (XEP-0106)";
            told.refuse("name", text, denial.into());
            return;
        }
    };
    explain_lookup(&rules.lookup, &account, told);
    let mut attributes = rules.attributes(&rules.sign_in);
    attributes.extend(rules.exist.attributes());
    if rules.account_state.contains(&StateSchema::ActiveDirectory) {
        attributes.push("memberOf");
    }
    attributes.sort_unstable();
    attributes.dedup();
    match domain.locate(&account, &attributes, by).await {
        Ok(located) => {
            told.note("entry", format!("{} on {}", located.entry.dn, located.server));
            explain_state(rules, &located, told);
            let admission =
                explain_groups("group", domain, &rules.sign_in, &located, told, by).await;
            if let Some((text, refusal)) = admission {
                told.add("group", text, refusal);
            }
            if !rules.exist.is_same_as(&rules.sign_in) {
                let step = "isuser group";
                let admission =
                    explain_groups(step, domain, &rules.exist, &located, told, by).await;
                // Whom isuser hides may sign in all the same.
                if let Some((text, _)) = admission {
                    told.note(step, text);
                }
            }
        }
        Err(outcome) => {
            let text = match outcome.verdict {
                Verdict::Unavailable(Outage::Ambiguous) => "more than one",
                Verdict::Unavailable(_) => "could not be asked for",
                Verdict::Granted | Verdict::Denied(_) => "not found",
            };
            told.refuse("entry", text, outcome);
        }
    }
}

fn explain_lookup(lookup: &Lookup, account: &Account, told: &mut Explanation) {
    match lookup.bind_name(account) {
        Ok(None) => {}
        Ok(Some(name)) => told.note("bind as", name),
        Err(denial) => told.refuse(
            "bind as",
            "the directory could take this name for another's, or it is no user's there",
            denial.into(),
        ),
    }
    if let Some(search) = lookup.search() {
        told.note("filter", search.filter.fill(account).to_string());
        search.bases.iter().for_each(|base| told.note("base", base.clone()));
    }
}

fn explain_state(rules: &Rules, located: &Located, told: &mut Explanation) {
    let faults = rules.faults(&located.entry);
    let mut states = rules.account_state.iter();
    match states.find_map(|schema| schema.hidden(&located.entry)) {
        Some(attribute) => told.note(
            "state",
            format!("unknown: the service account may not read {attribute}, or the entry has none"),
        ),
        None if faults.is_empty() && !rules.account_state.is_empty() => {
            told.note("state", "nothing in the entry keeps the account from signing in");
        }
        None => {}
    }
    for fault in faults {
        let hides = rules.hide_inactive && fault.makes_inactive();
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
        told.note(
            "state",
            "a member of Protected Users: the domain controller may refuse binds with a password",
        );
    }
}

/// Notes what is known of each group. What that comes to, and why the user is not let in.
async fn explain_groups(
    step: &'static str,
    domain: &Domain,
    rule: &GroupRule,
    located: &Located,
    told: &mut Explanation,
    by: Deadline,
) -> Option<(String, Option<Outcome>)> {
    let searchers = domain.directory().searchers().ok().filter(|_| rule.is_needed())?;
    let memberships = rule.memberships(&located.entry, searchers, by).await;
    for (group, membership) in memberships.iter() {
        let text = match membership {
            Some(Membership::In) => format!("in {group}"),
            Some(Membership::NotIn(None)) => format!("not in {group}"),
            Some(Membership::NotIn(Some(why))) => why.clone(),
            Some(Membership::Unknown(outcome)) => {
                let words = outcome.detail.as_deref().unwrap_or_default();
                format!("cannot tell about {group}: {} {words}", outcome.verdict.reason())
            }
            None => continue,
        };
        told.note(step, text);
    }
    let wanted = if rule.all { "all of them are required" } else { "one of them is required" };
    let belonging = memberships.belonging(rule.all);
    let refusal = belonging.and_then(|belonging| located.admitted(belonging)).err();
    let admission = match refusal.as_ref().map(|refusal| refusal.verdict) {
        None | Some(Verdict::Granted) => "admitted",
        Some(Verdict::Denied(_)) => "not admitted",
        Some(Verdict::Unavailable(_)) => "nobody can tell",
    };
    Some((format!("{wanted}: {admission}"), refusal))
}
