//! The log of the process. Writing a line never delays an answer, and a line that is lost is counted
//! and told of.

use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use tracing::Level;

use super::disk::WaitingLines;
use super::events::EachEvent;
use super::place::open_end;
use super::record::Record;
use super::sink::{Sink, is_stderr_journal, is_stderr_null};
use super::target::{Log, LogFormat, Target};
use crate::lock::locked;
use crate::peer::Peer;

/// What to do where there is no place for a log.
pub const NO_PLACE: &str =
    "there is no journal and no syslog here: write target = \"file:/path\" in [log]";

/// How long the end of the process waits for the disk of the log.
const LAST_LINES: Duration = Duration::from_secs(1);

/// The log of this process, as far as it can be changed later.
#[derive(Clone, Debug)]
pub struct Logger {
    target: Target,
    format: LogFormat,
    peer: Peer,
    output: Arc<Mutex<Output>>,
    reopening: Arc<Mutex<()>>,
}

/// As long as it lives, a thread waits for the disk of the log, and nobody else does.
#[derive(Debug)]
#[must_use]
pub struct StandsApart(Logger);

#[derive(Debug, Default)]
struct Output {
    /// `None` where there is no place for a log.
    sink: Option<Sink>,
    /// What is still on its way into the files that it went to before.
    former: Vec<Arc<WaitingLines>>,
    /// Whether a thread waits for disks.
    stands_apart: bool,
    /// How many lines were lost that nobody was told of.
    lost: u64,
    lost_in_all: u64,
}

/// Where the log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogPlace {
    /// Where the configuration says.
    AsConfigured,
    /// To another place, or to none, for this reason.
    Elsewhere(String),
    /// Nowhere, because there is no place for it here.
    Nowhere,
}

impl Logger {
    /// Starts logging for the whole process. Where the configured place cannot be used, the log goes
    /// where `auto` says.
    pub fn start(log: &Log, peer: Peer) -> (Self, LogPlace) {
        let configured = open(&log.target, peer);
        let (sink, place) = match configured {
            Ok(Some(sink)) => (Some(sink), LogPlace::AsConfigured),
            Ok(None) => (None, LogPlace::Nowhere),
            Err(error) => {
                let sink = open(&Target::Auto, peer).ok().flatten();
                let place = match (&sink, error.kind()) {
                    // Its words would be on the stream for which that is refused.
                    (Some(_), _) | (None, io::ErrorKind::InvalidInput) => {
                        LogPlace::Elsewhere(format!("{}: {error}", log.target))
                    }
                    (None, _) => LogPlace::Nowhere,
                };
                (sink, place)
            }
        };
        let output = Arc::new(Mutex::new(Output { sink, ..Output::default() }));
        let target = log.target.clone();
        let logger = Self { target, format: log.format, peer, output, reopening: Arc::default() };
        let (output, format) = (Arc::clone(&logger.output), logger.format);
        EachEvent::begin(log.level, move |event| {
            let record = Record::of(event);
            locked(&output).write(&record, format);
        });
        (logger, place)
    }

    /// Lets a thread wait for the disk of the log, because it may hang. To be called when the process
    /// has confined itself, because each thread does.
    pub fn stand_apart(&self) -> StandsApart {
        let mut output = locked(&self.output);
        output.stands_apart = true;
        if let Some(sink) = output.sink.take() {
            output.write_to(sink);
        }
        drop(output);
        StandsApart(self.clone())
    }

    /// Waits until all lines are written, but not for ever.
    fn settle(&self) {
        let on_their_way = locked(&self.output).on_their_way();
        let by = Instant::now() + LAST_LINES;
        for lines in on_their_way {
            lines.settle(by.saturating_duration_since(Instant::now()));
        }
    }

    /// How many lines were lost since the start.
    pub fn lost_in_all(&self) -> u64 {
        locked(&self.output).lost_in_all
    }

    /// Opens the log file anew, after it was rotated away. What cannot be opened is said in the old
    /// one. Waits for the disk.
    pub fn reopen(&self) {
        let Target::File(path) = &self.target else { return };
        let _one_by_one = self.reopening.lock();
        match Sink::open(path, self.peer) {
            Ok(sink) => locked(&self.output).write_to(sink),
            Err(error) => tracing::error!(
                %error,
                file = %path.display(),
                "the log cannot be reopened; its lines go where they went before, which may be the rotated file, until this program is started anew"
            ),
        }
    }
}

