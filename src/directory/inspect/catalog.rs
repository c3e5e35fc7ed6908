//! Whether a server is a global catalog, and knows the groups that only such a one does.

use crate::directory::domain::Rules;
use crate::directory::inspect::groups;
use crate::directory::inspect::report::{Grade, Report};
use crate::directory::inspect::view::{UnansweredSearch, View};
use crate::directory::message::{Filter, Query, Scope};

pub(super) async fn look(
    view: &View,
    domains: &[(&str, &Rules)],
    foreign: &[String],
    report: &mut Report,
) -> Result<(), UnansweredSearch> {
    if view.root_dse.text("isGlobalCatalogReady") == Some("FALSE") {
        let text = "it says itself that it does not hold the whole forest yet";
        report.note(Grade::Bad, "global catalog", text);
    }
    // No other port of a domain controller takes a search of the whole forest.
    let filter = Filter::equality("objectClass", b"domainDNS");
    let whole = Query { scope: Scope::Subtree, filter: &filter, ..Query::entry("", &[]) };
    let query = Query { at_most: None, ..whole };
    let found = view.search(&query).await?;
    let names: Vec<&str> = found.entries.iter().map(|entry| entry.dn.as_str()).collect();
    if names.is_empty() {
        let text = "it is none, or the service account sees no domain there: name a domain controller that is one, with port 3269, or 3268";
        report.note(Grade::Bad, "global catalog", text);
        return Ok(());
    }
    report.note(Grade::Good, "global catalog", names.join("; "));
    for (domain, rules) in domains {
        groups::look_for_foreign(view, domain, rules, foreign, report).await?;
    }
    Ok(())
}
