//! What the program needs before it knows whether the rest of the file is right: who asks, where to
//! log, and whether to confine itself.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::effective::Origin;
use super::keys::top as keys;
use super::table::Table;
use crate::files;
use crate::observe::target::{Log, Target};
use crate::protocol::dialect::Dialect;
use crate::session::SessionTerms;
use crate::session::lock_step::FirstRequest;

/// What holds for the whole life of a process.
#[derive(Clone, Debug)]
pub struct Startup {
    /// Who asks, and on which terms.
    pub caller: Caller,
    /// Where to log.
    pub log: Log,
    /// Whether the process gives up what it does not need.
    pub confine: bool,
    /// The socket of the daemon that answers in place of this process.
    pub daemon: Option<PathBuf>,
    /// Who asks, as the file says.
    written_caller: Option<Dialect>,
}

/// Who asks, and on which terms.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// The terms of its session.
    pub terms: SessionTerms,
    /// How long the caller waits for a reply.
    pub patience: Duration,
    /// What happens to the first request on a terminal that was never used before.
    pub first_request: FirstRequest,
}

impl Startup {
    /// The caller that the file names, whoever asks.
    pub fn written_caller(&self) -> Option<Dialect> {
        self.written_caller
    }

    /// `given` wins over what the file says; `likely` stands in where neither says who asks.
    pub(super) fn read(top: &Table<'_>, given: Option<Dialect>, likely: Option<Dialect>) -> Self {
        let written_caller = top.get(&keys::CALLER);
        let log = top.table(&keys::LOG_TABLE);
        Self {
            caller: read_caller(top, given, written_caller, likely),
            confine: top.get_or_default(&keys::CONFINE),
            log: Log {
                level: log.get_or_default(&keys::LEVEL),
                target: read_target(&log),
                format: log.get_or_default(&keys::FORMAT),
            },
            daemon: read_daemon(top),
            written_caller,
        }
    }

    /// Lets the log go elsewhere where it would be written into a file that is read.
    pub(super) fn keep_log_out_of<'p>(
        &mut self,
        mut read: impl Iterator<Item = &'p Path>,
        top: &Table<'_>,
    ) {
        let Target::File(log) = &self.log.target else { return };
        if let Some(read) = read.find(|read| files::are_one(read, log)) {
            let text = format!(
                "this is {}, which is read, and its lines would destroy it; write another file",
                read.display()
            );
            top.table(&keys::LOG_TABLE).problem(&keys::TARGET, text);
            self.log.target = Target::Auto;
        }
    }

    /// The keys whose values differ from those of another reading.
    pub fn differences(&self, other: &Self) -> Vec<&'static str> {
        let (mine, others) = (&self.caller, &other.caller);
        let (terms, other_terms) = (&mine.terms, &others.terms);
        let differences = [
            (keys::CALLER.name, self.written_caller != other.written_caller),
            (keys::ANSWER_WITHIN.name, terms.answer_within != other_terms.answer_within),
            (keys::CALLER_GIVES_UP_AFTER.name, mine.patience != others.patience),
            (keys::MAX_IN_FLIGHT.name, terms.window != other_terms.window),
            (keys::FIRST_REQUEST.name, mine.first_request != others.first_request),
            (keys::CONFINE.name, self.confine != other.confine),
            (keys::DAEMON.name, self.daemon != other.daemon),
            ("log.level", self.log.level != other.log.level),
            ("log.target", self.log.target != other.log.target),
            ("log.format", self.log.format != other.log.format),
        ];
        differences.into_iter().filter_map(|(key, differs)| differs.then_some(key)).collect()
    }
}

fn read_daemon(top: &Table<'_>) -> Option<PathBuf> {
    let path = top.get(&keys::DAEMON)?;
    check_socket(&path).map_err(|text| top.problem(&keys::DAEMON, text)).ok()?;
    Some(path)
}

/// Linux has no room for more in the address of a socket (unix(7)), behind which there is a zero.
const LONGEST_SOCKET: usize = 107;

/// The path of a socket; the error says what to write instead.
pub(super) fn check_socket(path: &Path) -> Result<(), String> {
    match path.as_os_str().len() {
        length if length > LONGEST_SOCKET => Err(format!(
            "a socket's path has at most {LONGEST_SOCKET} bytes, and this has {length}: write a shorter one"
        )),
        _ => Ok(()),
    }
}

fn read_target(log: &Table<'_>) -> Target {
    let target = log.parsed(&keys::TARGET, str::parse::<Target>).unwrap_or_else(|| {
        log.stand_in(&keys::TARGET, Target::Auto.to_string(), Origin::Default);
        Target::Auto
    });
    if let Some(problem) = target.problem() {
        log.problem(&keys::TARGET, problem);
    }
    target
}

fn read_caller(
    top: &Table<'_>,
    given: Option<Dialect>,
    written: Option<Dialect>,
    likely: Option<Dialect>,
) -> Caller {
    let dialect = given.or(written).or(likely).unwrap_or_else(|| {
        if !top.has(&keys::CALLER) {
            top.problem(
                &keys::CALLER,
                "write caller = \"ejabberd\", \"prosody\" or \"mongooseim\"",
            );
        }
        Dialect::Unnamed
    });
    let origin = match (given, written) {
        (Some(_), _) => Origin::CommandLine,
        (None, Some(_)) => Origin::File,
        (None, None) => Origin::Default,
    };
    top.stand_in(&keys::CALLER, dialect, origin);
    let patience = top.get_or(&keys::CALLER_GIVES_UP_AFTER, dialect.patience());
    let default = dialect.answer_within(patience);
    let mut answer_within = top.get_or(&keys::ANSWER_WITHIN, default);
    if answer_within >= patience {
        top.problem(&keys::ANSWER_WITHIN, format!(
            "{dialect} gives up after {patience:?}, and a reply after that would be taken for another request's; \
             write less, or say with caller_gives_up_after that it waits longer"
        ));
        answer_within = default;
    }
    const LEAST: Duration = Duration::from_millis(250);
    if patience - answer_within < LEAST {
        top.remark(&keys::ANSWER_WITHIN, &format!(
            "{dialect} gives up after {patience:?}, and so little before that a busy machine's reply comes too late: write less"
        ));
    }
    if answer_within < LEAST {
        top.remark(&keys::ANSWER_WITHIN, "few directories answer so soon: write more");
    }
    let terms = SessionTerms {
        dialect,
        answer_within,
        reply_within: answer_within + (patience - answer_within) / 2,
        window: top.get_or_default(&keys::MAX_IN_FLIGHT),
    };
    Caller { terms, patience, first_request: top.get_or_default(&keys::FIRST_REQUEST) }
}
