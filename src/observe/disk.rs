//! A file that takes log lines. Its disk may hang, and then only a thread waits for it.

use std::fs::File;
use std::io::{self, Write};
use std::mem::{swap, take};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// As many bytes of lines wait for a disk: those of some seconds of a storm.
const ROOM: usize = 4 << 20;

/// So many bytes of room stay when all are written.
const KEPT: usize = 128 << 10;

/// The thread needs no more, in bytes.
const STACK: usize = 128 << 10;

/// The lines of a log on their way into a file.
#[derive(Debug)]
pub(super) enum Disk {
    /// Whoever writes a line waits for the disk.
    Here(Appended),
    /// A thread waits for it.
    Apart(LineWriter),
}

impl Disk {
    /// The end of this file, whose disk is waited for until [`stand_apart`](Self::stand_apart).
    pub(super) fn new(file: File) -> Self {
        Self::Here(Appended { file, is_torn: false })
    }

    /// Starts the thread; where the system starts none, to be held up is better than to have no log.
    pub(super) fn stand_apart(&mut self) {
        if let Self::Here(Appended { file, is_torn }) = self
            && let Ok(file) = file.try_clone()
            && let Ok(writer) = LineWriter::start(Appended { file, is_torn: *is_torn })
        {
            *self = Self::Apart(writer);
        }
    }

    /// Writes a line, or fails.
    pub(super) fn write(&mut self, line: &[u8]) -> io::Result<()> {
        match self {
            Self::Here(file) => match file.append(line) {
                0 => Ok(()),
                _ => Err(io::ErrorKind::WriteZero.into()),
            },
            Self::Apart(writer) => writer.0.push(line),
        }
    }

    /// How many lines were taken, and could not be written after all, since this was asked last.
    pub(super) fn take_lost(&mut self) -> u64 {
        match self {
            Self::Here(_) => 0,
            Self::Apart(writer) => take(&mut writer.0.locked().lost),
        }
    }

    /// What is to be waited for until all lines are written.
    pub(super) fn lines(&self) -> Option<Arc<WaitingLines>> {
        match self {
            Self::Here(_) => None,
            Self::Apart(writer) => Some(Arc::clone(&writer.0)),
        }
    }
}

/// A file that grows by whole lines.
#[derive(Debug)]
pub(super) struct Appended {
    file: File,
    /// Whether only a part of the last line was written.
    is_torn: bool,
}

impl Appended {
    /// Writes lines, and says how many were not written, or not whole. They are in the file together,
    /// if nothing is in the way, because other processes may write to it as well.
    fn append(&mut self, lines: &[u8]) -> u64 {
        let mut rest = lines;
        if self.is_torn {
            self.is_torn = self.file.write_all(b"\n").is_err();
        }
        while !self.is_torn && !rest.is_empty() {
            match self.file.write(rest) {
                Ok(written) if written > 0 => rest = rest.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => break,
            }
        }
        let written = lines.strip_suffix(rest).unwrap_or_default();
        self.is_torn |= written.last().is_some_and(|last| *last != b'\n');
        let lost = rest.split_inclusive(|byte| *byte == b'\n').count();
        u64::try_from(lost).unwrap_or(u64::MAX)
    }
}

/// The thread that writes; it ends when nobody gives it lines any more and all are written.
#[derive(Debug)]
pub(super) struct LineWriter(Arc<WaitingLines>);

impl LineWriter {
    fn start(file: Appended) -> io::Result<Self> {
        let lines = Arc::<WaitingLines>::default();
        let of_thread = Arc::clone(&lines);
        let thread = thread::Builder::new().name("log".to_owned()).stack_size(STACK);
        thread.spawn(move || of_thread.write_to(file))?;
        Ok(Self(lines))
    }
}

impl Drop for LineWriter {
    fn drop(&mut self) {
        self.0.locked().is_closed = true;
        self.0.changed.notify_all();
    }
}

/// Lines that wait for the thread.
#[derive(Debug, Default)]
pub(super) struct WaitingLines {
    queue: Mutex<LineQueue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct LineQueue {
    bytes: Vec<u8>,
    lost: u64,
    /// Whether the thread waits for lines.
    is_idle: bool,
    is_closed: bool,
}

impl WaitingLines {
    fn locked(&self) -> MutexGuard<'_, LineQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, line: &[u8]) -> io::Result<()> {
        let mut queue = self.locked();
        if queue.bytes.len() + line.len() > ROOM {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        queue.bytes.extend_from_slice(line);
        if queue.is_idle {
            self.changed.notify_all();
        }
        Ok(())
    }

    fn write_to(&self, mut file: Appended) {
        let mut bytes = Vec::new();
        loop {
            let mut queue = self.locked();
            while queue.bytes.is_empty() {
                if queue.is_closed {
                    return;
                }
                if !queue.is_idle {
                    queue.is_idle = true;
                    self.changed.notify_all();
                }
                queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
            }
            queue.is_idle = false;
            swap(&mut bytes, &mut queue.bytes);
            drop(queue);
            let lost = file.append(&bytes);
            self.locked().lost += lost;
            bytes.clear();
            bytes.shrink_to(KEPT);
        }
    }

    /// Waits until all lines are written, but not for ever.
    pub(super) fn settle(&self, limit: Duration) {
        let is_busy = |queue: &mut LineQueue| !(queue.bytes.is_empty() && queue.is_idle);
        let _ = self.changed.wait_timeout_while(self.locked(), limit, is_busy);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::fd::OwnedFd;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    /// What stands still as soon as it is full, like a disk that hangs.
    fn standing_still() -> (io::PipeReader, Disk) {
        let (reader, writer) = io::pipe().unwrap();
        let mut disk = Disk::new(File::from(OwnedFd::from(writer)));
        disk.stand_apart();
        (reader, disk)
    }

    #[test]
    fn nobody_waits_for_a_disk_that_hangs_and_what_it_does_not_take_is_told() {
        let (mut reader, mut disk) = standing_still();
        let line = [[b'x'; 1023].as_slice(), b"\n"].concat();
        let mut taken = 0;
        while disk.write(&line).is_ok() {
            taken += 1;
        }
        assert!(taken * line.len() >= ROOM, "{taken}");
        // All that was taken is written once the disk goes on, and new lines find room.
        let mut seen = vec![0; taken * line.len()];
        reader.read_exact(&mut seen).unwrap();
        disk.lines().unwrap().settle(PATIENCE);
        disk.write(b"next\n").unwrap();
        drop(disk);
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"next\n");
    }

    #[test]
    fn what_was_taken_and_not_written_is_counted() {
        let (reader, mut disk) = standing_still();
        drop(reader);
        for count in 1..=3 {
            disk.write(b"one\ntwo\n").unwrap();
            disk.lines().unwrap().settle(PATIENCE);
            assert_eq!((count, disk.take_lost()), (count, 2));
        }
    }

    #[test]
    fn a_torn_line_does_not_swallow_the_next_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let file = File::options().append(true).create(true).open(&path).unwrap();
        let mut file = Appended { file, is_torn: true };
        assert_eq!(file.append(b"next\n"), 0);
        assert_eq!(std::fs::read(path).unwrap(), b"\nnext\n");
    }
}