impl Drop for StandsApart {
    fn drop(&mut self) {
        self.0.settle();
        locked(&self.0.output).tell_of_lost(self.0.format);
        self.0.settle();
    }
}

impl Output {
    fn on_their_way(&self) -> Vec<Arc<WaitingLines>> {
        let lines = match &self.sink {
            Some(Sink::Disk(disk)) => disk.lines(),
            _ => None,
        };
        self.former.iter().cloned().chain(lines).collect()
    }

    /// Lets what comes next go there.
    fn write_to(&mut self, mut sink: Sink) {
        if let Sink::Disk(disk) = &mut sink
            && self.stands_apart
        {
            disk.stand_apart();
        }
        self.former = self.on_their_way();
        self.sink = Some(sink);
        self.note_lost();
    }

    /// Counts what the disk did not take after all.
    fn note_lost(&mut self) {
        let mut lost = match &mut self.sink {
            Some(Sink::Disk(disk)) => disk.take_lost(),
            _ => 0,
        };
        self.former.retain(|lines| {
            let is_settled = lines.is_settled();
            lost += lines.take_lost();
            !is_settled
        });
        self.add_lost(lost);
    }

    fn add_lost(&mut self, count: u64) {
        self.lost += count;
        self.lost_in_all += count;
    }

    /// Says how many lines were lost. Whether nobody needs to be told any more.
    fn tell_of_lost(&mut self, format: LogFormat) -> bool {
        self.note_lost();
        if self.lost > 0
            && let Some(sink) = &mut self.sink
        {
            let lost =
                format!("{} log lines were lost, because nobody took them in time", self.lost);
            if sink.write(&Record::new(Level::WARN, &lost), format).is_err() {
                return false;
            }
            self.lost = 0;
        }
        true
    }

    /// Writes a record, and before it how many were lost.
    fn write(&mut self, record: &Record, format: LogFormat) {
        let is_told = self.tell_of_lost(format);
        let Some(sink) = &mut self.sink else { return };
        if !is_told || sink.write(record, format).is_err() {
            self.add_lost(1);
        }
    }
}

/// Where the log of a process that `peer` starts will go, in words; and whether it can be written there.
pub fn describe(target: &Target, peer: Peer) -> (String, bool) {
    let (elsewhere, is_somewhere) = match elsewhere() {
        Some((target, _)) => (target.to_string(), true),
        None => (format!("nowhere: {NO_PLACE}"), false),
    };
    match target {
        Target::Auto if peer.leaves_stderr() => {
            let text =
                format!("standard error; where that is /dev/null or the journal's, {elsewhere}");
            (text, true)
        }
        Target::Auto | Target::Stderr if !peer.leaves_stderr() => (elsewhere, is_somewhere),
        target => match can_be_opened(target) {
            Ok(()) => (target.to_string(), true),
            Err(error) => (format!("{target}, which cannot be written to here: {error}"), false),
        },
    }
}

/// Whether a place can be opened, as far as that can be seen without making it.
fn can_be_opened(target: &Target) -> io::Result<()> {
    match target {
        Target::Auto | Target::Stderr => Ok(()),
        Target::Journald => Sink::journal().map(drop),
        Target::Syslog => Sink::syslog().map(drop),
        Target::File(path) => match fs::metadata(path) {
            Ok(file) if file.is_dir() => Err(Errno::ISDIR.into()),
            // Whoever reads a pipe would take this for the end of it.
            Ok(file) if file.file_type().is_fifo() => Ok(()),
            Ok(_) => open_end(path, false).map(drop),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Err(_) => path.parent().map_or(Ok(()), |directory| {
                fs::metadata(directory).map_err(|error| {
                    io::Error::new(error.kind(), format!("{}: {error}", directory.display()))
                })?;
                Ok(())
            }),
        },
    }
}

