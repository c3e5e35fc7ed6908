//! `login`: one real authentication, with every step.

use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use serde_json::json;
use tokio::time::Instant;

use super::steps::{Step, Steps};
use super::{BAD, GOOD, ODD, build, load_for_person, print_json, read_jid, runtime, unless_closed};
use crate::answer::Answer;
use crate::authenticator::Authenticator;
use crate::cli::LoginArgs;
use crate::deadline::Deadline;
use crate::exit;
use crate::jid::Account;
use crate::observe::{advice, milliseconds};
use crate::printable::printable;
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
    let (startup, configuration) = load_for_person(config, caller)?;
    let password = read_password(args, &account)?;

    let steps = Steps::collect();
    let runtime = runtime()?;
    let started = Instant::now();
    let outcome = runtime.block_on(async {
        let authenticator = Authenticator::new(build(configuration, None)?.served);
        let by = Deadline::after(started, startup.caller.terms.answer_within);
        Ok::<_, io::Error>(match Request::typed(account, &password) {
            Ok(request) => {
                let answer = by.bound(authenticator.answer(&request, by)).await;
                answer.unwrap_or_else(Outcome::from)
            }
            Err(denial) => denial.into(),
        })
    })?;
    let took = started.elapsed();
    runtime.shutdown_background();

    let steps = steps.take();
    if args.json {
        print_json(&json!({
            "jid": args.jid,
            "verdict": outcome.verdict.name(),
            "reason": outcome.verdict.reason(),
            "server": outcome.server.as_deref(),
            "detail": outcome.detail.as_deref(),
            "ms": milliseconds(took),
            "steps": steps.iter().map(Step::to_json).collect::<Vec<_>>(),
        }));
    } else {
        unless_closed(print_for_people(&outcome, took, &steps))?;
    }
    Ok(match outcome.verdict {
        Verdict::Granted => exit::OK,
        Verdict::Denied(_) => exit::NOPERM,
        Verdict::Unavailable(_) => exit::UNAVAILABLE,
    })
}

/// The password as it is typed, or the first line of standard input; its end is no part of it.
fn read_password(args: &LoginArgs, account: &Account) -> anyhow::Result<Vec<u8>> {
    if !args.password_stdin {
        let typed = rpassword::prompt_password(format!("Password of {account}: "))
            .context("there is no terminal to ask for the password at; use --password-stdin")?;
        return Ok(typed.into_bytes());
    }
    let mut line = Vec::new();
    io::stdin().lock().read_until(b'\n', &mut line)?;
    if line.pop_if(|byte| *byte == b'\n').is_some() {
        line.pop_if(|byte| *byte == b'\r');
    }
    Ok(line)
}

fn print_for_people(outcome: &Outcome, took: Duration, steps: &[Step]) -> io::Result<()> {
    let mut out = anstream::stdout();
    for step in steps {
        writeln!(out, "{step}")?;
    }
    let style = match outcome.verdict {
        Verdict::Granted => GOOD,
        Verdict::Denied(_) => BAD,
        Verdict::Unavailable(_) => ODD,
    };
    write!(out, "{:>9.1} ms  {style}{}{style:#}", milliseconds(took), outcome.verdict)?;
    match &outcome.detail {
        Some(detail) => writeln!(out, "  {}", printable(detail))?,
        None => writeln!(out)?,
    }
    if outcome.verdict != Verdict::Granted {
        writeln!(out, "{:>14}{}", "", advice(outcome.verdict, "login"))?;
    }
    Ok(())
}
