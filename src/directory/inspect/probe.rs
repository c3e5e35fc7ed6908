//! What a server is, and what of the configuration cannot work there.

use std::sync::Arc;
use std::time::SystemTime;

use crate::deadline::Deadline;
use crate::directory::Directory;
use crate::directory::account::set_password::PasswordMethod;
use crate::directory::account::state::StateSchema;
use crate::directory::domain::{Rules, Search};
use crate::directory::groups::{Group, GroupMethod};
use crate::directory::inspect::lockout;
use crate::directory::locate::server::Server;
use crate::directory::message::entry::Entry;
use crate::directory::message::filter::ANY_ENTRY;
use crate::directory::message::oid;
use crate::directory::message::{Filter, Query, Scope};
use crate::directory::names::dn::Dn;
use crate::directory::names::time::generalized_time;
use crate::directory::pool::search::has_lost_its_bind;
use crate::directory::pool::service::ServicePool;
use crate::directory::session::Session;
use crate::directory::session::root_dse::{self, RootDse};
use crate::jid::Account;
use crate::policy::guard::GuardSettings;
use crate::result_code::{self, NO_SUCH_OBJECT, SUCCESS};
use crate::verdict::Verdict;

/// A clock that is off by more than this makes expiry dates wrong; by five minutes, it ends Kerberos.
const TOLERABLE_SKEW_S: u64 = 60;

/// Extensions and controls that matter here, by their object identifiers.
const KNOWN: [(&str, &str); 8] = [
    (oid::PASSWORD_MODIFY, "password modify (RFC 3062)"),
    (oid::START_TLS, "StartTLS"),
    (oid::WHO_AM_I, "who am I"),
    (oid::PASSWORD_POLICY, "password policy"),
    (oid::PAGED_RESULTS, "paged results"),
    (oid::POLICY_HINTS, "policy hints"),
    (oid::POLICY_HINTS_DEPRECATED, "policy hints (old)"),
    (oid::MANAGE_DSA_IT, "manage DSA IT"),
];

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// As it should be.
    Good,
    /// Deserves a look.
    Odd,
    /// Something configured cannot work.
    Bad,
}

/// One thing found.
#[derive(Clone, Debug)]
pub struct ProbeFinding {
    /// What was looked at.
    pub what: &'static str,
    /// What was found, for people.
    pub text: String,
    /// How much that matters.
    pub severity: Severity,
}

/// What was found on one server.
#[derive(Clone, Debug)]
pub struct Report {
    /// The server, as the configuration writes it.
    pub server: Arc<str>,
    /// In the order in which it was looked at.
    pub findings: Vec<ProbeFinding>,
}

impl Report {
    /// A report that no server could be asked.
    pub fn no_server(fault: String) -> Self {
        let mut report = Self { server: "discover".into(), findings: Vec::new() };
        report.note(Severity::Bad, "servers", fault);
        report
    }

    fn note(&mut self, severity: Severity, what: &'static str, text: impl Into<String>) {
        self.findings.push(ProbeFinding { what, text: text.into(), severity });
    }

    fn judge(&mut self, what: &'static str, text: &str, problem: Option<&str>) {
        match problem {
            None => self.note(Severity::Good, what, text),
            Some(problem) => self.note(Severity::Bad, what, format!("{text}: {problem}")),
        }
    }

    /// Whether something configured cannot work there.
    pub fn is_bad(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Bad)
    }
}

