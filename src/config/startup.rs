//! What the program needs before it knows whether the rest of the file is right: who asks, where to
//! log, and whether to confine itself.

use std::time::Duration;

use tracing::level_filters::LevelFilter;

use super::file::Table;
use crate::observe::target::{Format, Log};
use crate::protocol::dialect::Dialect;
use crate::session::Terms;
use crate::session::lock_step::FirstRequest;

/// How many requests of a pipe are worked on at once, unless the file says otherwise.
const WINDOW: usize = 64;

/// What holds for the whole life of a process.
#[derive(Clone, Debug)]
pub struct Startup {
    /// Who asks, and on which terms.
    pub caller: Caller,
    /// Where to log.
    pub log: Log,
    /// Whether the process gives up what it does not need.
    pub confine: bool,
}

/// Who asks, and on which terms.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// The terms of its session.
    pub terms: Terms,
    /// How long the caller waits for a reply.
    pub patience: Duration,
    /// What happens to the first request on a terminal that was never used before.
    pub first_request: FirstRequest,
}

impl Startup {
    /// `given` wins over what the file says; `likely` stands in where neither says who asks.
    pub(super) fn read(top: &Table<'_>, given: Option<Dialect>, likely: Option<Dialect>) -> Self {
        Self {
            caller: read_caller(top, given, likely),
            log: read_log(top.table("log")),
            confine: top.flag_or("confine", true),
        }
    }
}

fn read_caller(top: &Table<'_>, given: Option<Dialect>, likely: Option<Dialect>) -> Caller {
    let written = top.parsed("caller", str::parse::<Dialect>);
    let dialect = given.or(written).or(likely).unwrap_or_else(|| {
        if !top.has("caller") {
            top.problem("caller", "write caller = \"ejabberd\", \"prosody\" or \"mongooseim\"");
        }
        Dialect::Ejabberd
    });
    let patience = top.duration("caller_gives_up_after").unwrap_or(dialect.patience());
    let default = dialect.answer_within(patience);
    let mut answer_within = top.duration("answer_within").unwrap_or(default);
    if answer_within >= patience {
        top.problem("answer_within", format!(
            "{dialect} gives up after {patience:?}, and a reply after that would be taken for another request's; \
             write less, or say with caller_gives_up_after that it waits longer"
        ));
        answer_within = default;
    }
    let first_request =
        top.parsed("first_request", |word| match word {
            "discard" => Ok(FirstRequest::Discard),
            "answer" => Ok(FirstRequest::Answer),
            _ => Err("write \"discard\", or \"answer\" if the module is patched against the echo"
                .to_owned()),
        });
    let terms = Terms {
        dialect,
        answer_within,
        reply_within: answer_within + (patience - answer_within) / 2,
        window: top.count("max_in_flight", 1..=1024).unwrap_or(WINDOW),
    };
    Caller { terms, patience, first_request: first_request.unwrap_or(FirstRequest::Discard) }
}

fn read_log(table: Table<'_>) -> Log {
    let default = Log::default();
    let log = Log {
        level: table
            .parsed("level", |word| match word {
                "error" => Ok(LevelFilter::ERROR),
                "warn" => Ok(LevelFilter::WARN),
                "info" => Ok(LevelFilter::INFO),
                "debug" => Ok(LevelFilter::DEBUG),
                "trace" => Ok(LevelFilter::TRACE),
                _ => Err("write \"error\", \"warn\", \"info\", \"debug\" or \"trace\"".to_owned()),
            })
            .unwrap_or(default.level),
        target: table.parsed("target", str::parse).unwrap_or(default.target),
        format: table
            .parsed("format", |word| match word {
                "text" => Ok(Format::Text),
                "json" => Ok(Format::Json),
                _ => Err("write \"text\" or \"json\"".to_owned()),
            })
            .unwrap_or(default.format),
    };
    table.finish();
    log
}
