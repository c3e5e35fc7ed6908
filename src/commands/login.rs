//! `login`: one real authentication, with every step.

use std::io::{self, BufRead, Write};
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::build;
use super::ending::Failure;
use super::inspection::{Inspection, wait_for};
use super::print::{BAD, GOOD, ODD, print_json, unless_closed};
use super::steps::{Step, Steps};
use crate::answer::Answer;
use crate::authenticator::Authenticator;
use crate::cli::{Given, LoginArgs};
use crate::deadline::Deadline;
use crate::exit::Code;
use crate::jid::Account;
use crate::observe::{advice, milliseconds};
use crate::printable::printable;
use crate::request::Request;
use crate::verdict::{Outcome, Verdict};

/// Asks for a password, tries it as `run` would, and shows how that went.
///
/// The exit code is 0 if the password was accepted, 77 if not, 69 if nobody could tell.
pub fn login(args: &LoginArgs, given: Given) -> Result<Code, Failure> {
    let (account, Inspection { configuration, within }) = Inspection::of(&args.jid, given)?;
    let password = read_password(args, &account)?;

    let steps = Steps::collect();
    let started = Instant::now();
    let outcome = wait_for(async {
        let authenticator = Authenticator::new(build(configuration, None)?.served);
        let by = Deadline::after(started, within);
        Ok::<_, io::Error>(match Request::typed(account, &password) {
            Ok(request) => {
                let answer = by.bound(authenticator.answer(&request, by)).await;
                answer.unwrap_or_else(Outcome::from)
            }
            Err(denial) => denial.into(),
        })
    })??;
    let took = started.elapsed();

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
        Verdict::Granted => Code::OK,
        Verdict::Denied(_) => Code::NOPERM,
        Verdict::Unavailable(_) => Code::UNAVAILABLE,
    })
}

/// The password as it is typed, or the first line of standard input; its end is no part of it.
fn read_password(args: &LoginArgs, account: &Account) -> Result<Vec<u8>, Failure> {
    if !args.password_stdin {
        let typed = rpassword::prompt_password(format!("Password of {account}: "));
        return typed.map(String::into_bytes).map_err(|error| {
            let text = "there is no terminal to ask for the password at; use --password-stdin";
            Failure::Io(format!("{text}: {error}"))
        });
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