impl Directory {
    /// Asks one server. `domains` are the rules of the domains that this directory serves, `guard` is
    /// what keeps its accounts from being locked.
    pub async fn probe(
        &self,
        server: &Server,
        domains: &[(&str, &Rules)],
        guard: Option<&GuardSettings>,
        by: Deadline,
    ) -> Report {
        let mut report = Report { server: Arc::clone(&server.name), findings: Vec::new() };
        let account = self.service.as_ref().and_then(|service| service.pool.identity().principal());
        let connection = match self.connector().open_as(server, account).await {
            Ok(connection) => connection,
            Err(error) => {
                report.note(Severity::Bad, "connect", error.to_string());
                return report;
            }
        };
        let encrypted = if connection.is_private { "encrypted, or local" } else { "in clear text" };
        report.note(Severity::Good, "connect", encrypted);
        let Some(service) = &self.service else {
            report.note(
                Severity::Odd,
                "service bind",
                "there is no service account: nothing to see",
            );
            return report;
        };
        let Some(connection) = bind(&service.pool, connection, &mut report).await else {
            return report;
        };
        let root_dse = match connection.root_dse(by.remaining()).await {
            Ok(Ok(root_dse)) => root_dse,
            Ok(Err(answer)) => {
                let outcome = root_dse::unread(&answer, &server.name);
                let why = outcome.detail.unwrap_or_default();
                let text =
                    format!("{}: {why}; write preset, and group_base for groups", outcome.verdict);
                report.note(Severity::Bad, "root DSE", text);
                Arc::new(RootDse::new(Entry::default()))
            }
            Err(lost) => {
                report.note(Severity::Bad, "root DSE", lost.to_string());
                return report;
            }
        };
        self.judge_product(&root_dse, &mut report);
        self.judge_set_password(&root_dse, &connection, &mut report);
        for (domain, rules) in domains {
            judge_rules(domain, rules, &root_dse, &connection, by, &mut report).await;
        }
        judge_lockout(guard, &root_dse, &connection, by, &mut report).await;
        report
    }

    /// Asks where passwords are set, if that is elsewhere.
    pub async fn probe_writer(&self, by: Deadline) -> Option<Report> {
        let writer = self.writer.as_ref()?;
        let mut report = Report { server: "write".into(), findings: Vec::new() };
        match writer.open(by).await {
            Ok(connection) => {
                report.note(Severity::Good, "write", format!("signed in on {}", connection.server))
            }
            Err(outcome) => report.note(
                Severity::Bad,
                "write",
                format!("{} {}", outcome.verdict, outcome.detail.unwrap_or_default()),
            ),
        }
        Some(report)
    }

    fn judge_product(&self, root_dse: &RootDse, report: &mut Report) {
        let is_controller = root_dse.is_active_directory();
        let problem = match self.preset {
            Some(preset) if preset.is_active_directory() && !is_controller => {
                Some("it is no domain controller, but the preset is for one")
            }
            Some(preset) if !preset.is_active_directory() && is_controller => {
                Some("it is a domain controller: write preset = \"active-directory\" or \"samba\"")
            }
            _ => None,
        };
        report.judge("product", &root_dse.product(), problem);
        for (what, attribute) in [
            ("host", "dnsHostName"),
            ("naming context", "namingContexts"),
            ("SASL", "supportedSASLMechanisms"),
        ] {
            let values: Vec<&str> = root_dse.texts(attribute).collect();
            if !values.is_empty() {
                report.note(Severity::Good, what, values.join("; "));
            }
        }
        for (what, attribute) in
            [("extensions", "supportedExtension"), ("controls", "supportedControl")]
        {
            let known =
                KNOWN.iter().filter(|(oid, _)| root_dse.texts(attribute).any(|v| v == *oid));
            let names: Vec<&str> = known.map(|(_, name)| *name).collect();
            let count = root_dse.texts(attribute).count();
            let among = if names.is_empty() { "none that matter here" } else { "among them" };
            let text = format!("{count}, {among} {}", names.join(", "));
            report.note(Severity::Good, what, text.trim_end());
        }
        judge_clock(root_dse, report);
    }

    fn judge_set_password(&self, root_dse: &RootDse, connection: &Session, report: &mut Report) {
        if self.writer.is_some() || self.set_password == PasswordMethod::Off {
            return;
        }
        let method = match self.set_password {
            PasswordMethod::Auto => {
                PasswordMethod::offered_by(root_dse).unwrap_or(PasswordMethod::Auto)
            }
            chosen => chosen,
        };
        let problem = match method {
            _ if root_dse.is_read_only() => Some("this domain controller is read-only"),
            PasswordMethod::Exop if !root_dse.has_password_modify() => {
                Some("the server does not offer the password modify operation")
            }
            PasswordMethod::UnicodePwd if !root_dse.has_unicode_pwd() => {
                Some("the server is no domain controller")
            }
            PasswordMethod::UnicodePwd if !connection.is_private => {
                Some("domain controllers set passwords over TLS alone")
            }
            PasswordMethod::Auto => Some("the server offers no way to set a password"),
            _ => None,
        };
        report.judge("set_password", &method.to_string(), problem);
    }
}

