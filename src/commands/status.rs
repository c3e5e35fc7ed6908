//! `status`: how the daemon of this machine stands.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::control::{PATIENCE, running};
use super::daemon::status::{DOWN, DaemonStatus, OUT};
use super::ending::Failure;
use super::finding::{Finding, Severity, counted, number};
use super::print::print_json;
use super::screen::{BAD, GOOD, Screen};
use crate::cli::{GlobalArgs, StatusArgs};
use crate::exit::Code;
use crate::protocol::control::Order;

/// What is shown.
#[derive(Serialize)]
struct ShownStatus {
    #[serde(flatten)]
    status: DaemonStatus,
    findings: Vec<Finding>,
}

/// Shows how the daemon stands.
///
/// The exit code is 0, or 69 where no daemon runs, where one of its directories cannot be asked, and
/// where it does not use the configuration that it read last.
pub fn status(args: &StatusArgs, given: GlobalArgs) -> Result<Code, Failure> {
    let answer = running(given)?.ask(&Order::Status, PATIENCE)?;
    let status = DaemonStatus::deserialize(answer.get("status").unwrap_or(&Value::Null))
        .map_err(|_| Failure::io("the daemon is of another version, which cannot be understood"))?;
    let findings = findings(&status);
    let is_good = findings.iter().all(|finding| finding.severity != Severity::Error);
    if args.json {
        print_json(is_good, ShownStatus { status, findings })?;
    } else {
        screen(&status, &findings).print()?;
    }
    Ok(if is_good { Code::OK } else { Code::UNAVAILABLE })
}

fn findings(status: &DaemonStatus) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |severity, key: &str, text| findings.push(Finding::new(severity, key, text));
    for problem in &status.configuration.problems {
        add(Severity::Error, "configuration", format!("not in use: {problem}"));
    }
    for directory in &status.directories {
        let key = format!("directory.{}", directory.name);
        let down = directory.servers.iter().filter(|server| server.state == DOWN);
        let names: Vec<&str> = down.map(|server| &*server.name).collect();
        if directory.state == OUT {
            add(Severity::Error, &key, "no server can be asked; `probe` shows why".to_owned());
        } else if !names.is_empty() {
            add(Severity::Remark, &key, format!("down: {}; `probe` shows why", names.join(", ")));
        }
    }
    for listener in status.listeners.iter().filter(|listener| listener.late_answers > 0) {
        let text = format!("{} answers came too late", listener.late_answers);
        add(Severity::Remark, &format!("listen.{}", listener.name), text);
    }
    findings
}

fn screen(status: &DaemonStatus, findings: &[Finding]) -> Screen {
    let DaemonStatus { version, pid, up_s, configuration, listeners, directories, guard, caches } =
        status;
    let mut screen = Screen::new();
    let up = humantime::format_duration(Duration::from_secs(*up_s));
    screen.heading(&format!("xmpp-ldap-auth {version}, process {pid}, for {up}"));
    let mut rows = vec![("configuration".to_owned(), configuration.file.clone())];
    for it in listeners {
        let text = format!(
            "{} {}: {}, {} open, {} in all",
            it.kind,
            it.place,
            number(it.connections, "connection"),
            number(it.in_flight, "request"),
            it.requests
        );
        rows.push((format!("listener {}", it.name), text));
    }
    for it in directories {
        let text = format!("{}, {}", it.state, number(it.connections, "connection"));
        rows.push((format!("directory {}", it.name), text));
        let servers = it.servers.iter().map(|server| format!("{} {}", server.name, server.state));
        rows.extend(servers.map(|text| ("  server".to_owned(), text)));
    }
    let guard = guard.as_ref().map_or_else(
        || "off".to_owned(),
        |it| {
            let accounts = number(it.accounts_with_failures, "account");
            format!("{accounts} with failures, {} of them held back", it.accounts_held)
        },
    );
    let cache = caches.credentials.map(|count| number(count, "password"));
    rows.push(("guard".to_owned(), guard));
    rows.push(("cache".to_owned(), cache.unwrap_or_else(|| "off".to_owned())));
    let column = rows.iter().map(|(what, _)| what.len()).max().unwrap_or_default();
    rows.iter().for_each(|(what, text)| screen.row(column, what, text, ""));
    screen.findings(findings);
    match findings.iter().any(|finding| finding.severity == Severity::Error) {
        false => screen.verdict(GOOD, "all works", &counted(findings)),
        true => screen.verdict(BAD, "something does not work", &counted(findings)),
    }
    screen
}
