//! `check`: what is wrong with the configuration, and what to mind on the caller's side.

mod callers;
mod ejabberd;
mod ejabberd_advice;
mod findings;
mod included;
mod lua;
mod macros;
mod own_configuration;
mod program;
mod prosody;
mod prosody_advice;
mod user;
mod yaml;

use std::path::Path;

use serde::Serialize;

use self::callers::Callers;
use self::own_configuration::OwnConfiguration;
use super::ending::Failure;
use super::finding::{Finding, Severity, counted};
use super::print::print_json;
use super::screen::{BAD, GOOD, Screen};
use crate::cli::{CheckArgs, GlobalArgs};
use crate::config::configuration::Configuration;
use crate::config::effective::{Effective, EffectiveValue, Origin, Subject};
use crate::config::problem::{Problem, Problems};
use crate::config::startup::{Caller, Startup};
use crate::config::{self, Reading};
use crate::exit::Code;
use crate::observe::logger;
use crate::peer::Peer;
use crate::protocol::dialect::Dialect;

/// Whom README and the packages make for the daemon.
const DAEMON_USER: &str = "xmpp-ldap-auth";

/// What `check` has to say.
#[derive(Debug, Serialize)]
struct Checked<'a> {
    file: String,
    /// As whom.
    user: String,
    findings: Vec<Finding>,
    /// Where the log of the process goes that the caller starts.
    log: String,
    values: Vec<CheckedValue<'a>>,
    #[serde(skip)]
    is_log_written: bool,
    #[serde(skip)]
    is_right: bool,
}

/// A value, and what it is said of.
#[derive(Debug, Serialize)]
struct CheckedValue<'a> {
    /// `directory`, `domain` or `process`.
    of: &'static str,
    /// Which directory or domain.
    name: Option<&'a str>,
    #[serde(flatten)]
    value: &'a EffectiveValue,
}

/// Reads the configuration and everything that it names, and prints what is wrong with it, what
/// deserves a look, and what it comes to.
///
/// The exit code is 0 if `run` would serve, and nothing on the XMPP server's side keeps its users out;
/// 78 if not.
pub fn check(args: &CheckArgs, given: GlobalArgs) -> Result<Code, Failure> {
    let path = config::path(given.config);
    let callers = Callers::read(args.ejabberd.as_deref(), args.prosody.as_deref());
    args.as_user.as_deref().map_or(Ok(()), user::become_user)?;
    let (user, is_root) = user::user();
    let (reading, is_of_daemon) = read(&path, given.caller, &callers, &user);
    let mut findings = of_configuration(&path, &reading);
    match &reading.configuration {
        Ok(configuration) if is_of_daemon => {
            let hint = configuration.policy.daemon_hint();
            findings.extend(hint.map(|text| Finding::new(Severity::Hint, "", text)));
        }
        Ok(configuration) if !callers.are_given() => {
            findings.extend(hints(&reading.startup, configuration));
        }
        _ => {}
    }
    findings.extend(callers.judge(OwnConfiguration {
        path: &path,
        reading: &reading,
        is_of_daemon,
    }));
    if is_root && reading.configuration.is_ok() {
        let text = "checked as root, who may read everything: add --as-user with the user that runs this program";
        findings.push(Finding::new(Severity::Hint, "", text));
    }
    let (log, is_log_written) = log_place(&reading.startup);
    if !is_log_written && reading.configuration.is_ok() {
        let text = format!("the log will go to {log}");
        findings.push(Finding::new(Severity::Remark, "log.target", text));
    }
    let effective = reading.configuration.as_ref().ok().map(|it| &it.effective);
    let checked = Checked {
        file: path.display().to_string(),
        user,
        log,
        is_log_written,
        values: effective.into_iter().flat_map(Effective::iter).flat_map(values_of).collect(),
        is_right: findings.iter().all(|finding| finding.severity != Severity::Error),
        findings,
    };
    if args.json {
        print_json(checked.is_right, &checked)?;
    } else {
        checked.screen(args.all).print()?;
    }
    Ok(if checked.is_right { Code::OK } else { Code::CONFIG })
}

/// Reads the configuration, and whether it is a daemon's, as this user looks at it.
fn read(path: &Path, caller: Option<Dialect>, callers: &Callers, user: &str) -> (Reading, bool) {
    let reading = config::load(path, caller, None);
    if reading.startup.caller.terms.dialect != Dialect::Unnamed {
        return (reading, false);
    }
    if !reading.listeners.is_empty() || user == DAEMON_USER {
        // As the daemon reads it, which serves any.
        let mut reading = config::load(path, Some(Dialect::Ejabberd), None);
        if let Ok(configuration) = &mut reading.configuration {
            configuration.effective.forget(&Subject::Process, "caller");
        }
        return (reading, true);
    }
    // As `run` does where it is asked by the one caller that it can tell by itself.
    let mut reading = config::load(path, caller, callers.dialect().or(Some(Dialect::Prosody)));
    if reading.configuration.is_ok() && !callers.are_given() {
        let text = "Prosody alone is known by its terminal, so this is checked for it, unless it is the daemon's; for any other, write caller = \"ejabberd\" or \"mongooseim\"";
        reading.remarks.push(Problem::nowhere("caller", text));
    }
    (reading, false)
}