async fn bind(service: &ServicePool, connection: Session, report: &mut Report) -> Option<Session> {
    match service.bind(&connection).await {
        Ok(()) => {
            report.note(Severity::Good, "service bind", "accepted");
            Some(connection)
        }
        Err(outcome) => {
            let advice = match outcome.verdict {
                Verdict::Unavailable(outage) => outage.advice(),
                Verdict::Granted | Verdict::Denied(_) => "",
            };
            let detail = outcome.detail.unwrap_or_default();
            let text = format!("{} {detail}; {advice}", outcome.verdict);
            report.note(Severity::Bad, "service bind", text);
            None
        }
    }
}

fn judge_clock(root_dse: &RootDse, report: &mut Report) {
    let Some(theirs) = root_dse.text("currentTime").and_then(generalized_time) else {
        report.note(Severity::Good, "clock", "the server does not tell its time");
        return;
    };
    let ours = SystemTime::now();
    let skew = ours.duration_since(theirs).unwrap_or_else(|ahead| ahead.duration());
    let seconds = skew.as_secs();
    if seconds > TOLERABLE_SKEW_S {
        let who = if theirs > ours { "the server's is ahead" } else { "this machine's is ahead" };
        let text = format!(
            "{seconds} s apart: {who}; certificates, expiry dates and Kerberos go by it: set the wrong one (timedatectl, chronyc)"
        );
        return report.note(Severity::Bad, "clock", text);
    }
    report.note(Severity::Good, "clock", format!("{seconds} s apart from this machine's"));
}

async fn judge_rules(
    domain: &str,
    rules: &Rules,
    root_dse: &RootDse,
    connection: &Session,
    by: Deadline,
    report: &mut Report,
) {
    if let Some(search) = rules.lookup.search() {
        judge_search(domain, search, root_dse, connection, by, report).await;
    }
    let for_controllers = rules.account_state.contains(&StateSchema::ActiveDirectory);
    if for_controllers != root_dse.is_active_directory() && !rules.account_state.is_empty() {
        let text = format!("{domain}: account_state does not fit this product");
        report.note(Severity::Odd, "account_state", text);
    }
    for rule in [&rules.sign_in, &rules.exist] {
        let problem = match rule.method {
            GroupMethod::Chain if !root_dse.has_chain_rule() => {
                Some("the server does not know the chain rule")
            }
            GroupMethod::TokenGroups if !root_dse.is_active_directory() => {
                Some("the server has no tokenGroups")
            }
            _ => None,
        };
        if rule.is_needed() {
            report.judge("group_method", &format!("{domain}: {}", rule.method), problem);
        }
        if let Some(base) = rule.base.as_ref().filter(|_| rule.is_needed()) {
            let problem = (!is_there(connection, base, Scope::Base, &ANY_ENTRY, by).await)
                .then_some("it does not exist, or the service account may not see it");
            report.judge("group_base", &format!("{domain}: {base}"), problem);
        }
        for group in &rule.groups {
            let found = by.bound(connection.search(&group.query(), by.remaining())).await;
            let standing = match found {
                Ok(Ok(found)) => Group::standing(found.answer.code, found.entries),
                _ => None,
            };
            let problem = match standing {
                Some(standing) => rule.fault(&standing).map(|fault| format!("it {fault}")),
                None => Some("it could not be read".to_owned()),
            };
            report.judge("group", &format!("{domain}: {group}"), problem.as_deref());
        }
        if rules.exist.is_same_as(&rules.sign_in) {
            break;
        }
    }
}

async fn judge_lockout(
    guard: Option<&GuardSettings>,
    root_dse: &RootDse,
    connection: &Session,
    by: Deadline,
    report: &mut Report,
) {
    let rules = lockout::rules(root_dse, connection, by).await;
    if rules.is_empty() {
        let text =
            "the service account may not read at how many wrong passwords an account is locked";
        report.note(Severity::Good, "lock-out", text);
    }
    for rule in rules {
        let (is_good, text) = rule.judge(guard);
        report.note(if is_good { Severity::Good } else { Severity::Odd }, "lock-out", text);
    }
}

