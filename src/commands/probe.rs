//! `probe`: what every server is, and whether the configuration fits it.

use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::control::mention_daemon;
use super::ending::Failure;
use super::finding::{Finding, Severity, counted, number};
use super::inspection::{Inspection, wait_for};
use super::print::print_json;
use super::screen::{BAD, GOOD, Screen, WHAT};
use super::steps::{Step, Steps};
use crate::cli::{GlobalArgs, ProbeArgs};
use crate::config;
use crate::config::directory::DirectoryConfig;
use crate::deadline::Deadline;
use crate::directory::Directory;
use crate::directory::domain::Rules;
use crate::directory::inspect::probe::{probe_catalog, probe_server, probe_writer};
use crate::directory::inspect::report::{self as inspect, ProbeFinding, Report};
use crate::exit::Code;
use crate::policy::guard::GuardSettings;

/// What one server was asked and answered.
#[derive(Serialize)]
struct Probed {
    directory: String,
    server: String,
    /// Whether everything that is configured can work there.
    ok: bool,
    findings: Vec<Finding>,
    steps: Vec<Step>,
}

/// What came of it all.
#[derive(Serialize)]
struct ProbedServers<'a> {
    servers: &'a [Probed],
}

/// Asks every server of the configuration.
///
/// The exit code is 0 if everything that is configured can work, 69 if not.
pub fn probe(args: &ProbeArgs, given: GlobalArgs) -> Result<Code, Failure> {
    mention_daemon(&config::path(given.config.clone()));
    let Inspection { configuration, within } = Inspection::open(given)?;
    let (directories, guard) = (configuration.directories, configuration.policy.guard);
    if let Some(unknown) = args.directories.iter().find(|name| !directories.contains_key(*name)) {
        let text = format!("there is no [directory.{unknown}] in the configuration");
        return Err(Failure::usage(text));
    }
    let steps = Steps::collect();
    let probed = wait_for(async {
        let mut probed = Vec::new();
        for (name, config) in directories {
            if args.directories.is_empty() || args.directories.contains(&name) {
                probed.extend(probe_directory(&name, config, guard.as_ref(), &steps, within).await);
            }
        }
        probed
    })?;
    let is_good = probed.iter().all(|probed| probed.ok);
    if args.json {
        print_json(is_good, ProbedServers { servers: &probed })?;
    } else {
        screen(&probed).print()?;
    }
    Ok(if is_good { Code::OK } else { Code::UNAVAILABLE })
}

/// Asks every server of a directory.
async fn probe_directory(
    name: &str,
    config: DirectoryConfig,
    guard: Option<&GuardSettings>,
    steps: &Steps,
    within: Duration,
) -> Vec<Probed> {
    let rules = config.domains.iter().filter(|(_, rules)| rules.alias_of.is_none());
    let rules: Vec<(&str, &Rules)> =
        rules.map(|(domain, rules)| (domain.as_str(), rules)).collect();
    let directory = Directory::new(config.settings);
    let mut probed = Vec::new();
    let mut add = |report| probed.push(Probed::new(name, &report, steps.take()));
    let (servers, fault) = directory.servers().await;
    fault.map(Report::no_server).into_iter().for_each(&mut add);
    let mut foreign = Vec::new();
    for server in servers {
        let by = Deadline::after(Instant::now(), within);
        let report = probe_server(&directory, &server, &rules, guard, by).await;
        foreign.extend(report.left_to_catalog.iter().cloned());
        add(report);
    }
    probe_catalog(&directory, &rules, &foreign, within).await.into_iter().for_each(&mut add);
    let by = Deadline::after(Instant::now(), within);
    probe_writer(&directory, by).await.into_iter().for_each(add);
    probed
}

impl Probed {
    fn new(directory: &str, report: &Report, steps: Vec<Step>) -> Self {
        let finding = |finding: &ProbeFinding| {
            let severity = match finding.grade {
                inspect::Grade::Good => Severity::Good,
                inspect::Grade::Odd => Severity::Remark,
                inspect::Grade::Bad => Severity::Error,
            };
            Finding::new(severity, finding.what, &*finding.text)
        };
        Self {
            directory: directory.to_owned(),
            server: report.server.to_string(),
            ok: !report.is_bad(),
            findings: report.findings.iter().map(finding).collect(),
            steps,
        }
    }
}

fn screen(probed: &[Probed]) -> Screen {
    let mut screen = Screen::new();
    for Probed { directory, server, findings, steps, .. } in probed {
        screen.heading(&format!("{directory}  {server}"));
        for step in steps.iter().filter(|step| step.step == "discover") {
            screen.row(WHAT, &step.step, &step.text(), "");
        }
        screen.findings(findings);
    }
    let findings: Vec<Finding> = probed.iter().flat_map(|it| it.findings.clone()).collect();
    let counted = counted(&findings);
    let all = number(probed.len(), "server");
    match probed.iter().filter(|probed| !probed.ok).count() {
        0 => screen.verdict(GOOD, "all is right", &format!(" on {all}{counted}")),
        wrong => {
            screen.verdict(BAD, &format!("something cannot work on {wrong} of {all}"), &counted)
        }
    }
    screen
}
