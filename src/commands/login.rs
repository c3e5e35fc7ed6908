//! `login`: one real authentication, with every step.

use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::control::{Daemon, mention_daemon};
use super::ending::Failure;
use super::inspection::{Inspection, read_jid, wait_for};
use super::print::{print_json, unless_closed};
use super::screen::{BAD, GOOD, ODD};
use super::steps::{Step, Steps, naming_silence};
use super::{build, password_prompt};
use crate::answer::Answer;
use crate::authenticator::Authenticator;
use crate::cli::{GlobalArgs, LoginArgs};
use crate::config;
use crate::deadline::Deadline;
use crate::exit::Code;
use crate::jid::Account;
use crate::observe::{advice, milliseconds};
use crate::printable::printable;
use crate::protocol::control::Order;
use crate::request::Request;
use crate::verdict::{Denial, NO, Outage, Outcome, Verdict, YES};

/// How long a daemon may work on a sign-in; its listener may say less.
const DAEMON_WITHIN: Duration = Duration::from_secs(25);

/// Asks for a password, tries it by the daemon if one runs here, else as `run` would, and shows how
/// that went.
///
/// The exit code is 0 if the password was accepted, 77 if not, 69 if nobody could tell.
pub fn login(args: &LoginArgs, given: GlobalArgs) -> Result<Code, Failure> {
    let account = read_jid(&args.jid)?;
    let daemon = if args.stand_alone {
        mention_daemon(&config::path(given.config.clone()));
        None
    } else {
        Daemon::find(&config::path(given.config.clone()))?
    };
    let login = match daemon {
        Some(daemon) => through(&daemon, args, &account)?,
        None => stand_alone(args, given, account)?,
    };
    if args.json {
        print_json(login.outcome.verdict == Verdict::Granted, login.to_json(&args.jid))?;
    } else {
        unless_closed(login.print())?;
    }
    let outcome = login.outcome;
    Ok(match outcome.verdict {
        Verdict::Granted => Code::OK,
        Verdict::Denied(_) => Code::NOPERM,
        Verdict::Unavailable(_) => Code::UNAVAILABLE,
    })
}

/// How a sign-in went.
struct LoginReport {
    outcome: Outcome,
    took: Duration,
    steps: Vec<Step>,
    /// The socket of the daemon that was asked.
    daemon: Option<PathBuf>,
}

/// Signs in as `run` would.
fn stand_alone(
    args: &LoginArgs,
    given: GlobalArgs,
    account: Account,
) -> Result<LoginReport, Failure> {
    let Inspection { configuration, within } = Inspection::open(given)?;
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
    let (took, steps) = (started.elapsed(), steps.take());
    let outcome = naming_silence(outcome, &steps);
    Ok(LoginReport { outcome, took, steps, daemon: None })
}

/// Signs in by the daemon, whose guard counts it.
fn through(daemon: &Daemon, args: &LoginArgs, account: &Account) -> Result<LoginReport, Failure> {
    let socket = daemon.socket().to_owned();
    let password = String::from_utf8(read_password(args, account)?).map_err(|_| {
        Failure::usage("the password is not UTF-8, so that no client could send it".to_owned())
    })?;
    let started = Instant::now();
    let order =
        Order::Login { jid: account.to_string(), password: password.into(), within: DAEMON_WITHIN };
    let answer = daemon.ask(&order, DAEMON_WITHIN * 2)?;
    let text = |key: &str| answer.get(key).and_then(Value::as_str).unwrap_or_default();
    let verdict = match text("verdict") {
        YES => Verdict::Granted,
        NO => Verdict::Denied(Denial::named(text("reason"))),
        _ => Verdict::Unavailable(Outage::named(text("reason"))),
    };
    let mut outcome = Outcome::from(verdict).with_detail(text("detail"));
    outcome.server = answer.get("server").and_then(Value::as_str).map(Into::into);
    Ok(LoginReport { outcome, took: started.elapsed(), steps: Vec::new(), daemon: Some(socket) })
}

/// The password as it is typed, or the first line of standard input; its end is no part of it.
fn read_password(args: &LoginArgs, account: &Account) -> Result<Vec<u8>, Failure> {
    if !args.password_stdin {
        let question = format!("Password of {account}: ");
        return password_prompt::ask(&question).map_err(|error| {
            let text = "there is no terminal to ask for the password at; use --password-stdin";
            Failure::io(format!("{text}: {error}"))
        });
    }
    let mut line = Vec::new();
    io::stdin().lock().read_until(b'\n', &mut line)?;
    if line.pop_if(|byte| *byte == b'\n').is_some() {
        line.pop_if(|byte| *byte == b'\r');
    }
    Ok(line)
}

impl LoginReport {
    fn to_json(&self, jid: &str) -> Value {
        let Self { outcome, took, steps, daemon } = self;
        json!({
            "jid": jid,
            "daemon": daemon.as_ref().map(|socket| socket.display().to_string()),
            "verdict": outcome.verdict.name(),
            "reason": outcome.verdict.reason(),
            "server": outcome.server.as_deref(),
            "detail": outcome.detail.as_deref(),
            "ms": milliseconds(*took),
            "steps": steps.iter().map(Step::to_json).collect::<Vec<_>>(),
        })
    }

    fn print(&self) -> io::Result<()> {
        let Self { outcome, took, steps, daemon } = self;
        let mut out = anstream::stdout();
        if let Some(socket) = daemon {
            let socket = socket.display();
            writeln!(out, "the daemon was asked ({socket}); --stand-alone shows each step")?;
        }
        for step in steps {
            writeln!(out, "{step}")?;
        }
        let style = match outcome.verdict {
            Verdict::Granted => GOOD,
            Verdict::Denied(_) => BAD,
            Verdict::Unavailable(_) => ODD,
        };
        write!(out, "{:>9.1} ms  {style}{}{style:#}", milliseconds(*took), outcome.verdict)?;
        match &outcome.detail {
            Some(detail) => writeln!(out, "  {}", printable(detail))?,
            None => writeln!(out)?,
        }
        if outcome.verdict != Verdict::Granted {
            writeln!(out, "{:>14}{}", "", advice(outcome.verdict, "login"))?;
        }
        Ok(())
    }
}
