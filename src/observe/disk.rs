//! A file that takes log lines. Its disk may hang, and then only a thread waits for it.

use std::fs::File;
use std::io::{self, Write};
use std::mem::{swap, take};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use rustix::fs::fstat;

use super::place::{carries_protocol, open_end};
use crate::lock::{locked, wait_while};

/// As many bytes of lines wait for a disk: those of some seconds of a storm.
const ROOM: usize = 4 << 20;

/// So many bytes of room stay when all are written.
const KEPT: usize = 128 << 10;

/// So long lines are gathered that come right behind others: to wake the thread for each of them costs
/// more than all else that is done with a line.
const GATHERING: Duration = Duration::from_millis(5);

/// So many bytes are not gathered any longer.
const ENOUGH: usize = KEPT / 2;

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
        Self::Here(Appended { file, path: None, is_torn: false })
    }

    /// Lets another file of this name take lines where the file has none any more.
    pub(super) fn name(&mut self, path: &Path) {
        if let Self::Here(file) = self {
            file.path = Some(path.to_owned());
        }
    }

    /// Starts the thread; where the system starts none, to be held up is better than to have no log.
    pub(super) fn stand_apart(&mut self) {
        if let Self::Here(Appended { file, path, is_torn }) = self
            && let Ok(file) = file.try_clone()
            && let Ok(writer) =
                LineWriter::start(Appended { file, path: path.clone(), is_torn: *is_torn })
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
            Self::Apart(writer) => writer.0.take_lost(),
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
    /// Where it was opened.
    path: Option<PathBuf>,
    /// Whether only a part of the last line was written.
    is_torn: bool,
}

impl Appended {
    /// Writes lines, and says how many were not written, or not whole. They are in the file together,
    /// if nothing is in the way, because other processes may write to it as well.
    fn append(&mut self, lines: &[u8]) -> u64 {
        match self.is_found() || self.make_anew() {
            true => self.append_here(lines),
            false => count(lines),
        }
    }

    /// Whether anybody can find what is written here: not in a file that was removed.
    fn is_found(&self) -> bool {
        self.path.is_none() || fstat(&self.file).is_ok_and(|file| file.st_nlink > 0)
    }

    /// Goes on in a new file of the same name, if that is one.
    fn make_anew(&mut self) -> bool {
        let Some(Ok(file)) = self.path.as_deref().map(|path| open_end(path, true)) else {
            return false;
        };
        let is_file = file.metadata().is_ok_and(|file| file.is_file());
        if is_file && !carries_protocol(&file) {
            (self.file, self.is_torn) = (file, false);
        }
        self.is_found()
    }

    fn append_here(&mut self, lines: &[u8]) -> u64 {
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
        count(rest)
    }
}

fn count(lines: &[u8]) -> u64 {
    let count = lines.split_inclusive(|byte| *byte == b'\n').count();
    u64::try_from(count).unwrap_or(u64::MAX)
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
        let mut queue = locked(&self.0.queue);
        queue.is_closed = true;
        self.0.wake(&mut queue);
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
    /// With how many bytes the thread is to be woken; `None` while it is awake.
    wakes_with: Option<usize>,
    is_writing: bool,
    is_closed: bool,
}

impl LineQueue {
    fn is_settled(&self) -> bool {
        self.bytes.is_empty() && !self.is_writing
    }
}

