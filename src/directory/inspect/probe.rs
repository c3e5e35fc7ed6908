//! What a server is, and what of the configuration cannot work there.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::deadline::Deadline;
use crate::directory::Directory;
use crate::directory::connect::connector::Connector;
use crate::directory::diagnosis::{Judgement, of_root_dse};
use crate::directory::domain::Rules;
use crate::directory::inspect::report::{Grade, Report};
use crate::directory::inspect::view::{UnansweredSearch, View};
use crate::directory::inspect::{catalog, groups, lockout, passwords, product, users};
use crate::directory::locate::server::Server;
use crate::directory::message::entry::Entry;
use crate::directory::pool::service::ServicePool;
use crate::directory::session::Session;
use crate::directory::session::error::SessionError;
use crate::directory::session::root_dse::RootDse;
use crate::directory::tls;
use crate::policy::guard::GuardSettings;

/// Asks one server of a directory, until there is a question that it does not answer. `domains` are the
/// rules of the domains that the directory serves, `guard` is what keeps its accounts from being locked.
pub async fn probe_server(
    directory: &Directory,
    server: &Server,
    domains: &[(&str, &Rules)],
    guard: Option<&GuardSettings>,
    by: Deadline,
) -> Report {
    let mut report = Report::new(Arc::clone(&server.name));
    let service = directory.service.as_ref().map(|service| &service.pool);
    if let Some(view) = sign_in(directory.connector(), service, server, by, &mut report).await {
        product::look(&view, directory.preset, &mut report);
        if directory.writer.is_none() {
            passwords::look(&view, directory.set_password, &mut report);
        }
        if let Err(unanswered) =
            look_at_entries(&view, domains, directory.catalog.is_some(), guard, &mut report).await
        {
            report.note(Grade::Bad, "search", unanswered.to_string());
        }
    }
    report
}

async fn look_at_entries(
    view: &View,
    domains: &[(&str, &Rules)],
    has_catalog: bool,
    guard: Option<&GuardSettings>,
    report: &mut Report,
) -> Result<(), UnansweredSearch> {
    for (domain, rules) in domains {
        users::look(view, domain, rules, report).await?;
        groups::look(view, domain, rules, has_catalog, report).await?;
    }
    lockout::look(view, guard, report).await
}

/// Asks where passwords are set, if that is elsewhere.
pub async fn probe_writer(directory: &Directory, by: Deadline) -> Option<Report> {
    let writer = directory.writer.as_ref()?;
    let mut report = Report::new("write".into());
    let opened = by.bound(writer.open(by)).await.unwrap_or_else(|elapsed| Err(elapsed.into()));
    match opened {
        Ok(session) => {
            report.note(Grade::Good, "write", format!("signed in on {}", session.server));
        }
        Err(outcome) => report.note(Grade::Bad, "write", outcome.to_string()),
    }
    Some(report)
}

/// Asks each global catalog, also about the groups that the servers of the domain left to it.
pub async fn probe_catalog(
    directory: &Directory,
    domains: &[(&str, &Rules)],
    foreign: &[String],
    within: Duration,
) -> Vec<Report> {
    let Some(service) = directory.catalog.as_ref().map(|catalog| &catalog.pool) else {
        return Vec::new();
    };
    let connector = &service.connector;
    let (servers, _) = connector.servers.in_order(connector.connect_within).await;
    let mut reports = Vec::new();
    for server in servers {
        let by = Deadline::after(Instant::now(), within);
        let mut report = Report::new(Arc::clone(&server.name));
        if let Some(view) = sign_in(connector, Some(service), &server, by, &mut report).await
            && let Err(unanswered) = catalog::look(&view, domains, foreign, &mut report).await
        {
            report.note(Grade::Bad, "search", unanswered.to_string());
        }
        reports.push(report);
    }
    reports
}

/// What the service account sees of a server, if it comes so far.
async fn sign_in(
    connector: &Connector,
    service: Option<&ServicePool>,
    server: &Server,
    by: Deadline,
    report: &mut Report,
) -> Option<View> {
    let principal = service.and_then(|service| service.account.identity.principal());
    let session = match connector.open_as(server, principal).await {
        Ok(session) => session,
        Err(error) => {
            report.note(Grade::Bad, "connect", error.to_string());
            return None;
        }
    };
    let negotiated = connector.record(&server.name).negotiated();
    let protection = match &negotiated {
        Some(negotiated) => negotiated.version,
        None if session.is_private => "local, or sealed by Kerberos",
        None => "in clear text",
    };
    report.note(Grade::Good, "connect", protection);
    let certificate = negotiated.and_then(|negotiated| negotiated.certificate);
    if let Some((text, ends_soon)) =
        certificate.and_then(|der| tls::certificate_for_people(&der, SystemTime::now()))
    {
        match ends_soon {
            true => report.note(Grade::Odd, "certificate", format!("{text}: renew it")),
            false => report.note(Grade::Good, "certificate", text),
        }
    }
    let Some(service) = service else {
        report.note(Grade::Odd, "service bind", "there is no service account: nothing to see");
        return None;
    };
    if !bind(service, &session, by, report).await {
        return None;
    }
    let root_dse = read_root_dse(&session, by, report).await?;
    Some(View { session, root_dse, by })
}

async fn bind(service: &ServicePool, session: &Session, by: Deadline, report: &mut Report) -> bool {
    let bound = by.bound(service.bind(session)).await;
    let bound = bound.unwrap_or_else(|_| Err(SessionError::Silent.outcome(&session.server)));
    let (grade, text) = match &bound {
        Ok(()) => (Grade::Good, "accepted".to_owned()),
        Err(outcome) => (Grade::Bad, format!("{outcome}; {}", outcome.verdict.advice())),
    };
    report.note(grade, "service bind", text);
    bound.is_ok()
}

/// What the server says about itself, which may be nothing.
async fn read_root_dse(
    session: &Session,
    by: Deadline,
    report: &mut Report,
) -> Option<Arc<RootDse>> {
    let read = by.bound(session.root_dse(by.remaining())).await;
    match read.unwrap_or(Err(SessionError::Silent)) {
        Ok(Ok(root_dse)) => Some(root_dse),
        Ok(Err(answer)) => {
            let Judgement { verdict, remark, .. } = of_root_dse(&answer);
            let why = remark.unwrap_or_default();
            let text = format!("{verdict}: {why}; write preset, and group_base for groups");
            report.note(Grade::Bad, "root DSE", text);
            Some(Arc::new(RootDse::new(Entry::default())))
        }
        Err(lost) => {
            report.note(Grade::Bad, "root DSE", lost.to_string());
            None
        }
    }
}
