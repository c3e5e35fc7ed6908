//! `login`: one real authentication, with every step.

use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use secrecy::SecretString;
use serde_json::json;
use tokio::time::Instant;
use tracing::field::{Field, Visit};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::Registry;

use super::{BAD, Failure, GOOD, ODD, build, print_json, read_jid, runtime};
use crate::cli::LoginArgs;
use crate::config::{self, Config};
use crate::deadline::Deadline;
use crate::exit;
use crate::jid::Account;
use crate::observe::STEP;
use crate::protocol::dialect::Dialect;
use crate::request::Request;
use crate::verdict::{Outcome, Verdict};

/// Asks for a password, tries it as `run` would, and shows how that went.
///
/// The exit code is 0 if the password was accepted, 77 if not, 69 if nobody could tell.
pub fn login(
    args: &LoginArgs,
    config: Option<PathBuf>,
    caller: Option<Dialect>,
) -> anyhow::Result<u8> {
    let account = read_jid(&args.jid)?;
    let config = Config::load(&config::path(config), caller, Some(Dialect::Prosody));
    let directories = config.directories.map_err(Failure::config)?;
    let password = read_password(args, &account)?;

    let steps = Steps::default();
    let _ = tracing::subscriber::set_global_default(Registry::default().with(steps.clone()));
    let runtime = runtime()?;
    let started = Instant::now();
    let outcome = runtime.block_on(async {
        let (_, authenticator) = build(directories);
        let request = Request::Auth { account: Arc::new(account), password };
        let by = Deadline::after(started, config.caller.terms.answer_within);
        by.bound(authenticator.answer(&request, by)).await.unwrap_or_else(Outcome::from)
    });
    let us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    runtime.shutdown_background();

    let steps = steps.0.lock().unwrap_or_else(PoisonError::into_inner);
    if args.json {
        print_json(&json!({
            "jid": args.jid,
            "verdict": outcome.verdict.name(),
            "reason": outcome.verdict.reason(),
            "server": outcome.server.as_deref(),
            "detail": outcome.detail.as_deref(),
            "ms": milliseconds(us),
            "steps": steps.iter().map(Step::to_json).collect::<Vec<_>>(),
        }));
    } else {
        print_for_people(&outcome, us, &steps)?;
    }
    Ok(match outcome.verdict {
        Verdict::Granted => exit::OK,
        Verdict::Denied(_) => exit::NOPERM,
        Verdict::Unavailable(_) => exit::UNAVAILABLE,
    })
}

fn read_password(args: &LoginArgs, account: &Account) -> anyhow::Result<SecretString> {
    if !args.password_stdin {
        return Ok(rpassword::prompt_password(format!("Password of {account}: "))?.into());
    }
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(line.strip_suffix('\n').unwrap_or(&line).into())
}

fn print_for_people(outcome: &Outcome, us: u64, steps: &[Step]) -> io::Result<()> {
    let mut out = anstream::stdout();
    for step in steps {
        writeln!(
            out,
            "{:>9.1} ms  {:<17} {}  {}",
            milliseconds(step.us),
            step.step,
            step.server,
            step.result
        )?;
    }
    let style = match outcome.verdict {
        Verdict::Granted => GOOD,
        Verdict::Denied(_) => BAD,
        Verdict::Unavailable(_) => ODD,
    };
    write!(out, "{:>9.1} ms  {style}{}{style:#}", milliseconds(us), outcome.verdict)?;
    match &outcome.detail {
        Some(detail) => writeln!(out, "  {detail}")?,
        None => writeln!(out)?,
    }
    if outcome.verdict != Verdict::Granted {
        writeln!(out, "{:>14}{}", "", outcome.verdict.advice())?;
    }
    Ok(())
}

/// To the tenth; a finer number would only look exact.
#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "no wait is 2^52 microseconds long"
)]
fn milliseconds(us: u64) -> f64 {
    (us as f64 / 100.0).round() / 10.0
}

/// One step of an authentication, as the directory told of it.
#[derive(Debug, Default)]
struct Step {
    step: String,
    server: String,
    result: String,
    us: u64,
}

impl Step {
    fn to_json(&self) -> serde_json::Value {
        json!({ "step": self.step, "server": self.server, "result": self.result, "ms": milliseconds(self.us) })
    }
}

impl Visit for Step {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "us" {
            self.us = value;
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "step" => self.step = value.to_owned(),
            "result" => self.result = value.to_owned(),
            _ => {}
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "server" {
            self.server = format!("{value:?}");
        }
    }
}

/// Collects the steps that the directory tells of.
#[derive(Clone, Debug, Default)]
struct Steps(Arc<Mutex<Vec<Step>>>);

impl<S: tracing::Subscriber> Layer<S> for Steps {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == STEP {
            let mut step = Step::default();
            event.record(&mut step);
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(step);
        }
    }
}
