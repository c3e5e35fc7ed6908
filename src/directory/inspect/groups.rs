//! Whether membership in the groups of a rule can be found out on a server.

use crate::directory::domain::Rules;
use crate::directory::groups::{Group, GroupEntry, GroupMethod, GroupRule};
use crate::directory::inspect::report::Report;
use crate::directory::inspect::view::{UnansweredSearch, View};
use crate::directory::message::Query;

pub(super) async fn look(
    view: &View,
    domain: &str,
    rules: &Rules,
    has_catalog: bool,
    report: &mut Report,
) -> Result<(), UnansweredSearch> {
    look_at_rule(view, domain, &rules.sign_in, has_catalog, report).await?;
    if !rules.exist.is_same_as(&rules.sign_in) {
        look_at_rule(view, domain, &rules.exist, has_catalog, report).await?;
    }
    Ok(())
}

async fn look_at_rule(
    view: &View,
    domain: &str,
    rule: &GroupRule,
    has_catalog: bool,
    report: &mut Report,
) -> Result<(), UnansweredSearch> {
    if !rule.is_needed() {
        return Ok(());
    }
    let problem = match rule.method {
        GroupMethod::Chain if !view.root_dse.has_chain_rule() => {
            Some("the server does not know the chain rule")
        }
        GroupMethod::TokenGroups if !view.root_dse.is_active_directory() => {
            Some("the server has no tokenGroups")
        }
        _ => None,
    };
    report.judge("group_method", &format!("{domain}: {}", rule.method.name()), problem);
    if let Some(base) = &rule.base {
        let found = view.search(&Query::entry(base, &[])).await?;
        let problem = found
            .entries
            .is_empty()
            .then_some("it does not exist, or the service account may not see it");
        report.judge("group_base", &format!("{domain}: {base}"), problem);
    }
    for group in &rule.groups {
        let found = view.search(&group.query()).await?;
        match GroupEntry::of(found.answer.code, found.entries) {
            Some(GroupEntry::Elsewhere | GroupEntry::Missing) if has_catalog => {
                report.left_to_catalog.push(group.to_string());
            }
            entry => judge(domain, rule, group, entry, false, report),
        }
    }
    Ok(())
}

/// Looks at a global catalog for the groups that the domain does not have.
pub(super) async fn look_for_foreign(
    view: &View,
    domain: &str,
    rules: &Rules,
    foreign: &[String],
    report: &mut Report,
) -> Result<(), UnansweredSearch> {
    let rule = &rules.sign_in;
    let of_exist = rules.exist.groups.iter().filter(|_| !rules.exist.is_same_as(rule));
    for group in rule.groups.iter().chain(of_exist) {
        if foreign.iter().any(|name| name == group.name()) {
            let found = view.search(&group.query()).await?;
            let entry = GroupEntry::of(found.answer.code, found.entries);
            judge(domain, rule, group, entry, true, report);
        }
    }
    Ok(())
}

fn judge(
    domain: &str,
    rule: &GroupRule,
    group: &Group,
    entry: Option<GroupEntry>,
    is_foreign: bool,
    report: &mut Report,
) {
    let problem = match entry {
        Some(entry) => rule.fault(&entry, is_foreign).map(|fault| format!("it {fault}")),
        None => Some("it could not be read".to_owned()),
    };
    report.judge("group", &format!("{domain}: {group}"), problem.as_deref());
}
