//! `explain`: why a user can or cannot sign in, without a password.

use std::io;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::control::mention_daemon;
use super::ending::Failure;
use super::finding::{Finding, Severity};
use super::inspection::{Inspection, wait_for};
use super::print::print_json;
use super::screen::{BAD, GOOD, ODD, Screen};
use super::steps::{Steps, naming_silence};
use crate::cli::{ExplainArgs, GlobalArgs};
use crate::config;
use crate::config::configuration::Configuration;
use crate::deadline::Deadline;
use crate::directory::Directory;
use crate::directory::domain::{Domain, DomainMemory};
use crate::directory::inspect::explain::{ExplainStep, Explanation, explain_sign_in};
use crate::exit::Code;
use crate::jid::Account;
use crate::observe::advice;
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
    if args.json {
        let is_good = explanation.refusal().is_none();
        print_json(is_good, Explained::new(&account, &explanation))?;
    } else {
        screen(&explanation).print()?;
    }
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
    Ok(Domain::new(Directory::new(settings).into(), rules, DomainMemory::default()))
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

/// What is shown of it.
#[derive(Serialize)]
struct Explained<'a> {
    jid: String,
    could_sign_in: Option<bool>,
    reason: Option<&'static str>,
    advice: Option<String>,
    steps: Vec<ExplainedStep<'a>>,
}

#[derive(Serialize)]
struct ExplainedStep<'a> {
    step: &'static str,
    text: &'a str,
    /// How a sign-in would end here, if it would.
    verdict: Option<&'static str>,
    reason: Option<&'static str>,
    server: Option<&'a str>,
    detail: Option<&'a str>,
}

impl<'a> Explained<'a> {
    fn new(account: &Account, explanation: &'a Explanation) -> Self {
        let refusal = explanation.refusal().map(|outcome| outcome.verdict);
        Self {
            jid: account.to_string(),
            could_sign_in: match refusal {
                None | Some(Verdict::Granted) => Some(true),
                Some(Verdict::Denied(_)) => Some(false),
                Some(Verdict::Unavailable(_)) => None,
            },
            reason: refusal.map(Verdict::reason),
            advice: refusal.map(|verdict| advice(verdict, "explain")),
            steps: explanation.steps.iter().map(ExplainedStep::new).collect(),
        }
    }
}

impl<'a> ExplainedStep<'a> {
    fn new(ExplainStep { what, text, refusal }: &'a ExplainStep) -> Self {
        let refusal = refusal.as_ref();
        Self {
            step: what,
            text,
            verdict: refusal.map(|outcome| outcome.verdict.name()),
            reason: refusal.map(|outcome| outcome.verdict.reason()),
            server: refusal.and_then(|outcome| outcome.server.as_deref()),
            detail: refusal.and_then(|outcome| outcome.detail.as_deref()),
        }
    }
}

fn screen(explanation: &Explanation) -> Screen {
    let mut screen = Screen::new();
    let column = explanation.steps.iter().map(|step| step.what.len()).max().unwrap_or_default();
    let mut is_first = true;
    for ExplainStep { what, text, refusal } in &explanation.steps {
        screen.row(column, what, text, "");
        let Some(outcome) = refusal else { continue };
        let advice = match is_first {
            true => format!("; {}", advice(outcome.verdict, "explain")),
            false => String::new(),
        };
        is_first = false;
        let text = format!("{outcome}{advice}");
        screen.finding(&Finding::new(Severity::Error, what, text));
    }
    match explanation.refusal().map(|outcome| outcome.verdict) {
        None => screen.verdict(
            GOOD,
            "the right password would be accepted",
            ", as far as can be seen without it",
        ),
        Some(verdict @ Verdict::Unavailable(_)) => screen.verdict(
            ODD,
            "nobody can tell whether this user can sign in",
            &format!(": {verdict}"),
        ),
        Some(verdict) => screen.verdict(BAD, "this user cannot sign in", &format!(": {verdict}")),
    }
    screen
}