async fn judge_search(
    domain: &str,
    search: &Search,
    root_dse: &RootDse,
    connection: &Session,
    by: Deadline,
    report: &mut Report,
) {
    for base in &search.bases {
        let is_held = Dn::parse(base).is_some_and(|dn| root_dse.naming_context_of(&dn).is_some());
        let refusal = refusal(connection, base, by).await;
        let problem = if is_there(connection, base, Scope::Base, &ANY_ENTRY, by).await {
            None
        } else if wants_sign_in(connection, base, by).await {
            Some(
                "the server shows it to nobody who has not signed in: write bind_dn and bind_password_file",
            )
        } else if refusal.is_some() {
            refusal.as_deref()
        } else if !is_held && root_dse.text("namingContexts").is_some() {
            Some("the server does not hold it; see its naming contexts")
        } else {
            Some("it does not exist, or the service account may not see it")
        };
        report.judge("base", &format!("{domain}: {base}"), problem);
        if problem.is_none() {
            let filter = search.filter.for_anyone();
            let is_used = is_there(connection, base, Scope::Subtree, filter, by).await;
            let (severity, found) = if finds_strangers(domain, search, base, connection, by).await {
                (Severity::Bad, "finds an entry for a name that nobody has: make it stricter")
            } else if is_used {
                (Severity::Good, "finds users")
            } else {
                (Severity::Odd, "finds nobody")
            };
            report.note(severity, "user_filter", format!("{domain}: {filter} {found}"));
            if let Some(tree) = second_tree(base, root_dse)
                && is_there(connection, &tree, Scope::Subtree, filter, by).await
            {
                let text = format!(
                    "{domain}: users have a second entry below {tree}, so each is ambiguous: write a base that has one of them, as cn=users,cn=accounts,… does"
                );
                report.note(Severity::Bad, "base", text);
            }
        }
    }
}

/// Why the server does not say whether an entry is there, if it was asked and does not.
async fn refusal(connection: &Session, dn: &str, by: Deadline) -> Option<String> {
    let query = Query::entry(dn, &[]);
    let found = by.bound(connection.search(&query, by.remaining())).await.ok()?.ok()?;
    match found.answer.code {
        SUCCESS | NO_SUCH_OBJECT => None,
        code => Some(format!(
            "the server refuses to search it, {}; it may want a service account (bind_dn), or give this one more rights",
            result_code::described(code)
        )),
    }
}

/// Whether the search of a name that nobody has finds an entry.
async fn finds_strangers(
    domain: &str,
    search: &Search,
    base: &str,
    connection: &Session,
    by: Deadline,
) -> bool {
    let Some(nobody) = Account::new(&format!("nobody-{:016x}", fastrand::u64(..)), domain) else {
        return false;
    };
    is_there(connection, base, Scope::Subtree, &search.filter.fill(&nobody), by).await
}

/// The tree below this base in which FreeIPA repeats its users for old clients.
fn second_tree(base: &str, root_dse: &RootDse) -> Option<String> {
    let base = Dn::parse(base)?;
    let tree = format!("cn=compat,{}", root_dse.naming_context_of(&base)?);
    let is_below = Dn::parse(&tree).is_some_and(|dn| dn.is_within(&base) && dn != base);
    is_below.then_some(tree)
}

async fn wants_sign_in(connection: &Session, base: &str, by: Deadline) -> bool {
    let query = Query::entry(base, &[]);
    let found = by.bound(connection.search(&query, by.remaining())).await;
    matches!(found, Ok(Ok(found)) if has_lost_its_bind(&found.answer))
}

async fn is_there(
    connection: &Session,
    base: &str,
    scope: Scope,
    filter: &Filter,
    by: Deadline,
) -> bool {
    let query = Query { scope, filter, ..Query::entry(base, &[]) };
    let found = by.bound(connection.search(&query, by.remaining())).await;
    matches!(found, Ok(Ok(found)) if !found.entries.is_empty())
}
