//! `login`: one real authentication, with every step.

use std::io::{self, BufRead};
use std::time::Duration;

use serde::{Serialize, Serializer};
use serde_json::Value;
use tokio::time::Instant;

use super::control::{Daemon, mention_daemon};
use super::ending::Failure;
use super::finding::{Finding, Severity};
use super::inspection::{Inspection, read_jid, wait_for};
use super::print::print_json;
use super::screen::{BAD, GOOD, ODD, Screen};
use super::steps::{Step, Steps, as_milliseconds, naming_silence};
use super::{build, password_prompt, progress, steps};
use crate::answer::Answer;
use crate::authenticator::Authenticator;
use crate::cli::{GlobalArgs, LoginArgs};
use crate::config;
use crate::deadline::Deadline;
use crate::exit::Code;
use crate::jid::Account;
use crate::listen::settings::ANSWER_WITHIN;
use crate::observe::{advice, milliseconds};
use crate::protocol::control::Order;
use crate::request::Request;
use crate::verdict::{Denial, NO, Outage, Outcome, Verdict, YES};

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
        None => stand_alone(args, given, &account)?,
    };
    if args.json {
        print_json(login.verdict == Verdict::Granted, &login)?;
    } else {
        login.screen().print()?;
    }
    Ok(match login.verdict {
        Verdict::Granted => Code::OK,
        Verdict::Denied(_) => Code::NOPERM,
        Verdict::Unavailable(_) => Code::UNAVAILABLE,
    })
}

/// How a sign-in went.
#[derive(Serialize)]
struct LoginReport {
    jid: String,
    /// The socket of the daemon that was asked.
    daemon: Option<String>,
    #[serde(serialize_with = "as_name")]
    verdict: Verdict,
    reason: &'static str,
    server: Option<String>,
    /// The server's own words.
    detail: Option<Box<str>>,
    /// What to do about it.
    advice: Option<String>,
    #[serde(rename = "ms", serialize_with = "as_milliseconds")]
    took: Duration,
    steps: Vec<Step>,
}

fn as_name<S: Serializer>(verdict: &Verdict, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(verdict.name())
}

/// Signs in as `run` would.
fn stand_alone(
    args: &LoginArgs,
    given: GlobalArgs,
    account: &Account,
) -> Result<LoginReport, Failure> {
    let Inspection { configuration, within } = Inspection::open(given)?;
    let password = read_password(args, account)?;
    let steps = Steps::collect();
    let started = Instant::now();
    let outcome = wait_for(async {
        let authenticator = Authenticator::new(build(configuration, None)?.served);
        let by = Deadline::after(started, within);
        Ok::<_, io::Error>(match Request::typed(account.clone(), &password) {
            Ok(request) => {
                let answer = by.bound(authenticator.answer(&request, by)).await;
                answer.unwrap_or_else(Outcome::from)
            }
            Err(denial) => denial.into(),
        })
    })??;
    let (took, steps) = (started.elapsed(), steps.take());
    let outcome = naming_silence(outcome, &steps);
    Ok(LoginReport { steps, ..LoginReport::new(account, outcome, took) })
}

/// Signs in by the daemon, whose guard counts it.
fn through(daemon: &Daemon, args: &LoginArgs, account: &Account) -> Result<LoginReport, Failure> {
    let password = String::from_utf8(read_password(args, account)?).map_err(|_| {
        Failure::usage("the password is not UTF-8, so that no client could send it".to_owned())
    })?;
    let started = Instant::now();
    let order =
        Order::Login { jid: account.to_string(), password: password.into(), within: ANSWER_WITHIN };
    progress::show("the daemon");
    let answer = daemon.ask(&order, ANSWER_WITHIN * 2);
    progress::clear();
    let answer = answer?;
    let text = |key: &str| answer.get(key).and_then(Value::as_str).unwrap_or_default();
    let verdict = match text("verdict") {
        YES => Verdict::Granted,
        NO => Verdict::Denied(Denial::named(text("reason"))),
        _ => Verdict::Unavailable(Outage::named(text("reason"))),
    };
    let mut outcome = Outcome::from(verdict).with_detail(text("detail"));
    outcome.server = answer.get("server").and_then(Value::as_str).map(Into::into);
    let daemon = Some(daemon.socket().display().to_string());
    Ok(LoginReport { daemon, ..LoginReport::new(account, outcome, started.elapsed()) })
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
    fn new(account: &Account, outcome: Outcome, took: Duration) -> Self {
        let Outcome { verdict, server, detail, .. } = outcome;
        Self {
            jid: account.to_string(),
            daemon: None,
            verdict,
            reason: verdict.reason(),
            server: server.as_deref().map(str::to_owned),
            detail,
            advice: (verdict != Verdict::Granted).then(|| advice(verdict, "login")),
            took,
            steps: Vec::new(),
        }
    }

    fn screen(&self) -> Screen {
        let mut screen = Screen::new();
        if let Some(socket) = &self.daemon {
            screen.note(&format!("the daemon was asked ({socket}); --stand-alone shows each step"));
        }
        steps::show(&mut screen, &self.steps);
        if let Some(advice) = &self.advice {
            let words = [&self.verdict.to_string(), self.detail.as_deref().unwrap_or_default()];
            let words = words.into_iter().filter(|it| !it.is_empty()).collect::<Vec<_>>();
            let text = format!("{}; {advice}", words.join(": "));
            screen.finding(&Finding::new(Severity::Error, "", text));
        }
        let (style, word) = match self.verdict {
            Verdict::Granted => (GOOD, "granted"),
            Verdict::Denied(_) => (BAD, "denied"),
            Verdict::Unavailable(_) => (ODD, "cannot tell"),
        };
        let server = self.server.iter().map(|server| format!(" by {server}")).collect::<String>();
        let ms = milliseconds(self.took);
        screen.verdict(style, word, &format!(": {}{server}, in {ms:.1} ms", self.jid));
        screen
    }
}
