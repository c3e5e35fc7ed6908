//! `forgive`, and what else is asked of the daemon that runs on this machine.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::ending::Failure;
use super::inspection::read_jid;
use super::print::unless_closed;
use super::screen::{ODD, Screen};
use crate::cli::{ForgiveArgs, GlobalArgs};
use crate::config::problem::{Problem, Problems};
use crate::config::{self, listen};
use crate::exit::Code;
use crate::listen::settings::{ListenAddress, ListenerKind, ListenerSettings};
use crate::printable::printable;
use crate::protocol::control::Order;
use crate::protocol::dialect::Dialect;
use crate::relay::socket::{BUSY_PAUSE, NoConnection, connect};

/// How long a daemon may take to say something about itself, or to find an account.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// The daemon of this machine, to which its control socket leads.
#[derive(Debug)]
pub(super) struct Daemon {
    socket: PathBuf,
}

impl Daemon {
    /// The one whose configuration, or else whose usual place, this is; `None` where none runs.
    pub(super) fn find(config: &Path) -> io::Result<Option<Self>> {
        let (socket, _) = socket(config);
        match connect(&socket) {
            Ok(_) | Err(NoConnection::Busy) => Ok(Some(Self { socket })),
            Err(NoConnection::Absent(_)) => Ok(None),
            Err(NoConnection::Forbidden(problem)) => {
                let advice = "do this as root, or as the daemon's user";
                Err(io::Error::other(unusable(&socket, &format!("{problem}; {advice}"))))
            }
            Err(NoConnection::Unusable(problem)) => {
                Err(io::Error::other(unusable(&socket, &problem)))
            }
        }
    }

    /// Where it is asked.
    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    /// What it answers, within this time. The daemon lets nobody stay who has no question yet, so
    /// that this is when the connection is made.
    pub(super) fn ask(&self, order: &Order, within: Duration) -> Result<Value, Failure> {
        let started = Instant::now();
        let mut stream = loop {
            match connect(&self.socket) {
                Ok(stream) => break stream,
                Err(NoConnection::Busy) if started.elapsed() < within => sleep(BUSY_PAUSE),
                Err(problem) => {
                    let text = unusable(&self.socket, &problem.to_string());
                    return Err(Failure::unavailable(text));
                }
            }
        };
        let answer = talk(&mut stream, &order.line(), started + within).map_err(|error| {
            if is_too_late(&error) {
                Failure::unavailable(unusable(&self.socket, "it does not answer"))
            } else {
                error.into()
            }
        })?;
        let answer: Value = serde_json::from_slice(&answer)
            .map_err(|_| Failure::io("the daemon ended before it answered".to_owned()))?;
        match answer.get("error").and_then(Value::as_str) {
            Some(error) => Err(Failure::unavailable(printable(error))),
            None => Ok(answer),
        }
    }
}

/// What is answered to a line, until this moment, however slowly it comes.
fn talk(stream: &mut UnixStream, line: &[u8], by: Instant) -> io::Result<Vec<u8>> {
    let left = || {
        let left = by.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::Error::from(io::ErrorKind::TimedOut)) } else { Ok(Some(left)) }
    };
    stream.set_nonblocking(false)?;
    stream.set_write_timeout(left()?)?;
    stream.write_all(line)?;
    let (mut answer, mut part) = (Vec::new(), [0; 4096]);
    loop {
        stream.set_read_timeout(left()?)?;
        match stream.read(&mut part) {
            Ok(0) => return Ok(answer),
            Ok(length) => answer.extend(part.iter().take(length)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn is_too_late(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// The control socket that the configuration names, else the usual one; and why nobody can tell
/// whether another is named, if so.
fn socket(config: &Path) -> (PathBuf, Option<String>) {
    let reading = config::load(config, Some(Dialect::Ejabberd), None);
    let path = |settings: ListenerSettings| match (settings.kind, settings.address) {
        (ListenerKind::Control, ListenAddress::Unix { path, .. }) => Some(path),
        _ => None,
    };
    if let Some(named) = reading.listeners.into_iter().find_map(path) {
        return (named, None);
    }
    let problems = reading.configuration.err();
    let mut problems = problems.iter().flat_map(Problems::iter);
    // With no key, it is the file as a whole that cannot be read.
    let doubt = problems.find(|it| it.key.is_empty() || it.key.starts_with("listen"));
    let doubt = doubt.map(Problem::to_string);
    (path(listen::default_control()).unwrap_or_default(), doubt)
}

fn unusable(socket: &Path, problem: &str) -> String {
    format!("the daemon at {} cannot be asked: {problem}", socket.display())
}

/// Says, beside what is printed, that a daemon runs here which was not asked.
pub(super) fn mention_daemon(config: &Path) {
    if !matches!(Daemon::find(config), Ok(None)) {
        let text = " a daemon runs here; this looks at the directory beside it, without its guard and caches";
        let mut screen = Screen::new();
        screen.verdict(ODD, "note:", text);
        let _ = screen.print_beside();
    }
}

/// The daemon, which must run.
pub(super) fn running(given: GlobalArgs) -> Result<Daemon, Failure> {
    let config = config::path(given.config);
    let daemon = Daemon::find(&config)?;
    daemon.ok_or_else(|| {
        let (socket, doubt) = socket(&config);
        let place = socket.display();
        Failure::unavailable(match doubt {
            None => format!("no daemon runs here: nobody listens on {place}"),
            Some(problem) => format!(
                "nobody listens on {place}, the usual place, and {} does not tell of another: {problem}",
                config.display()
            ),
        })
    })
}

/// Clears what the daemon's guard holds against an account.
///
/// The exit code is 0 whether it held anything or not, or 69 where no daemon runs, or where it cannot
/// tell which entry the account is.
pub fn forgive(args: &ForgiveArgs, given: GlobalArgs) -> Result<Code, Failure> {
    let jid = read_jid(&args.jid)?.to_string();
    let answer = running(given)?.ask(&Order::Forgive { jid: jid.clone() }, PATIENCE)?;
    let text = match answer.get("forgiven").and_then(Value::as_bool) {
        Some(true) => "the guard holds nothing against it any more",
        _ => "the guard held nothing against it",
    };
    unless_closed(writeln!(io::stdout(), "{jid}: {text}"))?;
    Ok(Code::OK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_drips_an_answer_is_waited_for_no_longer_than_who_gives_none() {
        for drips in [true, false] {
            let (mut ours, mut daemon) = UnixStream::pair().unwrap();
            let dripping = std::thread::spawn(move || {
                while drips && daemon.write_all(b" ").is_ok() {
                    sleep(Duration::from_millis(1));
                }
                daemon
            });
            let by = Instant::now() + Duration::from_millis(100);
            let error = talk(&mut ours, b"{}\n", by).unwrap_err();
            assert!(is_too_late(&error), "{error}");
            drop(ours);
            dripping.join().unwrap();
        }
    }
}
