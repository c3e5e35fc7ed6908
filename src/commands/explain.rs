//! `explain`: why a user can or cannot sign in, without a password.

use std::io::{self, Write};
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::control::mention_daemon;
use super::ending::Failure;
use super::inspection::{Inspection, wait_for};
use super::print::{print_json, unless_closed};
use super::screen::{BAD, GOOD, ODD};
use super::steps::{Steps, naming_silence};
use crate::cli::{ExplainArgs, GlobalArgs};
use crate::config;
use crate::config::configuration::Configuration;
use crate::deadline::Deadline;
use crate::directory::Directory;
use crate::directory::domain::{Domain, Memory};
use crate::directory::inspect::explain::{ExplainStep, Explanation, explain_sign_in};
use crate::exit::Code;
use crate::jid::Account;
use crate::observe::advice;
use crate::printable::printable;
use crate::verdict::{Denial, Outcome, Verdict};

/// Takes every step of a sign-in but the bind, and shows which one says no.
///
/// The exit code is 0 if a right password would be accepted, as far as can be seen without it, 77 if
/// not, 69 if nobody could tell.
pub fn explain(args: &ExplainArgs, given: GlobalArgs) -> Result<Code, Failure> {
    mention_daemon(&config::path(given.config.clone()));
    let (account, Inspection { configuration, within }) = Inspection::of(&args.jid, given)?;
    let mut steps = vec![note("domain", account.domainpart().to_owned())];
    if args.jid.rsplit_once('@').is_some_and(|(written, _)| written != account.localpart()) {
        let text = format!("XMPP servers change this name, and ask about {account}");
        steps.push(note("name", text));
    }
    match find(&account, configuration) {
        Ok(domain) => {
            steps.push(note("directory", domain.directory().name().to_owned()));
            steps.extend(ask(&account, &domain, within)?.steps);
        }
        Err(unknown) => steps.push(unknown),
    }
    let explanation = Explanation { steps };
    print(args, &account, &explanation)?;
    Ok(match explanation.refusal().map(|outcome| outcome.verdict) {
        None | Some(Verdict::Granted) => Code::OK,
        Some(Verdict::Denied(_)) => Code::NOPERM,
        Some(Verdict::Unavailable(_)) => Code::UNAVAILABLE,
    })
}

/// The domain of the account; the error is what the user is refused by.
fn find(account: &Account, configuration: Configuration) -> Result<Domain, ExplainStep> {
    let known = configuration.domains().into_keys().collect::<Vec<_>>().join(", ");
    let unknown = || ExplainStep {
        what: "domain",
        text: format!("only these are served: {known}"),
        refusal: Some(Outcome::from(Denial::UnknownDomain)),
    };
    let (settings, rules) = configuration.into_domain(account.domainpart()).ok_or_else(unknown)?;
    Ok(Domain::new(Directory::new(settings).into(), rules, Memory::default()))
}

/// What the directory says about the account, within the time.
fn ask(account: &Account, domain: &Domain, within: Duration) -> io::Result<Explanation> {
    let steps = Steps::collect();
    let by = Deadline::after(Instant::now(), within);
    let mut explanation = wait_for(explain_sign_in(domain, account, by))?;
    let steps = steps.take();
    for step in &mut explanation.steps {
        step.refusal = step.refusal.take().map(|outcome| naming_silence(outcome, &steps));
    }
    Ok(explanation)
}

fn note(what: &'static str, text: String) -> ExplainStep {
    ExplainStep { what, text, refusal: None }
}

fn print(args: &ExplainArgs, account: &Account, explanation: &Explanation) -> io::Result<()> {
    let refusal = explanation.refusal();
    if !args.json {
        return unless_closed(print_for_people(&explanation.steps, refusal));
    }
    print_json(
        refusal.is_none(),
        json!({
            "jid": account.to_string(),
            "could_sign_in": refusal.is_none(),
            "reason": refusal.map(|outcome| outcome.verdict.reason()),
            "steps": explanation.steps.iter().map(to_json).collect::<Vec<_>>(),
        }),
    )
}

fn to_json(step: &ExplainStep) -> serde_json::Value {
    let refusal = step.refusal.as_ref();
    json!({
        "step": step.what,
        "text": step.text,
        "verdict": refusal.map(|outcome| outcome.verdict.name()),
        "reason": refusal.map(|outcome| outcome.verdict.reason()),
        "server": refusal.and_then(|outcome| outcome.server.as_deref()),
        "detail": refusal.and_then(|outcome| outcome.detail.as_deref()),
    })
}

fn print_for_people(steps: &[ExplainStep], refusal: Option<&Outcome>) -> io::Result<()> {
    let mut out = anstream::stdout();
    for step in steps {
        write!(out, "{:<14} {}", step.what, printable(&step.text))?;
        if let Some(outcome) = &step.refusal {
            let style = if matches!(outcome.verdict, Verdict::Denied(_)) { BAD } else { ODD };
            write!(out, "  {style}{}{style:#}", outcome.verdict)?;
            if let Some(detail) = &outcome.detail {
                write!(out, "  {}", printable(detail))?;
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
            let (style, text) = match outcome.verdict {
                Verdict::Unavailable(_) => (ODD, "nobody can tell whether this user can sign in"),
                _ => (BAD, "this user cannot sign in"),
            };
            writeln!(out, "{style}{text}{style:#}: {}", outcome.verdict)?;
            writeln!(out, "{:<14} {}", "", advice(outcome.verdict, "explain"))
        }
    }
}
