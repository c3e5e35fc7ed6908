//! The keys at the top of the file, and those of `[log]`.

use tracing::level_filters::LevelFilter;

use super::TableSpec;
use super::directory::DIRECTORY;
use super::domain::DOMAIN;
use super::listen::LISTEN;
use super::memory::{CACHE, THROTTLE};
use crate::config::value::{Count, FilePath, Flag, Or, Span, Subtable, Subtables, Text, Word};
use crate::observe::target::LogFormat;
use crate::protocol::dialect::Dialect;
use crate::session::lock_step::FirstRequest;

const DIALECTS: &[(&str, Dialect)] = &[
    (Dialect::Prosody.name(), Dialect::Prosody),
    (Dialect::Ejabberd.name(), Dialect::Ejabberd),
    (Dialect::MongooseIm.name(), Dialect::MongooseIm),
];

const LEVELS: &[(&str, LevelFilter)] = &[
    ("error", LevelFilter::ERROR),
    ("warn", LevelFilter::WARN),
    ("info", LevelFilter::INFO),
    ("debug", LevelFilter::DEBUG),
    ("trace", LevelFilter::TRACE),
];

/// The top of the file.
pub static TOP: TableSpec = TableSpec { name: "", groups: &[KEYS], mistakes: &[] };

/// `[log]`.
pub static LOG: TableSpec = TableSpec { name: "log", groups: &[LOG_KEYS], mistakes: &[] };

keys! {
    /// What stands at the top of the file.
    KEYS:

    /// the XMPP server that asks
    CALLER = "caller": Word<Dialect> =
        Word::advised(DIALECTS, "write \"prosody\", \"ejabberd\" or \"mongooseim\""),
        otherwise "from `--caller`, the program's name (`…-prosody`), or a terminal";

    /// work on a request ends after this; less than the caller waits
    ANSWER_WITHIN = "answer_within": Span = Span, otherwise "4 s, 25 s, 8 s by caller";

    /// how long the caller waits, if that was changed there
    CALLER_GIVES_UP_AFTER = "caller_gives_up_after": Span = Span,
        otherwise "5 s, 30 s, 10 s by caller";

    /// requests of a pipe that are worked on at once
    MAX_IN_FLIGHT = "max_in_flight": Or<Count<usize>> = Or(Count::within(1..=1024), 64);

    /// after its start the process can read only the system's files and those in the directories that
    /// the configuration names, write only its log, start no program and gain no right (Landlock,
    /// Linux 5.13; a line in the log where the kernel has none)
    CONFINE = "confine": Or<Flag> = Or(Flag, true);

    /// whether the first request on Prosody's terminal is answered; see
    /// [Prosody](prosody.md#on-a-terminal)
    FIRST_REQUEST = "first_request": Or<Word<FirstRequest>> = Or(
        Word::advised(
            FirstRequest::ALL,
            "write \"discard\", or \"answer\" if the module is patched against the echo",
        ),
        FirstRequest::Discard,
    );

    /// the socket of a daemon that answers in place of this process, which then reads no more than
    /// what is about the caller and the log; see [The daemon](daemon.md)
    DAEMON = "daemon": FilePath = FilePath;

    /// what the daemon listens on, with a name of your choice; see [The daemon](daemon.md)
    LISTENERS = "listen": Subtables = Subtables(&LISTEN);

    /// a directory, with a name of your choice
    DIRECTORIES = "directory": Subtables = Subtables(&DIRECTORY);

    /// an XMPP domain that is served, any other is denied; what it says of users takes the place of what
    /// its directory says
    DOMAINS = "domain": Subtables = Subtables(&DOMAIN);

    /// the lock-out guard, see [Guarding accounts](guard.md)
    THROTTLE_TABLE = "throttle": Subtable = Subtable(&THROTTLE);

    /// what is remembered of answers, see [Remembering](cache.md)
    CACHE_TABLE = "cache": Subtable = Subtable(&CACHE);

    /// what is logged, and where to
    LOG_TABLE = "log": Subtable = Subtable(&LOG);
}

keys! {
    /// What is logged, and where to.
    LOG_KEYS:

    /// the least important lines that are logged; `"debug"` has each step
    LEVEL = "level": Or<Word<LevelFilter>> = Or(
        Word::advised(LEVELS, "write \"error\", \"warn\", \"info\", \"debug\" or \"trace\""),
        LevelFilter::INFO,
    );

    /// `"stderr"`, `"journald"`, `"syslog"` or `"file:/path"` (reopened on SIGHUP), but no name of the
    /// stream that carries the replies; auto: standard error, or the journal or syslog where that is
    /// /dev/null or leads to the journal or carries the replies; see [The log](log.md)
    TARGET = "target": Text = Text("where to"), otherwise "`\"auto\"`";

    /// text for people, or one JSON object a line
    FORMAT = "format": Or<Word<LogFormat>> =
        Or(Word::advised(LogFormat::ALL, "write \"text\" or \"json\""), LogFormat::Text);
}
