//! Whether the users of a domain are found on a server, and nobody else.

use crate::directory::account::state::StateSchema;
use crate::directory::diagnosis::has_lost_its_bind;
use crate::directory::domain::{Rules, UserSearch};
use crate::directory::inspect::report::{Grade, Report};
use crate::directory::inspect::view::{UnansweredSearch, View};
use crate::directory::message::Query;
use crate::directory::names::dn::Dn;
use crate::directory::session::root_dse::RootDse;
use crate::jid::Account;
use crate::result_code::{self, NO_SUCH_OBJECT, SUCCESS};

pub(super) async fn look(
    view: &View,
    domain: &str,
    rules: &Rules,
    report: &mut Report,
) -> Result<(), UnansweredSearch> {
    if let Some(search) = rules.lookup.search() {
        for base in &search.bases {
            let problem = problem_with(base, view).await?;
            report.judge("base", &format!("{domain}: {base}"), problem.as_deref());
            if problem.is_none() {
                look_below(base, view, domain, search, report).await?;
            }
        }
    }
    let is_for_controllers = rules.account_state.contains(&StateSchema::ActiveDirectory);
    let fits = is_for_controllers == view.root_dse.is_active_directory();
    if !fits && !rules.account_state.is_empty() {
        let text = format!("{domain}: account_state does not fit this product");
        report.note(Grade::Odd, "account_state", text);
    }
    Ok(())
}

/// Why nobody is found below a base, if that is sure.
async fn problem_with(base: &str, view: &View) -> Result<Option<String>, UnansweredSearch> {
    let found = view.search(&Query::entry(base, &[])).await?;
    let is_held = || {
        let dn = Dn::parse(base);
        dn.is_some_and(|dn| view.root_dse.naming_context_of(&dn).is_some())
    };
    let problem = match found.answer.code {
        _ if !found.entries.is_empty() => return Ok(None),
        _ if has_lost_its_bind(&found.answer) => {
            "the server shows it to nobody who has not signed in: write bind_dn and bind_password_file"
        }
        code if !matches!(code, SUCCESS | NO_SUCH_OBJECT) => {
            return Ok(Some(format!(
                "the server refuses to search it, {}; it may want a service account (bind_dn), or give this one more rights",
                result_code::described(code)
            )));
        }
        _ if view.root_dse.has_naming_contexts() && !is_held() => {
            "the server does not hold it; see its naming contexts"
        }
        _ => "it does not exist, or the service account may not see it",
    };
    Ok(Some(problem.to_owned()))
}

async fn look_below(
    base: &str,
    view: &View,
    domain: &str,
    search: &UserSearch,
    report: &mut Report,
) -> Result<(), UnansweredSearch> {
    let filter = search.filter.for_anyone();
    let (grade, found) = if finds_strangers(view, domain, search, base).await? {
        (Grade::Bad, "finds an entry for a name that nobody has: make it stricter")
    } else if view.has_below(base, filter).await? {
        (Grade::Good, "finds users")
    } else {
        (Grade::Odd, "finds nobody")
    };
    report.note(grade, "user_filter", format!("{domain}: {filter} {found}"));
    if let Some(tree) = second_tree(base, &view.root_dse)
        && view.has_below(&tree, filter).await?
    {
        let text = format!(
            "{domain}: users have a second entry below {tree}, so each is ambiguous: write a base that has one of them, as cn=users,cn=accounts,… does"
        );
        report.note(Grade::Bad, "base", text);
    }
    Ok(())
}

/// Whether the search of a name that nobody has finds an entry.
async fn finds_strangers(
    view: &View,
    domain: &str,
    search: &UserSearch,
    base: &str,
) -> Result<bool, UnansweredSearch> {
    let nobody = Account::new(&format!("nobody-{:016x}", fastrand::u64(..)), domain);
    match nobody {
        Some(nobody) => view.has_below(base, &search.filter.fill(&nobody)).await,
        None => Ok(false),
    }
}

/// The tree below this base in which FreeIPA repeats its users for old clients.
fn second_tree(base: &str, root_dse: &RootDse) -> Option<String> {
    let base = Dn::parse(base)?;
    let tree = format!("cn=compat,{}", root_dse.naming_context_of(&base)?);
    let is_below = Dn::parse(&tree).is_some_and(|dn| dn.is_within(&base) && dn != base);
    is_below.then_some(tree)
}