/// What is wrong with a configuration, and what deserves a look.
fn of_configuration(path: &Path, reading: &Reading) -> Vec<Finding> {
    let problems = reading.configuration.as_ref().err().into_iter().flat_map(Problems::iter);
    let wrong = problems.map(|it| (Severity::Error, it));
    let odd = reading.remarks.iter().map(|it| (Severity::Remark, it));
    wrong.chain(odd).map(|(severity, it)| Finding::of_problem(severity, path, it)).collect()
}

fn values_of<'a>(
    (subject, values): (&'a Subject, &'a [EffectiveValue]),
) -> impl Iterator<Item = CheckedValue<'a>> {
    let (of, name) = match subject {
        Subject::Directory(name) => ("directory", Some(&**name)),
        Subject::Domain(name) => ("domain", Some(&**name)),
        Subject::Process => ("process", None),
    };
    values.iter().map(move |value| CheckedValue { of, name, value })
}

impl Checked<'_> {
    fn screen(&self, all: bool) -> Screen {
        let mut screen = Screen::new();
        let (shown, hidden): (Vec<_>, Vec<_>) =
            self.values.iter().partition(|it| all || it.value.origin != Origin::Default);
        let column = shown.iter().map(|it| it.value.key.len()).max().unwrap_or_default();
        let mut about = None;
        for CheckedValue { of, name, value } in shown {
            if about.replace((of, name)) != Some((of, name)) {
                screen.heading(&match name {
                    Some(name) => format!("{of} {name}"),
                    None => (*of).to_owned(),
                });
            }
            let origin = match value.origin {
                Origin::File => String::new(),
                origin => format!("({origin})"),
            };
            screen.row(column, &value.key, &value.text, &origin);
        }
        if !hidden.is_empty() {
            screen.note(&format!("and {} defaults, which --all shows", hidden.len()));
        }
        if !self.values.is_empty() && self.is_log_written {
            screen.note(&format!("the log will go to {}", self.log));
        }
        screen.findings(&self.findings);
        let (file, counted) = (&self.file, counted(&self.findings));
        match self.is_right {
            true => screen.verdict(GOOD, &format!("{file} is right"), &counted),
            false => {
                let errors = self.findings.iter().filter(|it| it.severity == Severity::Error);
                // What has no file is about our own configuration as a whole.
                let mut files: Vec<_> =
                    errors.map(|it| it.file.as_deref().unwrap_or(file)).collect();
                files.sort_unstable();
                files.dedup();
                let text = match &files[..] {
                    [] => format!("{file} is wrong"),
                    [wrong] => format!("{wrong} is wrong"),
                    files => format!("{} are wrong", files.join(", ")),
                };
                screen.verdict(BAD, &text, &counted);
            }
        }
        screen
    }
}

/// Where the log of the process goes that the caller starts, and whether it can, as far as this one can
/// see.
fn log_place(startup: &Startup) -> (String, bool) {
    let peer = match startup.caller.terms.dialect {
        Dialect::Prosody => Peer::Lpty { is_fresh: false },
        Dialect::Ejabberd | Dialect::MongooseIm | Dialect::Unnamed => Peer::Pipe,
    };
    logger::describe(&startup.log.target, peer)
}

/// The settings on the caller's side that this program depends on.
fn hints(startup: &Startup, configuration: &Configuration) -> impl Iterator<Item = Finding> {
    let Caller { patience, terms, .. } = &startup.caller;
    let (name, mut hints) = match terms.dialect {
        Dialect::Prosody => ("Prosody", vec![
            format!("external_auth_timeout must be {} (its default is 5)", patience.as_secs_f64()),
            "external_auth_protocol must be \"generic\" (its default), external_auth_command a path without arguments; --prosody looks at both".to_owned(),
        ]),
        Dialect::Ejabberd => ("ejabberd", vec![
            "set auth_use_cache: false, or it accepts old passwords and refuses new ones for an hour; --ejabberd looks at this and more".to_owned(),
        ]),
        // There is none in a configuration that is right.
        Dialect::Unnamed => ("", Vec::new()),
        Dialect::MongooseIm => ("MongooseIM", Vec::new()),
    };
    // A relay has no connections, and remembers nothing.
    if startup.daemon.is_none() {
        hints.extend(match terms.dialect {
            Dialect::Ejabberd => Some("extauth_pool_size processes are started, each with its own connections; the default is one a processor".to_owned()),
            Dialect::MongooseIm => Some("each of auth.external.instances is a process with its own connections".to_owned()),
            Dialect::Prosody | Dialect::Unnamed => None,
        });
        hints.extend(configuration.policy.hints(terms.dialect));
    }
    hints.into_iter().map(move |text| Finding::new(Severity::Hint, name, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_caller_is_written_in_is_the_daemons_where_its_user_looks() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.toml");
        let of_daemon = |text: &str, user: &str| {
            std::fs::write(&path, text).unwrap();
            read(&path, None, &Callers::read(None, None), user).1
        };
        let (nobody, named) = ("", "caller = \"ejabberd\"\n");
        let listening = "[listen.a]\nsocket = \"/run/a\"\n";
        assert!(of_daemon(nobody, "xmpp-ldap-auth") && of_daemon(listening, "ejabberd"));
        assert!(!of_daemon(nobody, "ejabberd") && !of_daemon(named, "xmpp-ldap-auth"));
    }
}
