//! Where the log goes.
//!
//! Writing a line to standard error never delays an answer: what a full pipe does not take at once
//! is lost. The journal and syslog may make it wait.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::FileType;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::Registry;
use tracing_subscriber::{Layer, fmt};

use crate::stdio::write_now;

/// What is logged, where, and how.
#[derive(Clone, Debug)]
pub struct Log {
    /// The least important level that is logged.
    pub level: LevelFilter,
    /// Where to.
    pub target: Target,
    /// How a line looks.
    pub format: Format,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: LevelFilter::INFO, target: Target::Auto, format: Format::Text }
    }
}

/// Where log lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Standard error, unless that is the protocol's terminal: then the journal, else syslog, else
    /// nowhere.
    Auto,
    /// Standard error; the same as `Auto` if it is the protocol's terminal.
    Stderr,
    /// The systemd journal, with structured fields.
    Journald,
    /// `/dev/log`.
    Syslog,
    /// The end of a file, reopened on SIGHUP.
    File(PathBuf),
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(source: &str) -> Result<Self, String> {
        match source {
            "auto" => Ok(Self::Auto),
            "stderr" => Ok(Self::Stderr),
            "journald" => Ok(Self::Journald),
            "syslog" => Ok(Self::Syslog),
            other => match other.strip_prefix("file:").map(Path::new) {
                Some(path) if path.is_absolute() => Ok(Self::File(path.to_owned())),
                _ => Err("write \"auto\", \"stderr\", \"journald\", \"syslog\" or \"file:/path\""
                    .to_owned()),
            },
        }
    }
}

/// The log file, if there is one, so that it can be reopened.
#[derive(Clone, Debug, Default)]
pub struct Reopener(Option<Arc<LogFile>>);

impl Reopener {
    /// Opens the log file anew, after it was rotated away.
    pub fn reopen(&self) {
        if let Some(log) = &self.0
            && let Ok(file) = open(&log.path)
        {
            *log.file.lock().unwrap_or_else(PoisonError::into_inner) = file;
        }
    }
}

/// Starts logging for the whole process. `stderr_is_free` says that standard error is not the
/// protocol's. A target that cannot be opened is an error; the log then goes where `auto` says.
pub fn start(log: &Log, stderr_is_free: bool) -> (Reopener, io::Result<()>) {
    let (layer, reopener, result) = match open_layer(log, &log.target, stderr_is_free) {
        Ok((layer, reopener)) => (layer, reopener, Ok(())),
        Err(error) => match open_layer(log, &Target::Auto, stderr_is_free) {
            Ok((layer, reopener)) => (layer, reopener, Err(error)),
            Err(_) => (None, Reopener::default(), Err(error)),
        },
    };
    let subscriber = Registry::default().with(layer.map(|layer| layer.with_filter(log.level)));
    // A second start, as in tests, keeps the first one's subscriber.
    let _ = tracing::subscriber::set_global_default(subscriber);
    (reopener, result)
}

type Boxed = Box<dyn Layer<Registry> + Send + Sync>;

fn open_layer(
    log: &Log,
    target: &Target,
    stderr_is_free: bool,
) -> io::Result<(Option<Boxed>, Reopener)> {
    let only = |layer| Ok((Some(layer), Reopener::default()));
    match target {
        Target::Auto | Target::Stderr if stderr_is_free => {
            let is_file = is_file(io::stderr());
            only(lines(log.format, move || Lossy { to: io::stderr(), is_file }))
        }
        Target::Auto | Target::Stderr => open_layer(log, &Target::Journald, false)
            .or_else(|_| open_layer(log, &Target::Syslog, false))
            .or_else(|_| Ok((None, Reopener::default()))),
        Target::Journald => only(tracing_journald::layer()?.boxed()),
        Target::Syslog => {
            if !Path::new("/dev/log").exists() {
                return Err(io::Error::new(io::ErrorKind::NotFound, "/dev/log does not exist"));
            }
            let syslog = syslog_tracing::Syslog::new(
                c"xmpp-ldap-auth",
                syslog_tracing::Options::LOG_PID,
                syslog_tracing::Facility::Auth,
            )
            .ok_or_else(|| io::Error::other("syslog is in use already"))?;
            only(fmt::layer().with_ansi(false).without_time().with_writer(syslog).boxed())
        }
        Target::File(path) => {
            let log_file = Arc::new(LogFile { path: path.clone(), file: Mutex::new(open(path)?) });
            let writer = Arc::clone(&log_file);
            let layer = lines(log.format, move || Shared(Arc::clone(&writer)));
            Ok((Some(layer), Reopener(Some(log_file))))
        }
    }
}

fn lines<W>(format: Format, writer: W) -> Boxed
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = fmt::layer().with_ansi(false).with_target(false).with_writer(writer);
    match format {
        Format::Text => layer.boxed(),
        Format::Json => {
            layer.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed()
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

#[derive(Debug)]
struct LogFile {
    path: PathBuf,
    file: Mutex<File>,
}

struct Shared(Arc<LogFile>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.file.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn is_file(fd: impl AsFd) -> bool {
    let status = rustix::fs::fstat(fd);
    status.is_ok_and(|status| FileType::from_raw_mode(status.st_mode) == FileType::RegularFile)
}

/// Standard error, of which only what the other side takes at once is written.
struct Lossy<W> {
    to: W,
    is_file: bool,
}

impl<W: Write + AsFd> Write for Lossy<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_file {
            // Many a file system refuses writes that must not wait, whatever room there is.
            self.to.write_all(bytes)?;
        } else {
            let _ = write_now(&self.to, bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
