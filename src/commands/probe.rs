//! `probe`: what every server is, and whether the configuration fits it.

use std::io::{self, Write};
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::control::mention_daemon;
use super::ending::Failure;
use super::inspection::{Inspection, wait_for};
use super::print::{print_json, unless_closed};
use super::screen::{BAD, GOOD, ODD};
use super::steps::{Step, Steps};
use crate::cli::{GlobalArgs, ProbeArgs};
use crate::config;
use crate::config::directory::DirectoryConfig;
use crate::deadline::Deadline;
use crate::directory::Directory;
use crate::directory::domain::Rules;
use crate::directory::inspect::probe::{probe_catalog, probe_server, probe_writer};
use crate::directory::inspect::report::{ProbeFinding, Report, Severity};
use crate::exit::Code;
use crate::policy::guard::GuardSettings;
use crate::printable::printable;

/// What one server was asked and answered.
struct Probed {
    directory: String,
    report: Report,
    steps: Vec<Step>,
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
    let is_good = !probed.iter().any(|probed| probed.report.is_bad());
    if args.json {
        let servers = probed.iter().map(Probed::to_json).collect::<Vec<_>>();
        print_json(is_good, json!({ "servers": servers }))?;
    } else {
        let mut out = anstream::stdout();
        unless_closed(probed.iter().try_for_each(|probed| probed.print(&mut out)))?;
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
    let mut add = |report| {
        probed.push(Probed { directory: name.to_owned(), report, steps: steps.take() });
    };
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
    fn to_json(&self) -> serde_json::Value {
        let finding = |finding: &ProbeFinding| {
            let mood = name_of(finding.severity);
            json!({ "what": finding.what, "text": finding.text, "mood": mood })
        };
        json!({
            "directory": self.directory,
            "server": &*self.report.server,
            "ok": !self.report.is_bad(),
            "findings": self.report.findings.iter().map(finding).collect::<Vec<_>>(),
            "steps": self.steps.iter().map(Step::to_json).collect::<Vec<_>>(),
        })
    }

    fn print(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{}  {}", printable(&self.directory), printable(&self.report.server))?;
        for step in &self.steps {
            writeln!(out, "{step}")?;
        }
        for finding in &self.report.findings {
            let style = match finding.severity {
                Severity::Good => GOOD,
                Severity::Odd => ODD,
                Severity::Bad => BAD,
            };
            let mood = name_of(finding.severity);
            let text = printable(&finding.text);
            writeln!(out, "  {style}{mood:<5}{style:#} {:<15} {text}", finding.what)?;
        }
        Ok(())
    }
}

fn name_of(severity: Severity) -> &'static str {
    match severity {
        Severity::Good => "good",
        Severity::Odd => "odd",
        Severity::Bad => "bad",
    }
}
