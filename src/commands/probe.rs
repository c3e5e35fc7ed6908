//! `probe`: what every server is, and whether the configuration fits it.

use std::io::{self, Write};
use std::path::PathBuf;

use serde_json::json;
use tokio::time::Instant;

use super::steps::{Step, Steps};
use super::{BAD, Failure, GOOD, ODD, load, print_json, runtime};
use crate::cli::ProbeArgs;
use crate::config::Directories;
use crate::deadline::Deadline;
use crate::directory::domain::Rules;
use crate::directory::ldap::LdapDirectory;
use crate::directory::probe::{Mood, Report};
use crate::exit;
use crate::protocol::dialect::Dialect;

/// What one server was asked and answered.
struct Probed {
    directory: String,
    report: Report,
    steps: Vec<Step>,
}

/// Asks every server of the configuration.
///
/// The exit code is 0 if everything that is configured can work, 69 if not.
pub fn probe(
    args: &ProbeArgs,
    config: Option<PathBuf>,
    caller: Option<Dialect>,
) -> anyhow::Result<u8> {
    let config = load(config, caller, Some(Dialect::Prosody));
    let directories = config.directories.map_err(Failure::config)?;
    if let Some(unknown) =
        args.directories.iter().find(|name| !directories.settings.contains_key(*name))
    {
        let text = format!("there is no [directory.{unknown}] in the configuration");
        return Err(anyhow::Error::new(Failure(exit::USAGE)).context(text));
    }
    let runtime = runtime()?;
    let steps = Steps::collect();
    let within = config.caller.terms.answer_within;
    let probed = runtime.block_on(async {
        let mut probed = Vec::new();
        let Directories { settings, domains, .. } = directories;
        for (name, settings) in settings {
            if !args.directories.is_empty() && !args.directories.contains(&name) {
                continue;
            }
            let rules: Vec<(&str, &Rules)> = domains
                .iter()
                .filter(|(_, served)| served.directory == name && served.rules.alias_of.is_none())
                .map(|(domain, served)| (domain.as_str(), &served.rules))
                .collect();
            let directory = LdapDirectory::new(settings);
            let mut reports = Vec::new();
            let (servers, fault) = directory.servers().await;
            let fault = fault.map(Report::no_server);
            reports.extend(fault.map(|report| (report, steps.take())));
            for server in servers {
                let by = Deadline::after(Instant::now(), within);
                reports.push((directory.probe(&server, &rules, by).await, steps.take()));
            }
            reports.extend(
                directory
                    .probe_writer(Deadline::after(Instant::now(), within))
                    .await
                    .map(|report| (report, steps.take())),
            );
            for (report, steps) in reports {
                probed.push(Probed { directory: name.clone(), report, steps });
            }
        }
        probed
    });
    runtime.shutdown_background();
    let is_good = !probed.iter().any(|probed| probed.report.is_bad());
    if args.json {
        let servers = probed.iter().map(Probed::to_json).collect::<Vec<_>>();
        print_json(&json!({ "ok": is_good, "servers": servers }));
    } else {
        let mut out = anstream::stdout();
        probed.iter().try_for_each(|probed| probed.print(&mut out))?;
    }
    Ok(if is_good { exit::OK } else { exit::UNAVAILABLE })
}

impl Probed {
    fn to_json(&self) -> serde_json::Value {
        let finding = |finding: &crate::directory::probe::Finding| json!({ "what": finding.what, "text": finding.text, "mood": name_of(finding.mood) });
        json!({
            "directory": self.directory,
            "server": &*self.report.server,
            "ok": !self.report.is_bad(),
            "findings": self.report.findings.iter().map(finding).collect::<Vec<_>>(),
            "steps": self.steps.iter().map(Step::to_json).collect::<Vec<_>>(),
        })
    }

    fn print(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{}  {}", self.directory, self.report.server)?;
        for step in &self.steps {
            writeln!(out, "{step}")?;
        }
        for finding in &self.report.findings {
            let style = match finding.mood {
                Mood::Good => GOOD,
                Mood::Odd => ODD,
                Mood::Bad => BAD,
            };
            let mood = name_of(finding.mood);
            writeln!(out, "  {style}{mood:<5}{style:#} {:<15} {}", finding.what, finding.text)?;
        }
        Ok(())
    }
}

fn name_of(mood: Mood) -> &'static str {
    match mood {
        Mood::Good => "good",
        Mood::Odd => "odd",
        Mood::Bad => "bad",
    }
}