impl WaitingLines {
    fn push(&self, line: &[u8]) -> io::Result<()> {
        let mut queue = locked(&self.queue);
        if queue.bytes.len() + line.len() > ROOM {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        queue.bytes.extend_from_slice(line);
        if queue.wakes_with.is_some_and(|enough| queue.bytes.len() >= enough) {
            self.wake(&mut queue);
        }
        Ok(())
    }

    fn wake(&self, queue: &mut LineQueue) {
        queue.wakes_with = None;
        self.changed.notify_all();
    }

    /// The thread: the first line after a while is written at once, and those behind it together.
    fn write_to(&self, mut file: Appended) {
        let mut bytes = Vec::new();
        let mut queue = locked(&self.queue);
        loop {
            queue = self.sleep(queue, ENOUGH, GATHERING);
            while queue.bytes.is_empty() {
                if queue.is_closed {
                    return;
                }
                queue = self.sleep(queue, 1, Duration::MAX);
            }
            queue.is_writing = true;
            swap(&mut bytes, &mut queue.bytes);
            drop(queue);
            let lost = file.append(&bytes);
            bytes.clear();
            bytes.shrink_to(KEPT);
            queue = locked(&self.queue);
            queue.is_writing = false;
            queue.lost += lost;
            // Somebody may wait until all are written.
            self.changed.notify_all();
        }
    }

    /// Lets the thread sleep until there are enough bytes, or something else is wanted of it, but no
    /// longer than that.
    fn sleep<'a>(
        &self,
        mut queue: MutexGuard<'a, LineQueue>,
        enough: usize,
        limit: Duration,
    ) -> MutexGuard<'a, LineQueue> {
        if queue.is_closed || queue.bytes.len() >= enough {
            return queue;
        }
        queue.wakes_with = Some(enough);
        let is_asleep = |queue: &mut LineQueue| queue.wakes_with.is_some();
        let mut queue = wait_while(&self.changed, queue, limit, is_asleep);
        queue.wakes_with = None;
        queue
    }

    /// How many lines could not be written, since this was asked last.
    pub(super) fn take_lost(&self) -> u64 {
        take(&mut locked(&self.queue).lost)
    }

    /// Whether all lines are written, or lost.
    pub(super) fn is_settled(&self) -> bool {
        locked(&self.queue).is_settled()
    }

    /// Waits until all lines are written, but not for ever.
    pub(super) fn settle(&self, limit: Duration) {
        let mut queue = locked(&self.queue);
        self.wake(&mut queue);
        drop(wait_while(&self.changed, queue, limit, |queue| !queue.is_settled()));
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixDatagram;
    use std::time::Instant;

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
    fn lines_that_come_one_after_the_other_are_written_together_and_in_order() {
        let (reader, writer) = UnixDatagram::pair().unwrap();
        reader.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut disk = Disk::new(File::from(OwnedFd::from(writer)));
        disk.stand_apart();
        let reading = thread::spawn(move || {
            let (mut all, mut writes) = (Vec::new(), 0_u32);
            let mut bytes = vec![0; 1 << 20];
            while !all.ends_with(b"end\n") {
                let length = reader.recv(&mut bytes).unwrap();
                all.extend_from_slice(&bytes[..length]);
                writes += 1;
            }
            (all, writes)
        });
        let (started, mut expected) = (Instant::now(), Vec::new());
        for number in 0..1000 {
            let line = format!("{number}\n");
            disk.write(line.as_bytes()).unwrap();
            expected.extend_from_slice(line.as_bytes());
            let next = Instant::now() + Duration::from_micros(100);
            while Instant::now() < next {
                thread::yield_now();
            }
        }
        let took = started.elapsed();
        disk.write(b"end\n").unwrap();
        let (all, writes) = reading.join().unwrap();
        assert_eq!(all, [&expected, b"end\n".as_slice()].concat());
        let at_most = 3.0 + took.div_duration_f64(GATHERING).ceil();
        assert!(f64::from(writes) <= at_most, "{writes} writes in {took:?}");
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
    fn a_file_that_is_removed_is_made_anew_and_what_is_lost_meanwhile_is_counted() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("logs/log");
        for stands_apart in [false, true] {
            std::fs::create_dir(directory.path().join("logs")).unwrap();
            let mut disk = Disk::new(open_end(&path, true).unwrap());
            disk.name(&path);
            if stands_apart {
                disk.stand_apart();
            }
            let write = |disk: &mut Disk| {
                let is_lost = disk.write(b"line\n").is_err();
                disk.lines().inspect(|lines| lines.settle(PATIENCE));
                u64::from(is_lost) + disk.take_lost()
            };
            assert_eq!(write(&mut disk), 0);
            std::fs::remove_file(&path).unwrap();
            assert_eq!(write(&mut disk), 0);
            assert_eq!(std::fs::read(&path).unwrap(), b"line\n");
            std::fs::remove_dir_all(directory.path().join("logs")).unwrap();
            assert_eq!(write(&mut disk), 1);
        }
    }

    #[test]
    fn a_torn_line_does_not_swallow_the_next_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let file = File::options().append(true).create(true).open(&path).unwrap();
        let mut file = Appended { file, path: None, is_torn: true };
        assert_eq!(file.append(b"next\n"), 0);
        assert_eq!(std::fs::read(path).unwrap(), b"\nnext\n");
    }
}