/// Opens the place; `None` if there is none.
fn open(target: &Target, peer: Peer) -> io::Result<Option<Sink>> {
    match target {
        Target::Stderr if peer.leaves_stderr() => return Sink::stderr(peer).map(Some),
        Target::Auto if peer.leaves_stderr() && !is_stderr_null() => {
            let stderr = || Sink::stderr(peer).ok();
            let other = || elsewhere().map(|(_, sink)| sink);
            let is_journal = is_stderr_journal();
            return Ok(if is_journal { other().or_else(stderr) } else { stderr().or_else(other) });
        }
        Target::Auto | Target::Stderr => {}
        Target::Journald => return Sink::journal().map(Some),
        Target::Syslog => return Sink::syslog().map(Some),
        Target::File(path) => return Sink::open(path, peer).map(Some),
    }
    Ok(elsewhere().map(|(_, sink)| sink))
}

/// Where the log goes that cannot go to standard error.
fn elsewhere() -> Option<(Target, Sink)> {
    let journal = Sink::journal().map(|sink| (Target::Journald, sink));
    journal.or_else(|_| Sink::syslog().map(|sink| (Target::Syslog, sink))).ok()
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read;

    use super::*;
    use crate::observe::disk::Disk;

    /// Reads what there is on a pipe that somebody may write to.
    fn lines(reader: &mut io::PipeReader) -> String {
        let mut bytes = vec![0; 1 << 20];
        let length = reader.read(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    fn piped() -> (io::PipeReader, Output) {
        let (reader, writer) = io::pipe().unwrap();
        let file = File::from(std::os::fd::OwnedFd::from(writer));
        (reader, Output { sink: Sink::new(file, Peer::Pipe).ok(), ..Output::default() })
    }

    #[test]
    fn lines_that_nobody_takes_are_counted_and_told_of() {
        let (mut reader, mut output) = piped();
        let record = Record::new(Level::INFO, &"x".repeat(1000));
        let mut written = 0;
        let mut write = |output: &mut Output| {
            output.write(&record, LogFormat::Text);
            written += 1;
        };
        while output.lost == 0 {
            write(&mut output);
        }
        for _ in 0..4 {
            write(&mut output);
        }
        let mut seen = lines(&mut reader);
        write(&mut output);
        seen.push_str(&lines(&mut reader));
        assert_eq!(output.lost, 0);
        // A short line that tells of lost ones may have found room where a long one did not.
        let told: Vec<&str> =
            seen.lines().filter(|line| line.contains("lines were lost")).collect();
        let count = |line: &&str| line.split(' ').find_map(|word| word.parse::<usize>().ok());
        let lost: usize = told.iter().map(|line| count(line).unwrap()).sum();
        assert!(lost >= 5 && told.iter().all(|line| line.contains(" WARN ")), "{told:?}");
        assert_eq!(seen.lines().count() - told.len() + lost, written);
        assert!(seen.ends_with("x\n"));
    }

    #[test]
    fn what_a_file_did_not_take_is_told_of_in_the_one_that_follows_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let (reader, writer) = io::pipe().unwrap();
        let full = Disk::new(File::from(std::os::fd::OwnedFd::from(writer)));
        let mut output = Output { stands_apart: true, ..Output::default() };
        output.write_to(Sink::Disk(full));
        // More than a pipe takes.
        for _ in 0..200 {
            output.write(&Record::new(Level::INFO, &"x".repeat(1000)), LogFormat::Text);
        }
        output.write_to(Sink::open(&path, Peer::Pipe).unwrap());
        drop(reader);
        for _ in 0..2 {
            output.on_their_way().iter().for_each(|lines| lines.settle(Duration::MAX));
            output.tell_of_lost(LogFormat::Text);
        }
        assert!(output.former.is_empty() && output.lost_in_all > 0);
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.contains(&format!(" {} log lines were lost", output.lost_in_all)), "{text}");
    }

    #[test]
    fn a_line_that_is_too_long_for_a_pipe_does_not_swallow_the_next_one() {
        let (mut reader, mut output) = piped();
        for format in [LogFormat::Text, LogFormat::Json] {
            for text in ["🔑".repeat(5000), "next".to_owned()] {
                output.write(&Record::new(Level::INFO, &text), format);
            }
            let seen = lines(&mut reader);
            let seen: Vec<&str> = seen.lines().collect();
            assert!(seen[0].len() < 4096 && seen[0].contains("🔑🔑…"), "{seen:?}");
            assert!(seen[1].contains("next"), "{seen:?}");
            if format == LogFormat::Json {
                let whole: serde_json::Value = serde_json::from_str(seen[0]).unwrap();
                assert_eq!(whole["level"], "INFO");
            }
        }
    }
}
