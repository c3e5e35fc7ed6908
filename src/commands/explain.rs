//! `explain`: why a user can or cannot sign in, without a password.

use std::io::{self, Write};
use std::path::PathBuf;

use serde_json::json;
use tokio::time::Instant;

use super::{BAD, Failure, GOOD, ODD, load, print_json, read_jid, runtime};
use crate::cli::ExplainArgs;
use crate::deadline::Deadline;
use crate::directory::domain::{Domain, Memory};
use crate::directory::explain::{Explanation, Finding};
use crate::directory::ldap::LdapDirectory;
use crate::exit;
use crate::protocol::dialect::Dialect;
use crate::verdict::{Denial, Outcome, Verdict};

/// Takes every step of a sign-in but the bind, and shows which one says no.
///
/// The exit code is 0 if a right password would be accepted, as far as can be seen without it, 77 if
/// not, 69 if nobody could tell.
pub fn explain(
    args: &ExplainArgs,
    config: Option<PathBuf>,
    caller: Option<Dialect>,
) -> anyhow::Result<u8> {
    let account = read_jid(&args.jid)?;
    let config = load(config, caller, Some(Dialect::Prosody));
    let directories = config.directories.map_err(Failure::config)?;
    let mut findings = vec![note("domain", account.domainpart().to_owned())];
    let mut refusal = None;
    match directories.domains.get(account.domainpart()) {
        None => {
            let known: Vec<&str> = directories.domains.keys().map(String::as_str).collect();
            let outcome = Outcome::from(Denial::UnknownDomain);
            refusal = Some(outcome.clone());
            findings.push(Finding {
                step: "domain",
                text: format!("only these are served: {}", known.join(", ")),
                refusal: Some(outcome),
            });
        }
        Some(served) => {
            findings.push(note("directory", served.directory.clone()));
            let served = served.clone();
            let settings = directories
                .settings
                .into_iter()
                .find(|(name, _)| *name == served.directory)
                .map(|(_, settings)| settings);
            if let Some(settings) = settings {
                let domain = Domain::new(
                    LdapDirectory::new(settings).into(),
                    served.rules,
                    Memory::default(),
                );
                let by = Deadline::after(Instant::now(), config.caller.terms.answer_within);
                let runtime = runtime()?;
                let told = runtime.block_on(async {
                    by.bound(domain.explain(&account, by)).await.unwrap_or_else(|elapsed| {
                        let text = "no answer in time".to_owned();
                        let refusal = Some(elapsed.into());
                        Explanation { findings: vec![Finding { step: "entry", text, refusal }] }
                    })
                });
                runtime.shutdown_background();
                refusal = told.refusal().cloned();
                findings.extend(told.findings);
            }
        }
    }
    if args.json {
        print_json(&json!({
            "jid": account.to_string(),
            "could_sign_in": refusal.is_none(),
            "reason": refusal.as_ref().map(|outcome| outcome.verdict.reason()),
            "steps": findings.iter().map(to_json).collect::<Vec<_>>(),
        }));
    } else {
        print_for_people(&findings, refusal.as_ref())?;
    }
    Ok(match refusal.map(|outcome| outcome.verdict) {
        None | Some(Verdict::Granted) => exit::OK,
        Some(Verdict::Denied(_)) => exit::NOPERM,
        Some(Verdict::Unavailable(_)) => exit::UNAVAILABLE,
    })
}

fn note(step: &'static str, text: String) -> Finding {
    Finding { step, text, refusal: None }
}

fn to_json(finding: &Finding) -> serde_json::Value {
    let refusal = finding.refusal.as_ref();
    json!({
        "step": finding.step,
        "text": finding.text,
        "verdict": refusal.map(|outcome| outcome.verdict.name()),
        "reason": refusal.map(|outcome| outcome.verdict.reason()),
        "server": refusal.and_then(|outcome| outcome.server.as_deref()),
        "detail": refusal.and_then(|outcome| outcome.detail.as_deref()),
    })
}

fn print_for_people(findings: &[Finding], refusal: Option<&Outcome>) -> io::Result<()> {
    let mut out = anstream::stdout();
    for finding in findings {
        write!(out, "{:<14} {}", finding.step, finding.text)?;
        if let Some(outcome) = &finding.refusal {
            let style = if matches!(outcome.verdict, Verdict::Denied(_)) { BAD } else { ODD };
            write!(out, "  {style}{}{style:#}", outcome.verdict)?;
            if let Some(detail) = &outcome.detail {
                write!(out, "  {detail}")?;
            }
        }
        writeln!(out)?;
    }
    match refusal {
        None => writeln!(
            out,
            "{GOOD}the right password would be accepted{GOOD:#}, as far as can be seen without it"
        ),
        Some(outcome) => {
            writeln!(out, "{BAD}this user cannot sign in{BAD:#}: {}", outcome.verdict)?;
            writeln!(out, "{:<14} {}", "", outcome.verdict.advice())
        }
    }
}
